import { ndcg } from '../eval/metrics/ndcg.ts'
import { recall } from '../eval/metrics/recall.ts'
import { rewardGains, rewardNdcg } from '../eval/metrics/reward-ndcg.ts'
import type { TaskSample } from '../tasks/sample.ts'

/** What can be said of an order of a sample's candidates. Absent: nobody knows what is right. */
export interface RankingScores {
  readonly ndcg?: number
  readonly recall?: number
  readonly rewardNdcg?: number
}

/** Scores an order of a sample's candidates, in [0, 1]. @param places Best first. @param k Depth. */
export function rankingScores(sample: TaskSample, places: readonly number[], k: number): RankingScores {
  const grades = new Map(Array.from({ length: sample.positives }, (_, place) => [String(place), 1]))
  const ranked = places.slice(0, k).map(String)
  const known = whyNotRanked(sample) === undefined
  return {
    ...(known && { ndcg: ndcg(grades, ranked, k), recall: recall(grades, ranked, k) }),
    ...(whyNotRewarded(sample) === undefined && { rewardNdcg: rewardNdcg(sample.scores!, places.slice(0, k), k)! }),
  }
}

/** Why an order cannot be held against what is known to help. */
export function whyNotRanked({ candidates, positives }: TaskSample): string | undefined {
  if (positives === 0) return 'has no candidate that is known to help'
  return positives === candidates.length ? 'has no candidate but those that help' : undefined
}

/** Why an order cannot be held against rewards. */
export function whyNotRewarded({ scores }: TaskSample): string | undefined {
  if (!scores) return 'has no teacher scores'
  return rewardGains(scores) ? undefined : 'has the same reward for every candidate'
}
