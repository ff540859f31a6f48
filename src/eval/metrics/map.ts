import type { Grades } from '../qrels.ts'

/**
 * Average precision: the mean, over all relevant documents, of the precision at the rank where each was found (trec_eval
 * `map`, with k `map_cut`), in [0, 1]. Relevant documents that were not found count 0. 0 if nothing is relevant.
 * @param k @default all
 */
export function averagePrecision(grades: Grades, ranked: readonly string[], k = Number.POSITIVE_INFINITY): number {
  let relevant = 0
  for (const grade of grades.values()) if (grade > 0) relevant++
  if (relevant === 0) return 0
  let found = 0
  let sum = 0
  for (let rank = 0; rank < Math.min(k, ranked.length); rank++) {
    if ((grades.get(ranked[rank]!) ?? 0) > 0) sum += ++found / (rank + 1)
  }
  return sum / relevant
}
