import { type Vector, dot } from '../vector.ts'
import { multiplyTransposed } from './matrix.ts'

/**
 * Mean nDCG@10 of an exact search: each query vector against every document vector. Every positive counts the same; ties
 * go to the document that comes first. Queries without positives are left out; 0 when none is left.
 * @param documents One vector after another, `queries[0].length` numbers each.
 * @param positives For each query the places of its answers among the documents.
 */
export function meanNdcg10(queries: readonly Vector[], documents: Float32Array, positives: readonly (readonly number[])[]): number {
  const dimensions = queries[0]?.length ?? 1
  const flat = new Float32Array(queries.length * dimensions)
  queries.forEach((query, i) => flat.set(query, i * dimensions))
  const count = documents.length / dimensions
  const scores = new Float32Array(rowsAtOnce * count)
  return meanNdcg10OfBlocks(flat, dimensions, positives, (block, rows) => {
    multiplyTransposed(block, documents, scores, rows, count, dimensions)
    return scores.subarray(0, rows * count)
  })
}

/** Queries whose scores are held at a time. */
export const rowsAtOnce = 64

/** The same with the caller's own way of scoring a block of queries against all documents. */
export function meanNdcg10OfBlocks(
  queries: Float32Array,
  dimensions: number,
  positives: readonly (readonly number[])[],
  score: (queries: Float32Array, rows: number) => Float32Array,
): number {
  let total = 0
  let counted = 0
  for (let from = 0; from < positives.length; from += rowsAtOnce) {
    const rows = Math.min(rowsAtOnce, positives.length - from)
    const scores = score(queries.subarray(from * dimensions, (from + rows) * dimensions), rows)
    for (let row = 0; row < rows; row++) {
      const answers = positives[from + row]!
      if (answers.length === 0) continue
      total += ndcg10(largest(scores.subarray((row * scores.length) / rows, ((row + 1) * scores.length) / rows), 10), answers)
      counted++
    }
  }
  return counted === 0 ? 0 : total / counted
}

/** Places of the `count` documents with the largest dot product, best first; ties in order of the documents. */
export function nearest(query: Vector, documents: Float32Array, count: number): number[] {
  const dimensions = query.length
  return largest(
    Float32Array.from({ length: documents.length / dimensions }, (_, place) =>
      dot(query, documents.subarray(place * dimensions, (place + 1) * dimensions)),
    ),
    count,
  )
}

function largest(values: Float32Array, count: number): number[] {
  const places: number[] = []
  const scores: number[] = []
  for (let place = 0; place < values.length; place++) {
    const score = values[place]!
    if (places.length === count && score <= scores[count - 1]!) continue
    let i = Math.min(places.length, count - 1)
    for (; i > 0 && scores[i - 1]! < score; i--) {
      scores[i] = scores[i - 1]!
      places[i] = places[i - 1]!
    }
    scores[i] = score
    places[i] = place
  }
  return places
}

function ndcg10(ranked: readonly number[], answers: readonly number[]): number {
  const relevant = new Set(answers)
  let gain = 0
  ranked.forEach((place, rank) => {
    if (relevant.has(place)) gain += 1 / Math.log2(rank + 2)
  })
  let ideal = 0
  for (let rank = 0; rank < Math.min(10, relevant.size); rank++) ideal += 1 / Math.log2(rank + 2)
  return gain / ideal
}
