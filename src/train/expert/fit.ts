import { setImmediate as nextTurn } from 'node:timers/promises'
import { InvalidArgumentError } from '../../errors.ts'
import { warmUpThenDecay } from '../adam.ts'
import { infoNce } from '../info-nce.ts'
import type { LossSettings } from '../losses/loss.ts'
import { selfPacing, type TaskPace } from '../losses/pace.ts'
import { lossOfRows } from '../losses/rows.ts'
import { multiplyTransposed, transpose } from '../matrix.ts'
import { random } from '../random.ts'
import { rowsAtOnce } from '../ranking.ts'
import { bytesFor, type Workspace } from '../simd/workspace.ts'
import { drawBatch, mostColumns, type Batch } from './batch.ts'
import { bestLook, looksSinceBest, scoreHeldOut, scoresAtOnce, wholeFours } from './look.ts'
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
  /** What it is called in logs. */
  readonly task?: string
  /** How its queries learn. @default by contrast alone */
  readonly loss?: LossSettings
  /** Where documents learn as well: the number of the first one's text among the query side's, */
  readonly firstText?: number
  /** and those that are embedded anew for each look at the held-out queries. */
  readonly pool?: readonly number[]
}

export interface FitQuery {
  /** Its number among the query side's. */
  readonly query: number
  readonly positives: readonly number[]
  /** Documents that look like answers and are none, best first. */
  readonly hard?: readonly number[]
  /** What a teacher makes of some documents. */
  readonly rewards?: { readonly places: readonly number[]; readonly values: readonly number[] }
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
  /** Candidates with rewards that a batch has for each query, beside its answer. */
  readonly candidates: number
  /** All queries of a batch are of one set. */
  readonly homogeneous: boolean
  /** Sets whose loss is still high get larger steps; only with homogeneous batches. */
  readonly selfPaced: boolean
  /** Where documents learn as well: the number of the first foreign document's text. */
  readonly foreignText: number
  /** Steps between two looks at the held-out queries; 0 for none, which keeps the last state. */
  readonly lookEvery: number
  /** Looks without a better score before stopping. */
  readonly patience: number
  /** Leave the side in its last state rather than in its best. @default false */
  readonly keepLast?: boolean
  readonly signal: AbortSignal | undefined
  /** Called after every step; what it returns is waited for. */
  readonly onStep: (state: FitState, step: FitStep) => Promise<void> | void
}

/** What a step did. */
export interface FitStep {
  /** In nats. */
  readonly loss: number
  /** Learning rate, pace included. */
  readonly rate: number
  readonly pace: number
  /** For each set the queries it gave. */
  readonly queries: readonly number[]
}

/** Where a fit stands; with the query side's arrays, enough to go on. */
export interface FitState {
  readonly step: number
  /** nDCG@10 on the held-out queries, at the start and at each look. */
  readonly looks: readonly Look[]
  /** How each set has been doing, for self-paced steps. */
  readonly paces?: readonly TaskPace[]
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
  readonly pool: Float32Array
}

type RoomOptions = Pick<FitOptions, 'batchSize' | 'hardNegatives' | 'negatives'> &
  Partial<Pick<FitOptions, 'candidates' | 'homogeneous'>> & {
    /** Documents that learn as well: those of the largest pool. @default 0 */
    readonly pool?: number
  }

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
  const { pool = 0 } = options
  const rows = options.batchSize + (pool > 0 ? columns : 0)
  return {
    units: rows * dimensions,
    upstream: rows * dimensions,
    documents: columns * dimensions,
    turned: columns * dimensions,
    cosines: options.batchSize * columns,
    heldOut: rowsAtOnce * dimensions,
    // A smaller set takes more rows at once, and may take more in all than the largest.
    scores: Math.max(scoresAtOnce, 4 * wholeFours(mostDocuments)),
    pool: wholeFours(pool) * dimensions,
  }
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
  const { steps, until = steps, rate, seed, lookEvery, patience, selfPaced, homogeneous, signal, onStep } = options
  const looks = [...(resume?.looks ?? [])]
  const pacing = selfPacing(sets.length, resume?.paces)
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
    const set = batch.sets[0]!
    const pace = selfPaced && homogeneous ? pacing.paceOf(set) : 1
    const stepRate = pace * warmUpThenDecay(step - 1, steps, rate)
    const loss = await fitStep(side, batch, room, options, stepRate, step)
    // Cosines that are no numbers would rank every answer first.
    if (!Number.isFinite(loss))
      throw new InvalidArgumentError('rates', `make the loss ${loss} at step ${step} (rate ${stepRate})`, 'Give lower ones.')
    if (homogeneous) pacing.learned(set, loss)
    if (lookEvery > 0 && (step % lookEvery === 0 || step === until)) {
      const score = await scoreHeldOut(side, sets, room, signal)
      if (score > bestLook(looks).score) side.keep()
      looks.push({ step, score })
    }
    const queries = sets.map((_, i) => batch.sets.filter((each) => each === i).length)
    await onStep({ step, looks, ...(selfPaced && { paces: [...pacing.paces] }) }, { loss, rate: stepRate, pace, queries })
  }
  if (lookEvery > 0 && !options.keepLast) side.restore()
  return looks
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
  const { queries, columns, targets, masked, lesson } = batch
  const { dimensions, learning } = side
  const rows = queries.length
  const tied = batch.documents ?? []
  if (learning.contrast && !lesson && tied.length === 0)
    return learning.contrast(batch, documents.subarray(0, columns * dimensions), temperature, rate, step)
  const drop = dropout > 0 ? { share: dropout, generator: random(seed, step, 0xd0) } : undefined
  await side.forward([...queries, ...tied], units.subarray(0, (rows + tied.length) * dimensions), drop)
  // Documents make a step several times as long: others have their turn between its parts.
  const breathe = async (): Promise<void> => void (tied.length > 0 && (await nextTurn()))
  await breathe()
  if (tied.length > 0) documents.set(units.subarray(rows * dimensions, (rows + columns) * dimensions))
  space.multiplyTransposed(units, documents, cosines, rows, columns, dimensions)
  const loss = lesson
    ? lossOfRows(cosines.subarray(0, rows * columns), { columns, targets, masked, ...lesson }, temperature)
    : infoNce(cosines, { rows, columns, targets, masked, temperature })
  await breathe()
  transpose(documents, turned, columns, dimensions)
  space.multiplyTransposed(cosines, turned, upstream, rows, dimensions, columns)
  await breathe()
  if (tied.length > 0) slopesOfDocuments(cosines, units, upstream.subarray(rows * dimensions), { rows, columns, dimensions })
  await breathe()
  await learning.learn(upstream.subarray(0, (rows + tied.length) * dimensions), rate, step)
  return loss
}

/** The gradient with respect to the documents' vectors: that of the cosines, turned, times the queries' vectors. */
function slopesOfDocuments(
  slopes: Float32Array,
  queries: Float32Array,
  into: Float32Array,
  { rows, columns, dimensions }: { readonly rows: number; readonly columns: number; readonly dimensions: number },
): void {
  const [turnedSlopes, turnedQueries] = [new Float32Array(columns * rows), new Float32Array(dimensions * rows)]
  transpose(slopes.subarray(0, rows * columns), turnedSlopes, rows, columns)
  transpose(queries.subarray(0, rows * dimensions), turnedQueries, rows, dimensions)
  multiplyTransposed(turnedSlopes, turnedQueries, into, columns, dimensions, rows)
}
