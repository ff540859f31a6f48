import { ndcg } from './ndcg.ts'

/**
 * Gains in [0, 1] of a query's candidates from a teacher's rewards: 0 for the least helpful, 1 for the most helpful one, in proportion between.
 * Undefined where all are equal: then there is no order to find.
 */
export function rewardGains(rewards: readonly number[]): number[] | undefined {
  const least = Math.min(...rewards)
  const spread = Math.max(...rewards) - least
  return spread > 0 ? rewards.map((reward) => (reward - least) / spread) : undefined
}

/**
 * nDCG@k with rewards as gains, over a query's own candidates.
 * @param ranked Places of the candidates, best first.
 */
export function rewardNdcg(rewards: readonly number[], ranked: readonly number[], k: number): number | undefined {
  const gains = rewardGains(rewards)
  return gains && ndcg(new Map(gains.map((gain, place) => [String(place), gain])), ranked.map(String), k)
}
