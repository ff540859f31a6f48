import type { Grades } from '../qrels.ts'

/** nDCG@k with linear gain (trec_eval `ndcg_cut`, the BEIR headline number), in [0, 1]. 0 if nothing is relevant. */
export function ndcg(grades: Grades, ranked: readonly string[], k: number): number {
  const depth = Math.min(k, ranked.length)
  let gained = 0
  for (let rank = 0; rank < depth; rank++) {
    const grade = grades.get(ranked[rank]!) ?? 0
    if (grade > 0) gained += grade / Math.log2(rank + 2)
  }
  if (gained === 0) return 0
  return gained / idealGain(grades, k)
}

/** What the best possible ranking of the judged documents would gain. */
function idealGain(grades: Grades, k: number): number {
  const relevant = [...grades.values()].filter((grade) => grade > 0).sort((a, b) => b - a)
  let ideal = 0
  for (let rank = 0; rank < Math.min(k, relevant.length); rank++) ideal += relevant[rank]! / Math.log2(rank + 2)
  return ideal
}
