import type { Diversity } from '../engine.ts'
import type { FusedHit } from '../routing/fusion.ts'
import type { Store } from '../store/store.ts'
import { dot } from '../vector.ts'

/**
 * Maximal marginal relevance (Carbonell and Goldstein, 1998, eq. 1): picks in turn the hit with the highest
 * λ·score − (1 − λ)·(largest cosine to what was picked). Hits without a vector count as unlike everything.
 */
export async function diversify(
  hits: readonly FusedHit[],
  topK: number,
  { lambda = 0.5 }: Diversity,
  store: Store,
  space: string,
): Promise<FusedHit[]> {
  const vectors = await store.vectors(
    space,
    hits.map(({ id }) => id),
  )
  const left = new Set(hits.keys())
  const nearest = new Float64Array(hits.length)
  const picked: FusedHit[] = []
  while (picked.length < topK && left.size > 0) {
    let best = -1
    let bestValue = -Infinity
    for (const i of left) {
      const value = lambda * hits[i]!.score - (1 - lambda) * nearest[i]!
      if (value > bestValue) [best, bestValue] = [i, value]
    }
    left.delete(best)
    picked.push(hits[best]!)
    const chosen = vectors[best]
    if (!chosen) continue
    for (const i of left) {
      const vector = vectors[i]
      if (vector) nearest[i] = Math.max(nearest[i]!, dot(chosen, vector))
    }
  }
  return picked
}
