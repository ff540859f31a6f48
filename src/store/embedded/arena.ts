import { InvalidVectorError } from '../../errors.ts'
import { isFinite, type Vector } from '../../vector.ts'
import type { TopK } from '../top-k.ts'
import { has, type RowSet } from './row-set.ts'

/** The vectors of one space in one block of memory, by document row. Freed places are used again. */
export interface Arena {
  readonly dimensions: number
  readonly size: number
  has(row: number): boolean
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
  /** Offers every row of `rows` that has a vector, and is in `allowed` if given, with its similarity. */
  scan(query: Vector, rows: Int32Array, allowed: RowSet | undefined, best: TopK<number>): void
}

const none = -1

/** An empty arena for vectors of this length; `expected` vectors need no growth. */
export function arena(dimensions: number, expected = 64): Arena {
  let data = new Float32Array(expected * dimensions)
  let rowOf = new Int32Array(expected).fill(none)
  let placeOf = new Int32Array(expected).fill(none)
  const free: number[] = []
  let listed: Int32Array | undefined
  let used = 0

  const placed = (row: number): number => placeOf[row] ?? none
  const allocate = (): number => {
    const reused = free.pop()
    if (reused !== undefined) return reused
    if (used === rowOf.length) {
      const capacity = Math.max(64, Math.ceil(used * 1.5))
      const larger = new Float32Array(capacity * dimensions)
      larger.set(data)
      data = larger
      rowOf = grown(rowOf, capacity)
    }
    return used++
  }

  return {
    dimensions,
    get size() {
      return used - free.length
    },
    has: (row) => placed(row) !== none,
    set(row, vector) {
      if (!isFinite(vector)) throw new InvalidVectorError('A stored vector')
      let place = placed(row)
      if (place === none) {
        place = allocate()
        listed = undefined
        if (row >= placeOf.length) placeOf = grown(placeOf, Math.max(row + 1, Math.ceil(placeOf.length * 1.5)))
        placeOf[row] = place
        rowOf[place] = row
      }
      data.set(vector, place * dimensions)
    },
    delete(row) {
      const place = placed(row)
      if (place === none) return
      placeOf[row] = none
      rowOf[place] = none
      listed = undefined
      free.push(place)
    },
    get(row) {
      const place = placed(row)
      return place === none ? undefined : data.slice(place * dimensions, (place + 1) * dimensions)
    },
    isZero(row) {
      const start = placeOf[row]! * dimensions
      for (let i = start; i < start + dimensions; i++) if (data[i] !== 0) return false
      return true
    },
    equals(row, vector) {
      const start = placed(row) * dimensions
      return start >= 0 && vector.every((value, i) => value === data[start + i])
    },
    similarity: (query, row) => dotAt(query, data, placeOf[row]! * dimensions),
    rows: () => (listed ??= free.length === 0 ? rowOf.subarray(0, used) : rowOf.subarray(0, used).filter((row) => row !== none)),
    scan(query, rows, allowed, best) {
      let threshold = best.threshold()
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i]!
        const place = placed(row)
        if (place === none || (allowed && !has(allowed, row))) continue
        const similarity = dotAt(query, data, place * dimensions)
        if (similarity < threshold) continue
        best.offer(row, similarity)
        threshold = best.threshold()
      }
    },
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

function grown(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length).fill(none)
  larger.set(array)
  return larger
}
