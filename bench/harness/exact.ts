import { dot } from './agreement.ts'

/** Places of the `k` vectors with the greatest dot product, best first: what an approximate search should find. */
export function exactNeighbours(
  vectors: readonly Float32Array[],
  query: Float32Array,
  k: number,
  allowed?: (place: number) => boolean,
): number[] {
  const best: { place: number; score: number }[] = []
  for (const [place, vector] of vectors.entries()) {
    if (allowed && !allowed(place)) continue
    const score = dot(vector, query)
    if (best.length === k && score <= best[k - 1]!.score) continue
    let at = best.length
    while (at > 0 && best[at - 1]!.score < score) at--
    best.splice(at, 0, { place, score })
    if (best.length > k) best.pop()
  }
  return best.map(({ place }) => place)
}

/** Share of what should have been found that was, over all queries. 1 where nothing was to be found. */
export function recallOf(found: readonly (readonly number[])[], wanted: readonly (readonly number[])[]): number {
  let [hits, all] = [0, 0]
  for (const [i, places] of wanted.entries()) {
    const have = new Set(found[i])
    hits += places.filter((place) => have.has(place)).length
    all += places.length
  }
  return all === 0 ? 1 : hits / all
}
