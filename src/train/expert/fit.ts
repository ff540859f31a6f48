import { setImmediate as nextTurn } from 'node:timers/promises'
import { warmUpThenDecay } from '../adam.ts'
import { infoNce } from '../info-nce.ts'
import { transpose } from '../matrix.ts'
import { random, sampleBelow, type Random } from '../random.ts'
import { meanNdcg10OfBlocks, rowsAtOnce } from '../ranking.ts'
import { bytesFor, type Workspace } from '../simd/workspace.ts'
import type { QuerySide } from './query-side.ts'

/** A set as the fit sees it: numbers for queries, vectors for documents. */
export interface FitSet {
  /** One unit vector after another, in the workspace. */
  readonly documents: Float32Array
  readonly queries: readonly FitQuery[]
  readonly heldOut: readonly FitQuery[]
}

export interface FitQuery {
  /** Its number among the query side's. */
  readonly query: number
  readonly positives: readonly number[]
  /** Documents that look like answers and are none, best first. */
  readonly hard?: readonly number[]
}

export interface FitOptions {
  readonly steps: number
  readonly rate: number
  readonly batchSize: number
  readonly temperature: number
  readonly seed: number
  /** Vectors of documents of other domains: a third of each batch's documents. */
  readonly foreign: Float32Array
  /** Hard negatives for each query of a batch; 0 for none. */
  readonly hardNegatives: number
  /** Steps between two looks at the held-out queries. */
  readonly lookEvery: number
  /** Looks without a better score before stopping. */
  readonly patience: number
  readonly signal: AbortSignal | undefined
  readonly onStep: (step: number, loss: number, best: number) => void
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

type RoomOptions = Pick<FitOptions, 'batchSize' | 'hardNegatives'>
type Counts = readonly { readonly documents: number; readonly heldOut: number }[]

/** Bytes that `fitRoom` takes. */
export function fitBytes(dimensions: number, counts: Counts, options: RoomOptions): number {
  return bytesFor(...Object.values(roomSizes(dimensions, counts, options)))
}

export function fitRoom(space: Workspace, dimensions: number, counts: Counts, options: RoomOptions): FitRoom {
  const sizes = roomSizes(dimensions, counts, options)
  const floats = Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, space.floats(size)])) as Record<
    keyof typeof sizes,
    Float32Array
  >
  return { space, ...floats }
}

function roomSizes(dimensions: number, counts: Counts, { batchSize, hardNegatives }: RoomOptions) {
  const columns = Math.ceil(1.5 * batchSize * (1 + hardNegatives)) + 4
  return {
    units: batchSize * dimensions,
    upstream: batchSize * dimensions,
    documents: columns * dimensions,
    turned: columns * dimensions,
    cosines: batchSize * columns,
    heldOut: Math.max(...counts.map(({ heldOut }) => heldOut)) * dimensions,
    scores: Math.max(...counts.map(({ documents }) => documents)) * rowsAtOnce,
  }
}

/** Trains a query side against frozen documents, keeps its best state on the held-out queries, and returns that score and its step. */
export async function fitQuerySide(
  side: QuerySide,
  sets: readonly FitSet[],
  room: FitRoom,
  options: FitOptions,
): Promise<{ score: number; step: number }> {
  const { steps, rate, seed, lookEvery, patience, signal, onStep } = options
  side.reset()
  let best = { score: scoreHeldOut(side, sets, room), step: 0 }
  side.keep()
  let unlucky = 0
  for (let step = 1; step <= steps && unlucky < patience; step++) {
    // One step takes some 20 ms; timers and requests of this thread go in between.
    await nextTurn()
    signal?.throwIfAborted()
    const loss = fitStep(
      side,
      drawBatch(sets, side.dimensions, room, options, random(seed, step)),
      room,
      options,
      warmUpThenDecay(step - 1, steps, rate),
      step,
    )
    if (step % lookEvery === 0 || step === steps) {
      const score = scoreHeldOut(side, sets, room)
      unlucky = score > best.score ? 0 : unlucky + 1
      if (score > best.score) {
        best = { score, step }
        side.keep()
      }
    }
    onStep(step, loss, best.score)
  }
  side.restore()
  return best
}

/** Mean over the sets of nDCG@10 on their held-out queries. */
export function scoreHeldOut(side: QuerySide, sets: readonly FitSet[], { space, heldOut: vectors, scores }: FitRoom): number {
  const { dimensions } = side
  const scored = sets.filter(({ heldOut }) => heldOut.length > 0)
  const perSet = scored.map(({ heldOut, documents }) => {
    side.forward(
      heldOut.map(({ query }) => query),
      vectors,
    )
    const count = documents.length / dimensions
    return meanNdcg10OfBlocks(
      vectors,
      dimensions,
      heldOut.map(({ positives }) => positives),
      (block, rows) => {
        space.multiplyTransposed(block, documents, scores, rows, count, dimensions)
        return scores.subarray(0, rows * count)
      },
    )
  })
  return perSet.reduce((sum, score) => sum + score, 0) / Math.max(1, perSet.length)
}

interface Batch {
  readonly queries: readonly number[]
  readonly columns: number
  readonly targets: readonly number[]
  readonly masked: Uint8Array
}

function drawBatch(
  sets: readonly FitSet[],
  dimensions: number,
  room: FitRoom,
  { batchSize, foreign, hardNegatives }: FitOptions,
  generator: Random,
): Batch {
  const set = drawSet(sets, generator)
  const rows = sampleBelow(set.queries.length, batchSize, generator).map((i) => set.queries[i]!)
  const columnOf = new Map<number, number>()
  const column = (place: number): number => {
    if (!columnOf.has(place)) columnOf.set(place, columnOf.size)
    return columnOf.get(place)!
  }
  const targets = rows.map(({ positives }) => column(positives[generator.below(positives.length)]!))
  if (hardNegatives > 0) {
    for (const { hard = [] } of rows) for (const i of sampleBelow(hard.length, hardNegatives, generator)) column(hard[i]!)
  }

  const foreignCount = foreign.length / dimensions
  // Up to whole fours, for the vector kernels.
  const wanted = Math.ceil((1.5 * columnOf.size) / 4) * 4 - columnOf.size
  const strangers = sampleBelow(foreignCount, Math.min(foreignCount, wanted), generator)
  const columns = columnOf.size + strangers.length
  const { documents } = room
  for (const [place, at] of columnOf) documents.set(set.documents.subarray(place * dimensions, (place + 1) * dimensions), at * dimensions)
  strangers.forEach((place, i) =>
    documents.set(foreign.subarray(place * dimensions, (place + 1) * dimensions), (columnOf.size + i) * dimensions),
  )

  const masked = new Uint8Array(rows.length * columns)
  rows.forEach(({ positives }, row) => {
    for (const place of positives) {
      const at = columnOf.get(place)
      if (at !== undefined && at !== targets[row]) masked[row * columns + at] = 1
    }
  })
  return { queries: rows.map(({ query }) => query), columns, targets, masked }
}

function drawSet(sets: readonly FitSet[], generator: Random): FitSet {
  const weights = sets.map(({ queries }) => Math.sqrt(queries.length))
  let left = generator.next() * weights.reduce((sum, weight) => sum + weight, 0)
  const chosen = weights.findIndex((weight) => (left -= weight) < 0)
  return sets[chosen === -1 ? weights.findLastIndex((weight) => weight > 0) : chosen]!
}

function fitStep(
  side: QuerySide,
  { queries, columns, targets, masked }: Batch,
  room: FitRoom,
  { temperature }: FitOptions,
  rate: number,
  step: number,
): number {
  const { space, units, upstream, documents, turned, cosines } = room
  const rows = queries.length
  side.forward(queries, units)
  space.multiplyTransposed(units, documents, cosines, rows, columns, side.dimensions)
  const loss = infoNce(cosines, { rows, columns, targets, masked, temperature })
  transpose(documents, turned, columns, side.dimensions)
  space.multiplyTransposed(cosines, turned, upstream, rows, side.dimensions, columns)
  side.learn(upstream, rate, step)
  return loss
}
