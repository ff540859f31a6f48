import { describe, expect, it, onTestFinished } from 'vitest'
import { InvalidArgumentError, InvalidScoreError, LanguageModelFailedError, UnsupportedError } from '../../src/errors.ts'
import { causalLanguageModel } from '../../src/language-model/causal.ts'
import type { LanguageModel, Likelihood, Prompt } from '../../src/language-model/language-model.ts'
import { functionReward } from '../../src/rewards/function.ts'
import { likelihoodReward } from '../../src/rewards/likelihood.ts'
import { rankReward } from '../../src/rewards/rank.ts'
import { expectedLikelihood, idsOf, tinyLanguageModel } from '../language-model/tiny-language-model.ts'
import { sample } from './samples.ts'

/** Likelihoods by a rule, and texts from a list; keeps what it was asked. */
function ruledModel(rule: (prompt: Prompt) => number, draws: readonly string[] = []) {
  const asked: Prompt[] = []
  const drawn: { prompt: Omit<Prompt, 'answer'>; seed: number | undefined }[] = []
  const model: LanguageModel = {
    id: 'ruled',
    window: 100,
    async likelihoods(prompts) {
      asked.push(...prompts)
      return prompts.map((prompt): Likelihood => {
        const tokens = prompt.answer.split(' ').length
        return { logLikelihood: rule(prompt) * tokens, tokens, read: 10, cut: { key: prompt.key.length > 20 ? 2 : 0, after: 0 } }
      })
    },
    async sample(prompt, { count, seed }) {
      drawn.push({ prompt, seed })
      return draws.slice(0, count)
    },
    async close() {},
  }
  return { model, asked, drawn, texts: () => asked.map(({ before, key, after, answer }) => before + key + after + answer) }
}

describe.each([
  ['likelihoodReward', likelihoodReward],
  ['rankReward', (model: LanguageModel) => rankReward(model, { samples: 2 })],
] as const)('%s', (_, rewardOf) => {
  const whole: Likelihood = { logLikelihood: -1, tokens: 1, cut: { key: 0, after: 0 } }
  it.each([
    ['fewer likelihoods than prompts', () => [], 'gives 0 likelihoods for'],
    [
      'no number',
      (count: number) => Array.from({ length: count }, () => ({ ...whole, logLikelihood: Number.NaN })),
      'the log-likelihood NaN',
    ],
    ['an impossible answer', (count: number) => Array.from({ length: count }, () => ({ ...whole, logLikelihood: -Infinity })), '-Infinity'],
    ['nothing', (count: number) => Array.from({ length: count }), 'the log-likelihood undefined'],
  ])('makes no score of a model that gives %s', async (__, answer, message) => {
    const model: LanguageModel = {
      id: 'anybody',
      window: 100,
      likelihoods: async (prompts) => answer(prompts.length) as Likelihood[],
      sample: async () => ['a', 'b'],
      close: async () => {},
    }

    const scoring = rewardOf(model).score([sample()])

    await expect(scoring).rejects.toMatchObject({ code: 'INVALID_SCORE' })
    await expect(scoring).rejects.toThrow(message)
  })
})

describe('likelihoodReward', () => {
  it('scores each candidate with the mean log-likelihood of the answer after it, as a model says', async () => {
    const model = await causalLanguageModel(tinyLanguageModel(), { threads: 1 })
    onTestFinished(() => model.close())
    const samples = [sample(), sample({ task: 'icl', query: 'red', candidates: ['blue dog', 'the', 'red .'], answers: ['blue .'] })]

    const rewarded = await likelihoodReward(model).score(samples)

    const mean = (prompt: string, answer: string): number => expectedLikelihood(prompt, answer) / idsOf(answer).length
    expect(rewarded[0]!.sample.scores).toHaveLength(2)
    for (const [i, key] of samples[0]!.candidates.entries())
      expect(rewarded[0]!.sample.scores![i]).toBeCloseTo(mean(`Knowledge: ${key}\n\nQuestion: the cat\n\nAnswer: `, 'sat home'), 5)
    for (const [i, key] of samples[1]!.candidates.entries())
      expect(rewarded[1]!.sample.scores![i]).toBeCloseTo(mean(`${key}\nred\n`, 'blue .'), 5)
    expect(rewarded[0]!.tokens).toBeGreaterThan(0)
  })

  it.each([
    ['qa', {}, 'Knowledge: K\n\nQuestion: Q\n\nAnswer: A'],
    ['convsearch', {}, 'Knowledge: K\n\nQuestion: Q\n\nAnswer: A'],
    ['icl', {}, 'K\nQ\nA'],
    ['chat', {}, 'K\nSpeaker 1: Q\nSpeaker 2: A'],
    ['lrlm', {}, 'K Q A'],
    ['lrlm', { context: 'C' }, 'K C Q A'],
    ['lrlm', { context: 'C\n', query: 'Q ' }, 'K C\nQ A'],
  ] as const)('asks in the template of %s', async (task, parts, text) => {
    const { model, texts } = ruledModel(() => -1)

    await likelihoodReward(model).score([sample({ task, query: 'Q', candidates: ['K'], answers: ['A'], ...parts })])

    expect(texts()).toEqual([text])
  })

  it('takes the likeliest of several answers, and leaves out empty ones', async () => {
    const { model, asked } = ruledModel(
      ({ key, answer }) => (key === 'dog ran' ? { yes: -3, 'oh yes': -2 } : { yes: -1, 'oh yes': -4 })[answer]!,
    )

    const [rewarded] = await likelihoodReward(model).score([sample({ answers: ['yes', ' ', 'oh yes'] })])

    expect(rewarded!.sample.scores).toEqual([-2, -1])
    expect(asked).toHaveLength(4)
  })

  it('gives back what it has no use for as it came, with the reason, among others in their order', async () => {
    const { model } = ruledModel(() => -1)
    const tool = sample({ task: 'tool', scores: [0.5, 0.25] })

    const rewarded = await likelihoodReward(model).score([tool, sample(), sample({ answers: [] }), sample({ candidates: [] })])

    expect(rewarded[0]).toMatchObject({ sample: tool, unscorable: 'the task "tool" has no answer that a language model could give' })
    expect(rewarded[1]!.sample.scores).toEqual([-1, -1])
    expect(rewarded[2]).toMatchObject({ unscorable: 'has no answers', tokens: 0 })
    expect(rewarded[3]!.sample.scores).toEqual([])
  })

  it('counts prompts that were cut and the tokens they lost', async () => {
    const { model } = ruledModel(() => -1)

    const [rewarded] = await likelihoodReward(model).score([
      sample({ candidates: ['short', 'a candidate of many words', 'another long candidate'] }),
    ])

    expect(rewarded).toMatchObject({ tokens: 30, cuts: { prompts: 2, key: 4, after: 0 } })
  })

  it('says beforehand what a sample takes', () => {
    const reward = likelihoodReward(ruledModel(() => -1).model)

    expect(reward.cost!(sample({ task: 'icl', query: 'Q', candidates: ['K', 'KK'], answers: ['A'] }))).toEqual({
      prompts: 2,
      characters: 'K\nQ\nA'.length + 'KK\nQ\nA'.length,
      drawn: 0,
    })
    expect(reward.cost!(sample({ task: 'tool' })).prompts).toBe(0)
  })
})

describe('rankReward', () => {
  it('is the number of places that the answer gains by the candidate', async () => {
    // Without a candidate the answer is behind two of three outputs, with the good one before all, with the bad one behind all.
    const own = { '': -2, good: -0.5, bad: -9 } as Record<string, number>
    const { model, drawn } = ruledModel(
      ({ key, answer }) => (answer === 'sat home' ? own[key]! : { a: -1, b: -1.5, c: -3 }[answer]!),
      ['a', 'b', 'c'],
    )

    const [rewarded] = await rankReward(model, { samples: 3 }).score([sample({ candidates: ['good', 'bad'] })])

    expect(rewarded!.sample.scores).toEqual([3 - 1, 3 - 4])
    expect(drawn[0]!.prompt).toEqual({ before: '', key: '', after: 'Question: the cat\n\nAnswer: ' })
  })

  it('counts an output that is just as likely half, takes the best-ranked of several answers, and leaves out empty outputs', async () => {
    const { model, asked } = ruledModel(
      ({ key, answer }) => (key === '' ? { x: -2, y: -3, a: -2, b: -1 } : { x: -5, y: -1.5, a: -1.5, b: -1 })[answer]!,
      ['a', ' ', 'b'],
    )

    const [rewarded] = await rankReward(model, { samples: 3 }).score([sample({ candidates: ['key'], answers: ['x', 'y'] })])

    // Without: x is behind b and level with a, 2.5. With: y is behind b and level with a, 2.5.
    expect(rewarded!.sample.scores).toEqual([0])
    expect(asked).toHaveLength(8)
  })

  it('draws for a query what its seed says, wherever it stands', async () => {
    const { model, drawn } = ruledModel(() => -1, ['a'])
    const samples = [sample({ query: 'one' }), sample({ query: 'two' })]

    await rankReward(model).score(samples)
    await rankReward(model).score(samples.toReversed())
    await rankReward(model, { seed: 2 }).score(samples)

    const [one, two, twoAgain, oneAgain, other] = drawn.map(({ seed }) => seed)
    expect([oneAgain, twoAgain]).toEqual([one, two])
    expect(new Set([one, two, other]).size).toBe(3)
  })

  it('has no scores where nothing but empty outputs is drawn', async () => {
    const [rewarded] = await rankReward(ruledModel(() => -1, ['', ' ']).model).score([sample({ scores: [1, 2] })])

    expect(rewarded).toMatchObject({ unscorable: 'the model draws nothing but empty outputs for it', sample: { scores: [1, 2] } })
  })

  it('runs on a model, and gives a candidate that holds the answer the highest reward', async () => {
    const model = await causalLanguageModel(tinyLanguageModel(), { threads: 1 })
    onTestFinished(() => model.close())
    const samples = [sample({ candidates: ['dog ran far', 'home home sat sat home', 'red red red'], answers: ['sat home'] })]

    const [first] = await rankReward(model, { samples: 10, maxTokens: 3 }).score(samples)
    const [again] = await rankReward(model, { samples: 10, maxTokens: 3 }).score(samples)

    const scores = first!.sample.scores!
    expect(scores[1]).toBeGreaterThan(0)
    expect(scores[1]).toBe(Math.max(...scores))
    expect(scores.every((score) => Math.abs(score) <= 10)).toBe(true)
    expect(again).toEqual(first)
  })

  it('needs a model that draws texts', () => {
    const { sample: _sample, ...scoring } = ruledModel(() => -1).model

    expect(() => rankReward(scoring)).toThrow(UnsupportedError)
    expect(() => rankReward(ruledModel(() => -1).model, { samples: 0 })).toThrow(InvalidArgumentError)
  })
})

describe('functionReward', () => {
  it('takes any teacher’s scores, and none where it has none', async () => {
    const reward = functionReward('lengths', ({ candidates, task }) =>
      task === 'icl' ? undefined : candidates.map(({ length }) => length),
    )

    const [scored, passed] = await reward.score([sample({ task: 'tool', candidates: ['a', 'bcd'] }), sample({ task: 'icl' })])

    expect(scored!.sample.scores).toEqual([1, 3])
    expect(passed!.unscorable).toBe('"lengths" gives it no scores')
  })

  it.each([
    [[1, Number.NaN], /"broken" gives candidate number 2 the score NaN/],
    [[1, Infinity], /the score Infinity/],
    [[1], /1 scores for 2 candidates/],
  ])('refuses the scores %j', async (scores, message) => {
    const scoring = functionReward('broken', () => scores).score([sample()])

    await expect(scoring).rejects.toThrow(InvalidScoreError)
    await expect(scoring).rejects.toThrow(message)
  })

  it('names the teacher that throws', async () => {
    const scoring = functionReward('mine', () => Promise.reject(new Error('no tea'))).score([sample()])

    await expect(scoring).rejects.toThrow(LanguageModelFailedError)
    await expect(scoring).rejects.toThrow(/"mine" failed: no tea/)
  })
})
