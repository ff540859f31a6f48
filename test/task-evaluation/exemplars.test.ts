import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { exemplarAccuracy, exemplarSamples, readExemplars, type Exemplar, type ExemplarQuestion } from '../../src/eval/index.ts'
import { majorityLabel } from '../../src/task-evaluation/exemplars.ts'
import { exemplarOf, labelledSamples } from '../../src/task-evaluation/labelled-samples.ts'
import { folder } from '../cli/folder.ts'
import { echoModel } from './echo-model.ts'
import { sample } from './samples.ts'

const labelled = (...labels: readonly string[]): Exemplar[] => labels.map((label, i) => ({ text: `text ${i}`, label }))

function question(label: string, exemplars: readonly Exemplar[], options = ['good', 'bad', 'so so']): ExemplarQuestion {
  return { text: 'how was it', label, options, exemplars }
}

describe('a vote of exemplars', () => {
  it('goes to most of them, and among equals to the one that came first', () => {
    expect(majorityLabel(['bad', 'good', 'good'])).toBe('good')
    expect(majorityLabel(['bad', 'good', 'good', 'bad'])).toBe('bad')
    expect(majorityLabel([])).toBeUndefined()
  })
})

describe('exemplarAccuracy', () => {
  it('counts the questions that the nearest and most of the k nearest label right', async () => {
    const questions = [
      question('good', labelled('bad', 'good', 'good')),
      question('bad', labelled('bad', 'good', 'good')),
      question('good', labelled('good', 'bad', 'good')),
      // The fourth is beyond k.
      question('bad', labelled('good', 'bad', 'good', 'bad', 'bad')),
    ]

    const found = await exemplarAccuracy(questions, { k: 3 })

    expect(found).toEqual({
      questions: 4,
      nearest: 2 / 4,
      majority: 2 / 4,
      right: { nearest: [false, true, true, false], majority: [true, false, true, false] },
    })
  })

  it('takes the option with the highest mean log-likelihood a token after the exemplars', async () => {
    // Words that exemplars showed have probability 1/2, the others 1/10.
    const known = question('so so', labelled('so so'), ['bad', 'so so'])
    const unknown = question('bad', labelled('good'), ['bad', 'good'])

    const found = await exemplarAccuracy([known, unknown], { k: 1, model: echoModel() })

    expect(found.model).toBe(1 / 2)
    expect(found.right.model).toEqual([true, false])
  })

  it('does not favour short options', async () => {
    // "bad" has ln 1/10 = −2.30; the long one ln 1/10 + 3 ln 1/2 = −4.38 in all, but −1.10 a token.
    const long = question('very so so so', [{ text: 'so', label: 'fine' }], ['bad', 'very so so so'])

    expect((await exemplarAccuracy([long], { model: echoModel() })).model).toBe(1)
  })

  it('shows the exemplars as inputs with their answers, the best first', async () => {
    const model = echoModel()

    await exemplarAccuracy([question('good', labelled('bad', 'good'), ['good', 'bad'])], { k: 2, model })
    await exemplarAccuracy([question('good', labelled('bad', 'good'), ['good', 'bad'])], { k: 0, model })

    expect(model.prompts.map(({ before, key, after, answer }) => before + key + after + answer)).toEqual([
      'text 0\nbad\ntext 1\ngood\nhow was it\ngood',
      'text 0\nbad\ntext 1\ngood\nhow was it\nbad',
      'how was it\ngood',
      'how was it\nbad',
    ])
  })

  it('leaves questions out that the window has no room for, and counts what it cut', async () => {
    const questions = [
      question('good', labelled('good', 'good'), ['good', 'bad']),
      question('bad', labelled('bad'), ['bad', 'a b c d e f g h']),
    ]

    const found = await exemplarAccuracy(questions, { k: 2, model: echoModel(7) })

    expect(found.right.model).toEqual([true, undefined])
    expect(found.model).toBe(1)
    // Six words of exemplars, three of the question, one of an option: three too many for each of the two options.
    expect(found.cut).toBe(6)
  })

  it('is defined without questions, and refuses what is no number of exemplars', async () => {
    expect(await exemplarAccuracy([])).toMatchObject({ questions: 0, nearest: 0, majority: 0 })
    await expect(exemplarAccuracy([], { k: -1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('labelled texts as samples', () => {
  it('look for exemplars in the whole pool, which all share', () => {
    const samples = exemplarSamples(labelled('good', 'bad'), [
      { text: ' a ', label: 'good' },
      { text: 'b', label: 'bad' },
    ])

    expect(samples).toMatchObject([
      { task: 'icl', query: 'a', candidates: ['text 0\ngood', 'text 1\nbad'], answers: ['good'], positives: 0 },
      { task: 'icl', query: 'b', answers: ['bad'] },
    ])
    expect(samples[0]!.candidates).toBe(samples[1]!.candidates)
  })

  it('refuse an empty pool, empty texts and labels of several lines', () => {
    const one = [{ text: 'a', label: 'b' }]
    for (const [pool, questions] of [
      [[], one],
      [[{ text: 'a', label: ' ' }], one],
      [one, [{ text: '', label: 'b' }]],
      [one, [{ text: 'a', label: 'b\nc' }]],
    ] as const)
      expect(() => exemplarSamples(pool, questions)).toThrowError(expect.objectContaining({ code: 'INVALID_ARGUMENT' }) as Error)
  })

  it('are read from the candidates of samples, and what cannot be is told', () => {
    const { whyNot, question: ask } = labelledSamples()
    const good = sample({ task: 'icl', query: 'q', candidates: ['a\nb\nYes', 'c\nNo', 'd\nYes'], answers: ['No '] })

    expect(exemplarOf('a\nb\nYes')).toEqual({ text: 'a\nb', label: 'Yes' })
    expect(exemplarOf('one line')).toBeUndefined()
    expect(whyNot(good)).toBeUndefined()
    expect(ask(good, [2, 1])).toEqual({
      text: 'q',
      label: 'No',
      options: ['No', 'Yes'],
      exemplars: [
        { text: 'd', label: 'Yes' },
        { text: 'c', label: 'No' },
      ],
    })
    expect(whyNot({ ...good, task: 'qa' })).toBe('is no worked example')
    expect(whyNot({ ...good, answers: [] })).toBe('has no answers')
    expect(whyNot({ ...good, answers: ['Maybe'] })).toBe('has an answer that no candidate has')
    expect(whyNot({ ...good, candidates: ['a\nNo', 'b'] })).toBe('has a candidate without an answer on a line of its own')
    expect(whyNot({ ...good, candidates: ['a\nNo', 'b\nNo'] })).toBe('has candidates that all have the same answer')
  })
})

describe('readExemplars', () => {
  const lines = (...all: readonly unknown[]): string => all.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n')

  it('reads a labelled text a line', async () => {
    const path = join(
      folder({ 'a.jsonl': `\uFEFF${lines({ text: 'a', label: ' x ' }, '', { text: 'b', label: 'y', more: 1 })}\n` }),
      'a.jsonl',
    )

    expect(await readExemplars(path)).toEqual([
      { text: 'a', label: 'x' },
      { text: 'b', label: 'y' },
    ])
    expect(await readExemplars(path, { limit: 1 })).toHaveLength(1)
  })

  it('names the line that it cannot understand, or goes on past it', async () => {
    for (const bad of ['{', '7', { text: 'a' }, { text: ' ', label: 'x' }, { text: 'a', label: 'x\ny' }]) {
      const path = join(folder({ 'a.jsonl': lines({ text: 'a', label: 'x' }, bad) }), 'a.jsonl')
      const problems: (number | undefined)[] = []

      await expect(readExemplars(path)).rejects.toMatchObject({ code: 'INVALID_DATA', line: 2, path })
      expect(await readExemplars(path, { onBadLine: ({ line }) => problems.push(line) })).toHaveLength(1)
      expect(problems).toEqual([2])
    }
  })

  it('refuses files that are missing or hold nothing', async () => {
    const root = folder({ 'empty.jsonl': '\n' })
    for (const name of ['empty.jsonl', 'missing.jsonl'])
      await expect(readExemplars(join(root, name))).rejects.toMatchObject({ code: 'INVALID_DATA' })
  })
})
