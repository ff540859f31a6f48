import type { Vector } from '../../vector.ts'
import { topK, type TopK } from '../top-k.ts'
import { block, roundedRows, type Bounds, type RoundedRows } from './rounded.ts'
import { has, type RowSet } from './row-set.ts'

/** The vectors of one space in memory, by document row. Freed places are used again. */
export interface Arena {
  readonly dimensions: number
  readonly size: number
  has(row: number): boolean
  /** Keeps a copy; whoever calls has checked that it is finite. */
  set(row: number, vector: Vector): void
  delete(row: number): void
  /** A copy. */
  get(row: number): Vector | undefined
  isZero(row: number): boolean
  /** True when the row has exactly this vector. */
  equals(row: number, vector: Vector): boolean
  /** Cosine of the row's vector with the query; the row must have one. */
  similarity(query: Vector, row: number): number
  /** Rows that have a vector, in the order they lie in memory. */
  rows(): Int32Array
  /**
   * Offers rows that have a vector, and are in `allowed` if given, with their similarities: all that could be among the best. Of `rows`, or
   * of all rows without them. The query is not zeros.
   */
  scan(query: Vector, rows: Int32Array | undefined, allowed: RowSet | undefined, best: TopK<number>): void
  /** Looks at all rows for several queries at once, for scans that follow with the same query objects; kept until a vector changes. */
  prepare(queries: readonly Vector[]): void
}

export interface ArenaOptions {
  /** Vectors that will come: they need no growth. */
  readonly expected?: number
  /** Vectors from which on there is a rounded copy of them to scan first; below, it saves nothing. */
  readonly roundedFrom?: number
}

const none = -1
/** Floats that are reserved at a time, about: memory grows by steps, and what is there is not copied. */
const chunkFloats = 2 ** 20
/** The mean of the first vectors is a poor centre of those that come later: copies are made anew when there are so many times as many … */
const recentring = 4
/** … up to this many, for it keeps searches waiting: some 0.1 s at 384 dimensions. */
const mostRecentred = 50_000
/** Bounds that are looked at together. */
const mostBounds = 64 * block
/** Bounds that are kept for scans that follow, of four bytes each. */
const mostPrepared = 2 ** 22
/** Fewer rows than this are compared at once, without a look at their bounds. */
const fewRows = 64

/** An empty arena for vectors of this length. */
export function arena(dimensions: number, { expected = 64, roundedFrom = 1024 }: ArenaOptions = {}): Arena {
  const chunkBits = Math.max(6, Math.floor(Math.log2(chunkFloats / dimensions)))
  const chunkRows = 2 ** chunkBits
  const chunks: Float32Array[] = []
  let rowOf = new Int32Array(expected).fill(none)
  let placeOf = new Int32Array(expected).fill(none)
  const free: number[] = []
  let listed: Int32Array | undefined
  let used = 0
  /** `null` where there can be none. */
  let rounded: RoundedRows | null | undefined
  let recentredFrom = Infinity
  let scratch = new Float32Array(0)
  /** Bounds of all places by query. */
  const prepared = new Map<Vector, Float32Array>()

  const placed = (row: number): number => placeOf[row] ?? none
  const chunkOf = (place: number): Float32Array => chunks[place >>> chunkBits]!
  const startOf = (place: number): number => (place & (chunkRows - 1)) * dimensions
  const vectorAt = (place: number): Vector => chunkOf(place).subarray(startOf(place), startOf(place) + dimensions)

  const allocate = (): number => {
    const reused = free.pop()
    if (reused !== undefined) return reused
    if (used === rowOf.length) rowOf = grown(rowOf, Math.max(64, Math.ceil(used * 1.5)))
    const chunk = used >>> chunkBits
    if (chunk > 0) chunks[chunk] ??= new Float32Array(chunkRows * dimensions)
    else if (used * dimensions >= (chunks[0]?.length ?? 0)) {
      // The first one grows, so that a small space stays small.
      const first = new Float32Array(Math.min(chunkRows, Math.max(expected, 64, 2 * used)) * dimensions)
      first.set(chunks[0] ?? [])
      chunks[0] = first
    }
    return used++
  }

  const roundAll = (): void => {
    rounded = roundedRows(dimensions, { expected: Math.max(used, expected), centre: meanOf(used, dimensions, vectorAt) }) ?? null
    for (let place = 0; place < used; place++) rounded?.set(place, vectorAt(place))
    recentredFrom = used < mostRecentred ? recentring * used : Infinity
  }
  /** Keeps the copy in step; without a place, makes it if it is due. */
  const round = (place?: number): void => {
    if (rounded === null) return
    try {
      if (rounded ? used >= recentredFrom : used >= (place === undefined ? roundedFrom : Math.max(roundedFrom, expected))) roundAll()
      else if (place !== undefined) rounded?.set(place, vectorAt(place))
    } catch {
      // No memory for it: everything is compared at full length.
      rounded = null
    }
  }

  return {
    dimensions,
    get size() {
      return used - free.length
    },
    has: (row) => placed(row) !== none,
    set(row, vector) {
      prepared.clear()
      let place = placed(row)
      if (place === none) {
        place = allocate()
        listed = undefined
        if (row >= placeOf.length) placeOf = grown(placeOf, Math.max(row + 1, Math.ceil(placeOf.length * 1.5)))
        placeOf[row] = place
        rowOf[place] = row
      }
      chunkOf(place).set(vector, startOf(place))
      round(place)
    },
    delete(row) {
      const place = placed(row)
      if (place === none) return
      prepared.clear()
      placeOf[row] = none
      rowOf[place] = none
      listed = undefined
      free.push(place)
    },
    get(row) {
      const place = placed(row)
      return place === none ? undefined : vectorAt(place).slice()
    },
    isZero: (row) => vectorAt(placeOf[row]!).every((value) => value === 0),
    equals(row, vector) {
      const place = placed(row)
      if (place === none) return false
      const held = vectorAt(place)
      return vector.every((value, i) => value === held[i])
    },
    similarity(query, row) {
      const place = placeOf[row]!
      return dotAt(query, chunkOf(place), startOf(place))
    },
    rows: () => (listed ??= free.length === 0 ? rowOf.subarray(0, used) : rowOf.subarray(0, used).filter((row) => row !== none)),

    prepare(queries) {
      prepared.clear()
      round()
      if (!rounded || used < fewRows || used * queries.length > mostPrepared) return
      const bounds = rounded.askTogether(queries, used)
      for (const [i, query] of queries.entries()) prepared.set(query, bounds[i]!)
    },

    scan(query, rows, allowed, best) {
      const isAsked = (place: number): boolean => rowOf[place] !== none && (!allowed || has(allowed, rowOf[place]!))
      const compare = (place: number): void => {
        const similarity = dotAt(query, chunkOf(place), startOf(place))
        if (similarity >= best.threshold()) best.offer(rowOf[place]!, similarity)
      }
      /** Those with the highest bounds come first: the best of them leave few others to compare. */
      const compareBounded = (bounds: Float32Array, placeAt: (i: number) => number): void => {
        const highest = topK<number>(best.k, () => false)
        let floor = best.threshold()
        for (let i = 0; i < bounds.length; i++) {
          if (!(bounds[i]! > floor) || !isAsked(placeAt(i))) continue
          highest.offer(i, bounds[i]!)
          floor = Math.max(floor, highest.threshold())
        }
        const compared = new Set(highest.take())
        for (const i of compared) compare(placeAt(i))
        const threshold = best.threshold()
        // Cosines are cut at -1, bounds are not. A bound may be NaN where numbers overflow.
        const least = threshold > -1 ? threshold : -Infinity
        for (let i = 0; i < bounds.length; i++) if (!(bounds[i]! < least) && !compared.has(i) && isAsked(placeAt(i))) compare(placeAt(i))
      }

      round()
      const ready = rows ? undefined : prepared.get(query)
      if (ready) return compareBounded(ready, (i) => i)
      const places = rows && placesOf(rows)
      const count = places?.length ?? used
      const bounds: Bounds | undefined = rounded && count >= fewRows ? rounded.ask(query) : undefined
      if (!bounds) {
        for (let i = 0; i < count; i++) {
          const place = places ? places[i]! : i
          if (isAsked(place)) compare(place)
        }
        return
      }
      if (scratch.length < Math.min(mostBounds, count)) scratch = new Float32Array(Math.min(mostBounds, count))
      for (let from = 0; from < count; from += mostBounds) {
        const now = Math.min(mostBounds, count - from)
        for (let at = 0; at < now; at += block) {
          const [start, length] = [from + at, Math.min(block, now - at)]
          scratch.set(places ? bounds.chosen(places.subarray(start, start + length)) : bounds.consecutive(start, length), at)
        }
        compareBounded(scratch.subarray(0, now), (i) => (places ? places[from + i]! : from + i))
      }
    },
  }

  /** Where rows lie, of those that lie anywhere. */
  function placesOf(rows: Int32Array): Int32Array {
    const places = new Int32Array(rows.length)
    let count = 0
    for (const row of rows) {
      const place = placed(row)
      if (place !== none) places[count++] = place
    }
    return places.subarray(0, count)
  }
}

/** As `dot` of vector.ts, sum for sum, so every store gives the same cosine; in place of a view, whose making costs more than the product. */
function dotAt(query: Vector, data: Float32Array, start: number): number {
  const n = query.length
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let i = 0
  for (; i + 3 < n; i += 4) {
    s0 += query[i]! * data[start + i]!
    s1 += query[i + 1]! * data[start + i + 1]!
    s2 += query[i + 2]! * data[start + i + 2]!
    s3 += query[i + 3]! * data[start + i + 3]!
  }
  for (; i < n; i++) s0 += query[i]! * data[start + i]!
  const sum = s0 + s1 + (s2 + s3)
  return sum > 1 ? 1 : sum < -1 ? -1 : sum
}

function meanOf(count: number, dimensions: number, vectorAt: (place: number) => Vector): Vector {
  const sum = new Float64Array(dimensions)
  for (let place = 0; place < count; place++) {
    const vector = vectorAt(place)
    for (let i = 0; i < dimensions; i++) sum[i]! += vector[i]!
  }
  return Float32Array.from(sum, (value) => value / Math.max(1, count))
}

function grown(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length).fill(none)
  larger.set(array)
  return larger
}
