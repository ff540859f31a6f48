import { dot, type Vector } from '../vector.ts'

/**
 * Mean nDCG@10 of an exact search: each query vector against every document vector. Every positive counts the same; ties
 * go to the document that comes first. Queries without positives are left out; 0 when none is left.
 * @param documents One vector after another, `queries[0].length` numbers each.
 * @param positives For each query the places of its answers among the documents.
 */
export function meanNdcg10(queries: readonly Vector[], documents: Float32Array, positives: readonly (readonly number[])[]): number {
  let total = 0
  let counted = 0
  queries.forEach((query, i) => {
    const answers = positives[i]!
    if (answers.length === 0) return
    total += ndcg10(nearest(query, documents, 10), answers)
    counted++
  })
  return counted === 0 ? 0 : total / counted
}

/** Places of the `count` documents with the largest dot product, best first. */
export function nearest(query: Vector, documents: Float32Array, count: number): number[] {
  const dimensions = query.length
  const places: number[] = []
  const scores: number[] = []
  for (let place = 0, at = 0; at < documents.length; place++, at += dimensions) {
    const score = dot(query, documents.subarray(at, at + dimensions))
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
