import type { Grades } from '../qrels.ts'

/** One over the rank of the first relevant document among the first k (trec_eval `recip_rank`), in [0, 1]. 0 if there is none. @param k @default all */
export function mrr(grades: Grades, ranked: readonly string[], k = Number.POSITIVE_INFINITY): number {
  for (let rank = 0; rank < Math.min(k, ranked.length); rank++) if ((grades.get(ranked[rank]!) ?? 0) > 0) return 1 / (rank + 1)
  return 0
}
