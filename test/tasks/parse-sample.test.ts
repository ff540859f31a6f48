import { describe, expect, it } from 'vitest'
import { InvalidDataError } from '../../src/errors.ts'
import { parseSample } from '../../src/tasks/parse-sample.ts'

const parse = (fields: object | string, task?: 'qa') =>
  parseSample(typeof fields === 'string' ? fields : JSON.stringify(fields), { path: 'x.jsonl', line: 7, ...(task && { task }) })
const good = { query: 'q', pos: ['a'], neg: ['b', 'c'], task: 'qa' }

describe('reading a line of training data', () => {
  it('puts those known to help before the others', () => {
    expect(parse({ ...good, answers: ['x'], teacher_scores: [1, -2.5, 0], query_id: 12, context: 'before', other: 1 })).toEqual({
      sample: {
        task: 'qa',
        id: '12',
        query: 'q',
        candidates: ['a', 'b', 'c'],
        positives: 1,
        scores: [1, -2.5, 0],
        answers: ['x'],
        context: 'before',
        line: 7,
      },
      record: { ...good, answers: ['x'], teacher_scores: [1, -2.5, 0], query_id: 12, context: 'before', other: 1 },
    })
  })

  it('reads the turns of a dialogue as candidates nobody has judged', () => {
    const { sample } = parse({ task: 'chat', query: 'q', history: ['one', 'two'], teacher_scores: [1, 2], qid: 'x' })

    expect(sample).toMatchObject({ id: 'x', candidates: ['one', 'two'], positives: 0, scores: [1, 2], answers: [] })
  })

  it('takes a task for lines that name none, and numbers those without an id', () => {
    expect(parse({ query: 'q', pos: ['a'] }, 'qa').sample).toMatchObject({ task: 'qa', id: '7' })
    expect(parse({ ...good, teacher_scores: null }).sample.scores).toBeUndefined()
  })

  it.each([
    ['{"query": "q"', 'is not JSON'],
    ['{"query": "q", "teacher_scores": [-Infinity]}', 'is not JSON: it has -Infinity where a number must stand'],
    ['[1]', 'is no JSON object'],
    ['null', 'is no JSON object'],
    [{ query: 'q', pos: ['a'] }, 'has no "task"'],
    [{ ...good, task: 'cooking' }, 'has the task "cooking", which is none of'],
    [{ ...good, query: ' ' }, 'has a "query" that is missing, empty or no text'],
    [{ ...good, query: undefined }, 'has a "query" that is missing, empty or no text'],
    [{ query: 'q', task: 'qa' }, 'has neither "pos" nor "neg"'],
    [{ query: 'q', task: 'chat' }, 'has neither "history" nor "pos" or "neg"'],
    [{ ...good, neg: 'b' }, 'has "neg" that is no list of texts'],
    [{ ...good, neg: ['b', 5] }, 'has an item in "neg" that is no text (number 2)'],
    [{ ...good, pos: [], neg: [] }, 'has no candidates'],
    [{ ...good, answers: [1] }, 'has an item in "answers" that is no text (number 1)'],
    [{ ...good, context: [] }, 'has a "context" that is no text'],
    [{ ...good, teacher_scores: [1, 2] }, 'has 2 teacher scores for 3 candidates'],
    [{ ...good, teacher_scores: 'good' }, 'has "teacher_scores" that is no list of numbers'],
    [{ ...good, teacher_scores: [1, null, 2] }, 'has a teacher score that is no finite number (number 2: null)'],
    [{ ...good, teacher_scores: [1, '2', 2] }, 'has a teacher score that is no finite number (number 2: "2")'],
    ['{"query": "q", "pos": ["a"], "task": "qa", "teacher_scores": [1e999]}', 'has a teacher score that is no finite number (number 1'],
  ])('refuses %j by its number', (fields, problem) => {
    expect(() => parse(fields)).toThrow(InvalidDataError)
    expect(() => parse(fields)).toThrow(`x.jsonl, line 7, ${problem}`)
  })
})
