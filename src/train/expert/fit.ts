import { setImmediate as nextTurn } from 'node:timers/promises'
import { warmUpThenDecay } from '../adam.ts'
import { infoNce } from '../info-nce.ts'
import { transpose } from '../matrix.ts'
import { random } from '../random.ts'
import { meanNdcg10OfBlocks, rowsAtOnce } from '../ranking.ts'
import { bytesFor, type Workspace } from '../simd/workspace.ts'
import { drawBatch, mostColumns, type Batch } from './batch.ts'
import type { QuerySide } from './query-side.ts'

/** A set as the fit sees it: numbers for queries, vectors for documents. */
export interface FitSet {
  /** One unit vector after another, in the workspace, and zeros up to whole fours, for the vector kernels. */
  readonly documents: Float32Array
  /** Documents there are. */
  readonly count: number
  /** For each document the first of the same text. Absent when all differ. */
  readonly same?: Uint32Array
  readonly queries: readonly FitQuery[]
  readonly heldOut: readonly FitQuery[]
  /** Beside the sets that matter, such as questions made up of documents. */
  readonly supports: boolean
}

export interface FitQuery {
  /** Its number among the query side's. */
  readonly query: number
  readonly positives: readonly number[]
  /** Documents that look like answers and are none, best first. */
  readonly hard?: readonly number[]
}

export interface FitOptions {
  /** Length of the learning rate's schedule. */
  readonly steps: number
  /** Last step that is done. @default steps */
  readonly until?: number
  readonly rate: number
  readonly batchSize: number
  readonly temperature: number
  /** Share of a query's tokens left out, anew in each step. */
  readonly dropout: number
  readonly seed: number
  /** Vectors of documents of other domains: a third of each batch's documents. */
  readonly foreign: Float32Array
  /** Whether documents of the other sets are as foreign to a set as those. */
  readonly foreignSets: boolean
  /** Hard negatives for each query of a batch; 0 for none. */
  readonly hardNegatives: number
  /** Documents of the set drawn at random as further negatives of a batch. */
  readonly negatives: number
  /** Steps between two looks at the held-out queries; 0 for none, which keeps the last state. */
  readonly lookEvery: number
  /** Looks without a better score before stopping. */
  readonly patience: number
  readonly signal: AbortSignal | undefined
  /** Called after every step; what it returns is waited for. */
  readonly onStep: (state: FitState, loss: number) => Promise<void> | void
}

/** Where a fit stands; with the query side's arrays, enough to go on. */
export interface FitState {
  readonly step: number
  /** nDCG@10 on the held-out queries, at the start and at each look. */
  readonly looks: readonly Look[]
}

export interface Look {
  readonly step: number
  readonly score: number
}

/** Room in a workspace for the matrices of a fit. */
export interface FitRoom {
  readonly space: Workspace
  readonly units: Float32Array
  readonly upstream: Float32Array
  readonly documents: Float32Array
  readonly turned: Float32Array
  readonly cosines: Float32Array
  readonly heldOut: Float32Array
  readonly scores: Float32Array
}

type RoomOptions = Pick<FitOptions, 'batchSize' | 'hardNegatives' | 'negatives'>

/** Scores held at a time while looking: little enough that a thread's other work need not wait long. */
const scoresAtOnce = 1 << 20

/** Bytes that `fitRoom` takes. `mostDocuments` is the largest set's number. */
export function fitBytes(dimensions: number, mostDocuments: number, options: RoomOptions): number {
  return bytesFor(...Object.values(roomSizes(dimensions, mostDocuments, options)))
}

export function fitRoom(space: Workspace, dimensions: number, mostDocuments: number, options: RoomOptions): FitRoom {
  const sizes = roomSizes(dimensions, mostDocuments, options)
  const floats = Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, space.floats(size)])) as Record<
    keyof typeof sizes,
    Float32Array
  >
  return { space, ...floats }
}

function roomSizes(dimensions: number, mostDocuments: number, options: RoomOptions) {
  const columns = mostColumns(options)
  return {
    units: options.batchSize * dimensions,
    upstream: options.batchSize * dimensions,
    documents: columns * dimensions,
    turned: columns * dimensions,
    cosines: options.batchSize * columns,
    heldOut: rowsAtOnce * dimensions,
    // A smaller set takes more rows at once, and may take more in all than the largest.
    scores: Math.max(scoresAtOnce, 4 * wholeFours(mostDocuments)),
  }
}

/** Rows a set's documents take in the workspace. */
export function wholeFours(count: number): number {
  return 4 * Math.ceil(count / 4)
}

function rowsFor(documents: number): number {
  return Math.max(4, Math.min(rowsAtOnce, 4 * Math.floor(scoresAtOnce / Math.max(1, wholeFours(documents)) / 4)))
}

/**
 * Trains a query side against frozen documents from where `reset` puts it, or from where a fit stood, and leaves it in its best
 * state on the held-out queries. Gives every look at them.
 */
export async function fitQuerySide(
  side: QuerySide,
  sets: readonly FitSet[],
  room: FitRoom,
  options: FitOptions,
  resume?: FitState,
): Promise<readonly Look[]> {
  const { steps, until = steps, rate, seed, lookEvery, patience, signal, onStep } = options
  const looks = [...(resume?.looks ?? [])]
  if (!resume) {
    side.reset()
    side.keep()
    if (lookEvery > 0) looks.push({ step: 0, score: await scoreHeldOut(side, sets, room, signal) })
  }
  for (let step = (resume?.step ?? 0) + 1; step <= until && looksSinceBest(looks) < patience; step++) {
    // One step takes some 20 ms; timers and requests of this thread go in between.
    await nextTurn()
    signal?.throwIfAborted()
    const generator = random(seed, step)
    const batch = drawBatch(sets, side.dimensions, room, options, generator)
    const loss = await fitStep(side, batch, room, options, warmUpThenDecay(step - 1, steps, rate), step)
    if (lookEvery > 0 && (step % lookEvery === 0 || step === until)) {
      const score = await scoreHeldOut(side, sets, room, signal)
      if (score > bestLook(looks).score) side.keep()
      looks.push({ step, score })
    }
    await onStep({ step, looks }, loss)
  }
  if (lookEvery > 0) side.restore()
  return looks
}

/** The first of the best. */
export function bestLook(looks: readonly Look[]): Look {
  return looks.reduce((best, look) => (look.score > best.score ? look : best))
}

function looksSinceBest(looks: readonly Look[]): number {
  return looks.length === 0 ? 0 : looks.length - 1 - looks.indexOf(bestLook(looks))
}

/** Mean over the sets of nDCG@10 on their held-out queries. */
export async function scoreHeldOut(
  side: QuerySide,
  sets: readonly FitSet[],
  room: FitRoom,
  signal: AbortSignal | undefined,
): Promise<number> {
  const scores: number[] = []
  for (const set of sets) if (set.heldOut.length > 0) scores.push(await scoreQueries(side, set.heldOut, set, room, signal))
  return scores.reduce((sum, score) => sum + score, 0) / Math.max(1, scores.length)
}

async function scoreQueries(
  side: QuerySide,
  queries: readonly FitQuery[],
  { documents, count }: Pick<FitSet, 'documents' | 'count'>,
  { space, heldOut: vectors, scores }: FitRoom,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { dimensions } = side
  const columns = wholeFours(count)
  const atOnce = rowsFor(count)
  let sum = 0
  for (let from = 0; from < queries.length; from += atOnce) {
    await nextTurn()
    signal?.throwIfAborted()
    const part = queries.slice(from, from + atOnce)
    const out = vectors.subarray(0, part.length * dimensions)
    await side.forward(
      part.map(({ query }) => query),
      out,
    )
    const mean = meanNdcg10OfBlocks(
      out,
      dimensions,
      part.map(({ positives }) => positives),
      (block, rows) => {
        space.multiplyTransposed(block, documents, scores, rows, columns, dimensions)
        for (let row = 0; row < rows; row++) scores.fill(-2, row * columns + count, (row + 1) * columns)
        return scores.subarray(0, rows * columns)
      },
    )
    sum += mean * part.length
  }
  return sum / Math.max(1, queries.length)
}

async function fitStep(
  side: QuerySide,
  batch: Batch,
  room: FitRoom,
  { temperature, dropout, seed }: FitOptions,
  rate: number,
  step: number,
): Promise<number> {
  const { space, units, upstream, documents, turned, cosines } = room
  const { queries, columns, targets, masked } = batch
  const { dimensions, learning } = side
  if ('contrast' in learning) return learning.contrast(batch, documents.subarray(0, columns * dimensions), temperature, rate, step)
  const rows = queries.length
  await side.forward(queries, units, dropout > 0 ? { share: dropout, generator: random(seed, step, 0xd0) } : undefined)
  space.multiplyTransposed(units, documents, cosines, rows, columns, dimensions)
  const loss = infoNce(cosines, { rows, columns, targets, masked, temperature })
  transpose(documents, turned, columns, dimensions)
  space.multiplyTransposed(cosines, turned, upstream, rows, dimensions, columns)
  learning.learn(upstream, rate, step)
  return loss
}
