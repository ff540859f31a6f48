import { dot, isZero, type Vector } from '../../vector.ts'
import { integerProduct } from './kernel.ts'
import { documentTile, queryTile, round, scale, scratchBytes, type SharedVectors } from './vectors.ts'

/** What a search for several vectors finds, `k` places each, best first; unused places hold the row -1. */
export interface Nearest {
  readonly rows: Int32Array<ArrayBuffer>
  readonly similarities: Float64Array<ArrayBuffer>
}

/** Finds the `k` rows nearest to each vector. */
export type Searcher = (queries: readonly Vector[], k: number) => Nearest

const none = -1
/** Rows that are collected for a query before the threshold is raised. */
const leastCollected = 1024

/**
 * Searches exactly: the kernel scores every row with 16-bit vectors, and all that could be among the best, however rounding fell,
 * are scored again in floats, sum for sum as other stores do. Equal cosines are ordered by id.
 */
export function searcher({ dimensions, count, floats, memory, stride, scratch, order }: SharedVectors, thread: number): Searcher {
  const product = integerProduct(memory)
  const base = scratch + thread * scratchBytes(stride)
  const tile = new Int16Array(memory.buffer, base, (queryTile * stride) / 2)
  const scores = new Int32Array(memory.buffer, base + queryTile * stride, queryTile * documentTile)
  // Rounding moves an element by half a step at most, so a product of unit vectors by √dimensions steps, and a difference of two by twice that.
  const margin = Math.ceil(2.01 * Math.sqrt(dimensions) * scale) + dimensions

  const collectors = Array.from({ length: queryTile }, () => collector(margin))

  return (queries, k) => {
    const rows = new Int32Array(queries.length * k).fill(none)
    const similarities = new Float64Array(queries.length * k)
    for (let from = 0; from < queries.length; from += queryTile) {
      const part = queries.slice(from, from + queryTile)
      tile.fill(0)
      part.forEach((query, i) => round(query, tile, (i * stride) / 2))
      const active = part.map((query, i) => (isZero(query) ? undefined : collectors[i]!))
      const columns = part.length + (part.length % 2)
      for (const one of active) one?.start(k)
      for (let start = 0; start < count; start += documentTile) {
        const height = Math.min(documentTile, count - start)
        product(start * stride, base, base + queryTile * stride, 4 * Math.ceil(height / 4), columns, stride)
        active.forEach((one, i) => one?.take(scores, i, columns, start, height))
      }
      active.forEach((one, i) => {
        const found = one ? best(part[i]!, one.finish(), k) : []
        found.forEach(({ row, similarity }, n) => {
          rows[(from + i) * k + n] = row
          similarities[(from + i) * k + n] = similarity
        })
      })
    }
    return { rows, similarities }
  }

  function best(query: Vector, candidates: Int32Array, k: number): { row: number; similarity: number }[] {
    const scored = Array.from(candidates, (row) => ({ row, similarity: similarityOf(query, floats, row) }))
    return scored.sort((a, b) => b.similarity - a.similarity || order[a.row]! - order[b.row]!).slice(0, k)
  }
}

/** Cosine in [-1, 1] of a query with a row. */
export function similarityOf(query: Vector, floats: Float32Array, row: number): number {
  const sum = dot(query, floats.subarray(row * query.length, (row + 1) * query.length))
  return sum > 1 ? 1 : sum < -1 ? -1 : sum
}

/** Gathers rows that may be among the best of one query. */
function collector(margin: number) {
  let rows = new Int32Array(leastCollected + documentTile)
  let values = new Int32Array(rows.length)
  let size = 0
  let wanted = 0
  let limit = leastCollected
  let threshold = -Infinity

  /** Drops what is too far below the best `wanted`. */
  const prune = (): void => {
    if (size <= wanted) return
    threshold = values.slice(0, size).sort()[size - wanted]! - margin
    let kept = 0
    for (let i = 0; i < size; i++) {
      if (values[i]! < threshold) continue
      rows[kept] = rows[i]!
      values[kept++] = values[i]!
    }
    size = kept
  }

  return {
    start(k: number) {
      size = 0
      wanted = k
      limit = Math.max(leastCollected, 4 * k)
      threshold = -Infinity
    },
    /** Takes one column of a tile of scores. */
    take(scores: Int32Array, column: number, columns: number, start: number, height: number) {
      if (size + height > rows.length) {
        rows = grown(rows, size + documentTile)
        values = grown(values, rows.length)
      }
      for (let i = 0, at = column; i < height; i++, at += columns) {
        const value = scores[at]!
        if (value < threshold) continue
        rows[size] = start + i
        values[size++] = value
      }
      if (size < limit) return
      prune()
      // Hundreds of equal documents would otherwise be sorted again after every tile.
      limit = Math.max(limit, 2 * size)
    },
    finish(): Int32Array {
      prune()
      return rows.subarray(0, size)
    },
  }
}

function grown(array: Int32Array<ArrayBuffer>, least: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(least, 2 * array.length))
  larger.set(array)
  return larger
}
