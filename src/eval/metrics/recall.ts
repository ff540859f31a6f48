import type { Grades } from '../qrels.ts'

/** Share of the relevant documents among the first k (trec_eval `recall`), in [0, 1]. 0 if nothing is relevant. */
export function recall(grades: Grades, ranked: readonly string[], k: number): number {
  let relevant = 0
  for (const grade of grades.values()) if (grade > 0) relevant++
  if (relevant === 0) return 0
  let found = 0
  for (let rank = 0; rank < Math.min(k, ranked.length); rank++) if ((grades.get(ranked[rank]!) ?? 0) > 0) found++
  return found / relevant
}
