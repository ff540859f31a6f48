import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { perplexity } from '../../src/eval/index.ts'
import type { LanguageModel } from '../../src/language-model/language-model.ts'
import { answerLikelihoods, joinCandidates } from '../../src/task-evaluation/perplexity.ts'
import { groupLikelihoods } from '../../src/task-evaluation/answer-likelihoods.ts'
import { causalLanguageModel } from '../../src/train/index.ts'
import { echoModel } from './echo-model.ts'
import { sample } from './samples.ts'

const none = { key: 0, after: 0 }

describe('perplexity', () => {
  it('is the inverse of the geometric mean of the probabilities of all tokens', () => {
    // Probabilities 1/2, 1/2, 1/10 in one answer and 1/4 in another.
    const found = perplexity([
      { logLikelihood: Math.log(0.5) + Math.log(0.5) + Math.log(0.1), tokens: 3, cut: none },
      { logLikelihood: Math.log(0.25), tokens: 1, cut: none },
    ])!

    expect(found.perplexity).toBeCloseTo((0.5 * 0.5 * 0.1 * 0.25) ** (-1 / 4), 12)
    expect(found.tokens).toBe(4)
  })

  it('weighs answers by their tokens', () => {
    const long = { logLikelihood: 9 * Math.log(0.5), tokens: 9, cut: { key: 3, after: 0 } }
    const short = { logLikelihood: Math.log(0.01), tokens: 1, cut: { key: 4, after: 2 } }

    expect(perplexity([long, short])).toEqual({
      perplexity: expect.closeTo((0.5 ** 9 * 0.01) ** (-1 / 10), 9) as number,
      tokens: 10,
      cut: { key: 7, after: 2 },
    })
  })

  it('does not exist without a token', () => {
    expect(perplexity([])).toBeUndefined()
  })
})

describe('likelihoods of answers', () => {
  const chat = sample({ task: 'chat', query: 'where to', candidates: ['we like rome', 'cats purr'], answers: ['to rome'] })

  it('are asked without candidates and after what each system chose, in the template of the task', async () => {
    const model = echoModel()

    const [row] = await answerLikelihoods(model, [chat], [[['we like rome']], [['cats purr']]])

    // "to" was in the question; "rome" only in the first candidate.
    const [bare, first, second] = row as Exclude<typeof row, string | undefined>
    expect(bare!.logLikelihood).toBeCloseTo(Math.log(0.5) + Math.log(0.1))
    expect(first!.logLikelihood).toBeCloseTo(Math.log(0.5) + Math.log(0.5))
    expect(second!.logLikelihood).toBeCloseTo(Math.log(0.5) + Math.log(0.1))
    expect(model.prompts.map(({ before, key, after }) => before + key + after)).toEqual([
      'Speaker 1: where to\nSpeaker 2: ',
      'we like rome\nSpeaker 1: where to\nSpeaker 2: ',
      'cats purr\nSpeaker 1: where to\nSpeaker 2: ',
    ])
  })

  it('are asked once for systems that chose the same', async () => {
    const model = echoModel()

    const [row] = await answerLikelihoods(model, [chat], [[['cats purr']], [['we like rome']], [['cats purr']]])

    expect(model.prompts).toHaveLength(3)
    expect(row![1]).toEqual(row![3])
    expect(row![1]).not.toEqual(row![2])
  })

  it('say in words why a sample has none', async () => {
    const rows = await answerLikelihoods(
      echoModel(4),
      [{ ...chat, answers: [] }, { ...chat, answers: ['a b c d e f'] }, { ...chat, task: 'tool' }, chat],
      [],
    )

    expect(rows.slice(0, 3)).toEqual([
      'has no answers',
      "has an answer longer than the model's window",
      'the task "tool" has no answer that a language model could give',
    ])
    expect(rows[3]).toMatchObject([{ tokens: 2 }])
  })

  it('count what a short window cut from candidates, worst candidate first', async () => {
    const key = joinCandidates('chat', ['we like rome', 'cats purr'])
    // Answer 2, question 6, candidates 5: three too many.
    const prompt = { before: '', key, after: '\nSpeaker 1: where to\nSpeaker 2: ', answer: 'to rome' }
    const [found] = await groupLikelihoods(echoModel(10), [{ prompts: [prompt] }])

    expect(key).toBe('we like rome\ncats purr')
    expect(joinCandidates('lrlm', ['one', 'two'])).toBe('one two')
    expect(found![0]!.cut).toEqual({ key: 3, after: 0 })
  })

  it('are asked in blocks, and an answer without room costs its own group alone', async () => {
    const model = echoModel(30)
    const groups = Array.from({ length: 300 }, (_, i) => ({
      prompts: [{ before: '', key: '', after: `q${i} `, answer: i % 100 === 7 ? 'long '.repeat(40) : `a${i}` }],
    }))
    let done = 0

    const found = await groupLikelihoods(model, groups, { onDone: (more) => (done += more) })

    expect(found.flatMap((one, i) => (one ? [] : [i]))).toEqual([7, 107, 207])
    expect(found[8]).toMatchObject([{ tokens: 1 }])
    expect(model.calls.length).toBeGreaterThan(1)
    expect(done).toBe(300)
  })

  it('refuse a model that gives no numbers', async () => {
    const broken: LanguageModel = {
      ...echoModel(),
      likelihoods: async (prompts) => prompts.map(() => ({ logLikelihood: Number.NaN, tokens: 1, cut: none })),
    }

    await expect(answerLikelihoods(broken, [chat], [])).rejects.toMatchObject({ code: 'INVALID_SCORE' })
  })
})

const stories = fileURLToPath(new URL('../../../shared/models/stories260K', import.meta.url))

describe.skipIf(!existsSync(stories))('perplexity under a real language model (needs ../shared/models/stories260K)', () => {
  let model: LanguageModel
  beforeAll(async () => {
    model = await causalLanguageModel(stories)
  })
  afterAll(() => model.close())

  it('is lower after the story that goes on than after another', async () => {
    const story =
      'Once upon a time there was a little girl named Lily. Lily had a big red ball. She loved to play with the ball in the park.'
    const other = 'Tom and his dad went to the sea. They saw a fish. The fish was blue and it swam away from the boat.'
    const one = sample({
      task: 'lrlm',
      query: 'One day, the ball',
      candidates: [story, other],
      answers: ['rolled away from Lily in the park. Lily was sad.'],
    })

    const [row] = await answerLikelihoods(model, [one], [[[story]], [[other]]])

    const [, fitting, foreign] = (row as Exclude<typeof row, string | undefined>).map((likelihood) => perplexity([likelihood])!.perplexity)
    expect(fitting).toBeGreaterThan(1)
    expect(fitting).toBeLessThan(0.9 * foreign!)
  })
})
