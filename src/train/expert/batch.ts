import { sampleBelow, type Random } from '../random.ts'
import type { FitOptions, FitRoom, FitSet } from './fit.ts'

/** Queries, and the documents they are to be told apart by. */
export interface Batch {
  readonly queries: readonly number[]
  readonly columns: number
  /** For each query the column of its answer. */
  readonly targets: readonly number[]
  /** 1 where a column is another answer of the row's query. */
  readonly masked: Uint8Array
}

/** Columns a batch may have. */
export function mostColumns({
  batchSize,
  hardNegatives,
  negatives,
}: Pick<FitOptions, 'batchSize' | 'hardNegatives' | 'negatives'>): number {
  return Math.ceil(1.5 * (batchSize * (1 + hardNegatives) + negatives)) + 4
}

/**
 * Draws queries of one set with an answer each, hard negatives, documents of the set at random, and, a third of all, documents
 * of other domains. Writes the documents to the room.
 */
export function drawBatch(
  sets: readonly FitSet[],
  dimensions: number,
  { documents }: Pick<FitRoom, 'documents'>,
  {
    batchSize,
    foreign,
    foreignSets,
    hardNegatives,
    negatives,
  }: Pick<FitOptions, 'batchSize' | 'foreign' | 'foreignSets' | 'hardNegatives' | 'negatives'>,
  generator: Random,
): Batch {
  const set = drawSet(sets, generator)
  const rows = sampleBelow(set.queries.length, batchSize, generator).map((i) => set.queries[i]!)
  const columnOf = new Map<number, number>()
  const column = (place: number): number => {
    const same = set.same?.[place] ?? place
    if (!columnOf.has(same)) columnOf.set(same, columnOf.size)
    return columnOf.get(same)!
  }
  const targets = rows.map(({ positives }) => column(positives[generator.below(positives.length)]!))
  if (hardNegatives > 0) {
    for (const { hard = [] } of rows) for (const i of sampleBelow(hard.length, hardNegatives, generator)) column(hard[i]!)
  }
  if (negatives > 0) for (const place of sampleBelow(set.count, negatives, generator)) column(place)

  // Up to whole fours, for the vector kernels.
  const wanted = Math.ceil((1.5 * columnOf.size) / 4) * 4 - columnOf.size
  const strangers = drawStrangers(wanted, dimensions, foreign, foreignSets ? sets.filter((other) => other !== set) : [], generator)
  for (let tries = 0; (columnOf.size + strangers.length) % 4 > 0 && tries < 16; tries++) column(generator.below(set.count))
  const columns = columnOf.size + strangers.length
  for (const [place, at] of columnOf) documents.set(set.documents.subarray(place * dimensions, (place + 1) * dimensions), at * dimensions)
  strangers.forEach((vector, i) => documents.set(vector, (columnOf.size + i) * dimensions))

  const masked = new Uint8Array(rows.length * columns)
  rows.forEach(({ positives }, row) => {
    for (const place of positives) {
      const at = columnOf.get(set.same?.[place] ?? place)
      if (at !== undefined && at !== targets[row]) masked[row * columns + at] = 1
    }
  })
  return { queries: rows.map(({ query }) => query), columns, targets, masked }
}

/** Documents of other domains, and of the other sets, each set alike. */
function drawStrangers(
  wanted: number,
  dimensions: number,
  foreign: Float32Array,
  others: readonly FitSet[],
  generator: Random,
): Float32Array[] {
  const row = (vectors: Float32Array, place: number): Float32Array => vectors.subarray(place * dimensions, (place + 1) * dimensions)
  const fromSets = others.length === 0 ? 0 : foreign.length === 0 ? wanted : Math.floor(wanted / 2)
  const count = foreign.length / dimensions
  const strangers = sampleBelow(count, Math.min(count, wanted - fromSets), generator).map((place) => row(foreign, place))
  for (let i = 0; i < fromSets; i++) {
    const other = others[generator.below(others.length)]!
    if (other.count > 0) strangers.push(row(other.documents, generator.below(other.count)))
  }
  return strangers
}

/** One set, by the square root of its size. Supporting sets get a third of the draws at most. */
function drawSet(sets: readonly FitSet[], generator: Random): FitSet {
  const sizes = sets.map(({ queries }) => Math.sqrt(queries.length))
  const sum = (supports: boolean): number => sizes.reduce((total, size, i) => (sets[i]!.supports === supports ? total + size : total), 0)
  const [main, support] = [sum(false), sum(true)]
  const share = main > 0 && support > main / 2 ? main / 2 / support : 1
  const weights = sizes.map((size, i) => (sets[i]!.supports ? share * size : size))
  let left = generator.next() * weights.reduce((total, weight) => total + weight, 0)
  const chosen = weights.findIndex((weight) => (left -= weight) < 0)
  return sets[chosen === -1 ? weights.findLastIndex((weight) => weight > 0) : chosen]!
}
