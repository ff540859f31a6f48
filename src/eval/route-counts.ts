import type { Retrieval } from '../engine.ts'
import type { RouteCounts } from './comparison.ts'

/** Counts where queries were sent. @param shares Counts BM25's share too. */
export function routeCounter(shares: boolean) {
  const experts: Record<string, number> = {}
  let fallback = 0
  let fused = 0
  let queries = 0
  let lexicalWeight = 0
  return {
    count(answers: readonly Retrieval[]): void {
      for (const { route } of answers) {
        queries++
        lexicalWeight += route.lexicalWeight
        if (route.decision === 'fallback') fallback++
        else experts[route.experts[0]!.name] = (experts[route.experts[0]!.name] ?? 0) + 1
        if (route.decision === 'fused') fused++
      }
    },
    counts: (): RouteCounts => ({
      experts: Object.fromEntries(Object.entries(experts).sort(([, a], [, b]) => b - a)),
      fallback,
      fused,
      ...(shares && { lexicalWeight: lexicalWeight / Math.max(1, queries) }),
    }),
  }
}
