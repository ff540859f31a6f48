import { describe, expect, it } from 'vitest'
import { rewardGains, rewardNdcg } from '../../src/eval/index.ts'
import { rankingScores, whyNotRanked, whyNotRewarded } from '../../src/task-evaluation/rankings.ts'
import { sample } from './samples.ts'

describe('gains from rewards', () => {
  it("gives a query's worst candidate 0, its best 1 and the others their share between", () => {
    expect(rewardGains([-3, -1, -2.5])).toEqual([0, 1, 0.25])
  })

  it('does not depend on where the rewards begin or how far apart they are', () => {
    const gains = rewardGains([-3, -1, -2.5])!
    const moved = rewardGains([-3, -1, -2.5].map((reward) => 7 * reward + 100))!

    moved.forEach((gain, i) => expect(gain).toBeCloseTo(gains[i]!, 12))
  })

  it('has nothing to say where all rewards are equal', () => {
    expect(rewardGains([2, 2, 2])).toBeUndefined()
    expect(rewardNdcg([2, 2, 2], [0, 1, 2], 3)).toBeUndefined()
    expect(rewardGains([2])).toBeUndefined()
    expect(rewardGains([])).toBeUndefined()
  })
})

describe('nDCG with rewards as gains', () => {
  it('equals its formula on numbers one can check', () => {
    // Gains 0, 1, 1/4, 1/2; the ideal order is 1, 3, 2, 0.
    const rewards = [-3, -1, -2.5, -2]
    const gained = 0.25 / Math.log2(2) + 0 / Math.log2(3) + 1 / Math.log2(4)
    const ideal = 1 / Math.log2(2) + 0.5 / Math.log2(3) + 0.25 / Math.log2(4)

    expect(rewardNdcg(rewards, [2, 0, 1, 3], 3)).toBeCloseTo(gained / ideal, 12)
  })

  it('is 1 for the best order and 0 where only the worst is looked at', () => {
    expect(rewardNdcg([0.1, 0.9, 0.5], [1, 2, 0], 3)).toBe(1)
    expect(rewardNdcg([0.1, 0.9, 0.5], [0, 1, 2], 1)).toBe(0)
  })
})

describe('scores of an order', () => {
  const judged = sample({ task: 'tool', query: 'q', candidates: ['a', 'b', 'c', 'd'], positives: 2 })

  it('holds it against the candidates that are known to help', () => {
    // One of the two first comes third.
    const ideal = 1 / Math.log2(2) + 1 / Math.log2(3)

    const scores = rankingScores(judged, [2, 3, 1, 0], 3)

    expect(scores.ndcg).toBeCloseTo(1 / Math.log2(4) / ideal, 12)
    expect(scores.recall).toBe(0.5)
    expect(scores.rewardNdcg).toBeUndefined()
  })

  it('says why there is nothing to hold it against', () => {
    expect(whyNotRanked(judged)).toBeUndefined()
    expect(whyNotRanked({ ...judged, positives: 0 })).toBe('has no candidate that is known to help')
    expect(whyNotRanked({ ...judged, positives: 4 })).toBe('has no candidate but those that help')
    expect(whyNotRewarded(judged)).toBe('has no teacher scores')
    expect(whyNotRewarded({ ...judged, scores: [1, 1, 1, 1] })).toBe('has the same reward for every candidate')
    expect(rankingScores({ ...judged, positives: 0, scores: [1, 1, 1, 1] }, [0, 1, 2, 3], 3)).toEqual({})
  })
})
