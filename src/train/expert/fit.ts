import { setImmediate as nextTurn } from 'node:timers/promises'
import { warmUpThenDecay } from '../adam.ts'
import { infoNce } from '../info-nce.ts'
import { multiplyTransposed, transpose } from '../matrix.ts'
import { random, sampleBelow, type Random } from '../random.ts'
import { meanNdcg10 } from '../ranking.ts'
import type { QuerySide } from './query-side.ts'

/** A set as the fit sees it: numbers for queries, vectors for documents. */
export interface FitSet {
  /** One unit vector after another. */
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

/** Trains a query side against frozen documents, keeps its best state on the held-out queries, and returns that score and its step. */
export async function fitQuerySide(side: QuerySide, sets: readonly FitSet[], options: FitOptions): Promise<{ score: number; step: number }> {
  const { steps, rate, seed, lookEvery, patience, signal, onStep } = options
  let best = { score: scoreHeldOut(side, sets), step: 0 }
  side.keep()
  let unlucky = 0
  for (let step = 1; step <= steps && unlucky < patience; step++) {
    // One step takes some 50 ms; timers and requests of this thread go in between.
    await nextTurn()
    signal?.throwIfAborted()
    const loss = fitStep(side, drawBatch(sets, side.dimensions, options, random(seed, step)), options, warmUpThenDecay(step - 1, steps, rate), step)
    if (step % lookEvery === 0 || step === steps) {
      const score = scoreHeldOut(side, sets)
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
export function scoreHeldOut(side: QuerySide, sets: readonly FitSet[]): number {
  const scored = sets.filter(({ heldOut }) => heldOut.length > 0)
  const scores = scored.map(({ heldOut, documents }) => {
    const vectors = new Float32Array(heldOut.length * side.dimensions)
    side.forward(heldOut.map(({ query }) => query), vectors)
    const queries = heldOut.map((_, i) => vectors.subarray(i * side.dimensions, (i + 1) * side.dimensions))
    return meanNdcg10(queries, documents, heldOut.map(({ positives }) => positives))
  })
  return scores.reduce((sum, score) => sum + score, 0) / Math.max(1, scores.length)
}

interface Batch {
  readonly queries: readonly number[]
  readonly documents: Float32Array
  readonly columns: number
  readonly targets: readonly number[]
  readonly masked: Uint8Array
}

function drawBatch(sets: readonly FitSet[], dimensions: number, { batchSize, foreign, hardNegatives }: FitOptions, generator: Random): Batch {
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
  const strangers = sampleBelow(foreignCount, Math.min(foreignCount, Math.ceil(columnOf.size / 2)), generator)
  const columns = columnOf.size + strangers.length
  const documents = new Float32Array(columns * dimensions)
  for (const [place, at] of columnOf) documents.set(set.documents.subarray(place * dimensions, (place + 1) * dimensions), at * dimensions)
  strangers.forEach((place, i) => documents.set(foreign.subarray(place * dimensions, (place + 1) * dimensions), (columnOf.size + i) * dimensions))

  const masked = new Uint8Array(rows.length * columns)
  rows.forEach(({ positives }, row) => {
    for (const place of positives) {
      const at = columnOf.get(place)
      if (at !== undefined && at !== targets[row]) masked[row * columns + at] = 1
    }
  })
  return { queries: rows.map(({ query }) => query), documents, columns, targets, masked }
}

function drawSet(sets: readonly FitSet[], generator: Random): FitSet {
  const weights = sets.map(({ queries }) => Math.sqrt(queries.length))
  let left = generator.next() * weights.reduce((sum, weight) => sum + weight, 0)
  const chosen = weights.findIndex((weight) => (left -= weight) < 0)
  return sets[chosen === -1 ? weights.findLastIndex((weight) => weight > 0) : chosen]!
}

function fitStep(side: QuerySide, batch: Batch, { temperature }: FitOptions, rate: number, step: number): number {
  const { queries, documents, columns, targets, masked } = batch
  const rows = queries.length
  const units = new Float32Array(rows * side.dimensions)
  side.forward(queries, units)
  const cosines = new Float32Array(rows * columns)
  multiplyTransposed(units, documents, cosines, rows, columns, side.dimensions)
  const loss = infoNce(cosines, { rows, columns, targets, masked, temperature })
  const turned = new Float32Array(documents.length)
  transpose(documents, turned, columns, side.dimensions)
  const upstream = new Float32Array(units.length)
  multiplyTransposed(cosines, turned, upstream, rows, side.dimensions, columns)
  side.learn(upstream, rate, step)
  return loss
}
