import { describe, expect, it, onTestFinished } from 'vitest'
import { crossEncoderReward } from '../../src/rewards/cross-encoder.ts'
import { idsOf } from '../language-model/tiny-language-model.ts'
import { sample } from './samples.ts'
import { tinyCrossEncoder, weights } from './tiny-cross-encoder.ts'

const sum = (text: string): number => idsOf(text).reduce((total, id) => total + weights[id]!, 0)

describe('crossEncoderReward', () => {
  it.each([1, 2] as const)('scores query and candidate together by the last of %i logits, whatever task they are of', async (classes) => {
    const reward = await crossEncoderReward(tinyCrossEncoder(classes), { threads: 1 })
    onTestFinished(() => reward.close())
    const samples = [
      sample({ task: 'tool', answers: [], query: 'the cat', candidates: ['dog ran far home', 'red', 'blue . blue . blue'] }),
      sample({ task: 'icl', answers: [], query: 'far far far far', candidates: ['', 'cat'] }),
    ]

    const rewarded = await reward.score(samples)

    for (const [i, { query, candidates }] of samples.entries()) {
      for (const [c, candidate] of candidates.entries())
        expect(rewarded[i]!.sample.scores![c]).toBeCloseTo(sum(query) + 10 * sum(candidate), 3)
      expect(rewarded[i]!.unscorable).toBeUndefined()
    }
    // <s> the cat </s> and the candidate's words
    expect(rewarded[0]!.tokens).toBe(3 * 4 + 4 + 1 + 5)
  })

  it('cuts the end of a candidate that is too long, and counts it', async () => {
    const reward = await crossEncoderReward(tinyCrossEncoder(1, 10), { threads: 1 })
    onTestFinished(() => reward.close())

    const [rewarded] = await reward.score([sample({ query: 'the cat', candidates: ['dog '.repeat(9), 'red'] })])

    expect(rewarded!.sample.scores![0]).toBeCloseTo(sum('the cat') + 10 * sum('dog '.repeat(6)), 3)
    expect(rewarded!.cuts).toEqual({ prompts: 1, key: 3, after: 0 })
  })
})
