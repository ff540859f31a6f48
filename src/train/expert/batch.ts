import type { LossRows } from '../losses/rows.ts'
import { sampleBelow, type Random } from '../random.ts'
import type { FitOptions, FitQuery, FitRoom, FitSet } from './fit.ts'

/** Queries, and the documents they are to be told apart by. */
export interface Batch {
  readonly queries: readonly number[]
  readonly columns: number
  /** For each query the column of its answer. */
  readonly targets: readonly number[]
  /** 1 where a column is another answer of the row's query. */
  readonly masked: Uint8Array
  /** For each query the place of its set: one and the same in a homogeneous batch. */
  readonly sets: readonly number[]
  /** For each column the number of its text, where documents learn as well. */
  readonly documents?: readonly number[]
  /** Where there is more to learn than one answer each. */
  readonly lesson?: Pick<LossRows, 'rewards' | 'losses'>
}

type DrawOptions = Pick<FitOptions, 'batchSize' | 'foreign' | 'foreignSets' | 'hardNegatives' | 'negatives'> &
  Partial<Pick<FitOptions, 'candidates' | 'homogeneous' | 'foreignText'>>

/** Columns a batch may have. */
export function mostColumns({
  batchSize,
  hardNegatives,
  negatives,
  candidates = 0,
  homogeneous = true,
}: Pick<FitOptions, 'batchSize' | 'hardNegatives' | 'negatives'> & Partial<Pick<FitOptions, 'candidates' | 'homogeneous'>>): number {
  // Negatives of several sets are rounded up for each.
  const rounded = negatives > 0 && !homogeneous ? batchSize : 0
  return Math.ceil(1.5 * (batchSize * (1 + hardNegatives + candidates) + negatives + rounded)) + 4
}

/**
 * Draws queries with an answer each, candidates that a teacher has judged, hard negatives, documents at random, and, a third of all, documents of
 * other domains. All are of one set, so that batches are homogeneous, unless sets are to be mixed. Writes the documents to the room.
 */
export function drawBatch(
  sets: readonly FitSet[],
  dimensions: number,
  { documents }: Pick<FitRoom, 'documents'>,
  options: DrawOptions,
  generator: Random,
): Batch {
  const { batchSize, foreign, foreignSets, hardNegatives, negatives, candidates = 0, homogeneous = true } = options
  const drawn = homogeneous ? oneSet(sets, batchSize, generator) : manySets(sets, batchSize, generator)
  const { column, columnOf, list } = gatherColumns()
  const targets = drawn.map(({ set, query }) => column(set, query.positives[generator.below(query.positives.length)]!))
  if (candidates > 0) {
    drawn.forEach(({ set, query }, row) => {
      const others = (query.rewards?.places ?? []).filter((place) => columnOf(set, place) !== targets[row])
      for (const i of sampleBelow(others.length, candidates, generator)) column(set, others[i]!)
    })
  }
  if (hardNegatives > 0) {
    for (const { set, query } of drawn) {
      const { hard = [] } = query
      for (const i of sampleBelow(hard.length, hardNegatives, generator)) column(set, hard[i]!)
    }
  }
  const some = [...new Set(drawn.map(({ set }) => set))]
  if (negatives > 0) {
    for (const set of some) for (const place of sampleBelow(set.count, Math.ceil(negatives / some.length), generator)) column(set, place)
  }

  // Up to whole fours, for the vector kernels.
  const wanted = Math.ceil((1.5 * list.length) / 4) * 4 - list.length
  const strangers = drawStrangers(wanted, dimensions, options, foreignSets ? sets.filter((other) => !some.includes(other)) : [], generator)
  for (let tries = 0; (list.length + strangers.length) % 4 > 0 && tries < 16; tries++) {
    const set = some[tries % some.length]!
    column(set, generator.below(set.count))
  }
  const all: Column[] = [...list, ...strangers]
  all.forEach(({ set, place }, at) => {
    const source = set ? set.documents : foreign
    documents.set(source.subarray(place * dimensions, (place + 1) * dimensions), at * dimensions)
  })

  const masked = new Uint8Array(drawn.length * all.length)
  drawn.forEach(({ set, query }, row) => {
    for (const place of query.positives) {
      const at = columnOf(set, place)
      if (at !== undefined && at !== targets[row]) masked[row * all.length + at] = 1
    }
  })
  const lesson = lessonOf(drawn, columnOf)
  const tied = some.every((set) => set.firstText !== undefined)
  return {
    queries: drawn.map(({ query }) => query.query),
    columns: all.length,
    targets,
    masked,
    sets: drawn.map(({ set }) => sets.indexOf(set)),
    ...(tied && { documents: all.map(({ set, place }) => (set ? set.firstText! : options.foreignText!) + place) }),
    ...(lesson && { lesson }),
  }
}

interface Drawn {
  readonly set: FitSet
  readonly query: FitQuery
}

/** A document of a set, or of other domains altogether. */
interface Column {
  readonly set: FitSet | undefined
  readonly place: number
}

/** Documents as they come, each text once. */
function gatherColumns() {
  const places = new Map<FitSet, Map<number, number>>()
  const list: Column[] = []
  const columnOf = (set: FitSet, place: number): number | undefined => places.get(set)?.get(set.same?.[place] ?? place)
  return {
    list,
    columnOf,
    column(set: FitSet, place: number): number {
      const known = columnOf(set, place)
      if (known !== undefined) return known
      const same = set.same?.[place] ?? place
      if (!places.has(set)) places.set(set, new Map())
      places.get(set)!.set(same, list.length)
      return list.push({ set, place: same }) - 1
    },
  }
}

function oneSet(sets: readonly FitSet[], batchSize: number, generator: Random): Drawn[] {
  const set = drawSet(sets, generator)
  return sampleBelow(set.queries.length, batchSize, generator).map((i) => ({ set, query: set.queries[i]! }))
}

function manySets(sets: readonly FitSet[], batchSize: number, generator: Random): Drawn[] {
  const counts = new Map<FitSet, number>()
  for (let i = 0; i < batchSize; i++) {
    const set = drawSet(sets, generator)
    counts.set(set, (counts.get(set) ?? 0) + 1)
  }
  return [...counts].flatMap(([set, count]) =>
    sampleBelow(set.queries.length, count, generator).map((i) => ({ set, query: set.queries[i]! })),
  )
}

/** Each row's candidates among the columns with their rewards, and how it learns. Nothing where all learn by contrast alone. */
function lessonOf(drawn: readonly Drawn[], columnOf: (set: FitSet, place: number) => number | undefined): Batch['lesson'] {
  if (drawn.every(({ set, query }) => !set.loss && !query.rewards)) return undefined
  const rewards = drawn.map(({ set, query }) => {
    if (!query.rewards) return undefined
    const { places, values } = query.rewards
    const known = new Map<number, number>()
    places.forEach((place, i) => {
      const at = columnOf(set, place)
      // Of two candidates that read the same the better one counts.
      if (at !== undefined) known.set(at, Math.max(values[i]!, known.get(at) ?? -Infinity))
    })
    return { columns: [...known.keys()], values: [...known.values()] }
  })
  return { rewards, losses: drawn.map(({ set }) => set.loss ?? {}) }
}

/** Documents of other domains, and of the other sets, each set alike. */
function drawStrangers(
  wanted: number,
  dimensions: number,
  { foreign }: Pick<FitOptions, 'foreign'>,
  others: readonly FitSet[],
  generator: Random,
): Column[] {
  const fromSets = others.length === 0 ? 0 : foreign.length === 0 ? wanted : Math.floor(wanted / 2)
  const count = foreign.length / dimensions
  const strangers = sampleBelow(count, Math.min(count, wanted - fromSets), generator).map((place): Column => ({ set: undefined, place }))
  for (let i = 0; i < fromSets; i++) {
    const set = others[generator.below(others.length)]!
    if (set.count > 0) strangers.push({ set, place: generator.below(set.count) })
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
