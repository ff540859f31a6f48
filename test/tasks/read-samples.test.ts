import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { InvalidDataError } from '../../src/errors.ts'
import { readSamples } from '../../src/tasks/read-samples.ts'
import { folder } from '../cli/folder.ts'

const qa = {
  query: 'who built the mill?',
  pos: ['Ann did.'],
  neg: ['It rained.', 'A bee.'],
  teacher_scores: [-1, -3, -2.5],
  answers: ['Ann'],
  task: 'qa',
}
const chat = { query: 'Hello?', history: ['Speaker 1: a\nSpeaker 2: b'], query_id: 7, answers: ['Hi.'], task: 'chat' }
const lines = (...values: (object | string)[]): string =>
  values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join('\n')

const file = (text: string): string => join(folder({ 'samples.json': text }), 'samples.json')

describe('readSamples', () => {
  it('reads every line as a sample of its task, and knows its place', async () => {
    const samples = await readSamples(file(`\ufeff${lines(qa, '', chat)}\r\n`))

    expect(samples).toEqual([
      {
        task: 'qa',
        id: '1',
        query: qa.query,
        candidates: ['Ann did.', 'It rained.', 'A bee.'],
        positives: 1,
        scores: [-1, -3, -2.5],
        answers: ['Ann'],
        line: 1,
      },
      { task: 'chat', id: '7', query: 'Hello?', candidates: chat.history, positives: 0, answers: ['Hi.'], line: 3 },
    ])
  })

  it('takes the task of lines that name none from the caller', async () => {
    const { task: _task, ...bare } = qa

    expect((await readSamples(file(lines(bare)), { task: 'icl' }))[0]!.task).toBe('icl')
    await expect(readSamples(file(lines(bare)))).rejects.toThrow(/holds no usable sample; the first bad line: .*line 1, has no "task"/)
  })

  it('reads several files one after the other, and no more of each than is wanted', async () => {
    const paths = [file(lines(qa, chat, qa)), file(lines(chat))]

    expect((await readSamples(paths, { limit: 2 })).map(({ task }) => task)).toEqual(['qa', 'chat', 'chat'])
    await expect(readSamples(paths, { limit: 0 })).rejects.toMatchObject({ argument: 'limit' })
  })

  it('names every bad line with its number and goes on', async () => {
    const path = file(lines(qa, '{"query"', { ...qa, teacher_scores: [1] }, { ...qa, task: 'search' }, chat))
    const problems: InvalidDataError[] = []

    const samples = await readSamples(path, { onProblem: (problem) => problems.push(problem) })

    expect(samples.map(({ line }) => line)).toEqual([1, 5])
    expect(problems.map((problem) => [problem.path, problem.line])).toEqual([2, 3, 4].map((line) => [path, line]))
    expect(problems[1]!.message).toMatch(/line 3, has 1 teacher scores for 3 candidates/)
  })

  it('stops at the first bad line when it is to be strict', async () => {
    await expect(readSamples(file(lines(qa, '[]', '{')), { strict: true })).rejects.toMatchObject({ code: 'INVALID_DATA', line: 2 })
  })

  it('refuses a file that is not there, or that holds nothing', async () => {
    await expect(readSamples('/no/such.json')).rejects.toThrow(/^\/no\/such\.json cannot be read/)
    await expect(readSamples(file('\n \n'))).rejects.toThrow(/holds no samples/)
  })

  it('reads a line of many megabytes in a time that grows as it does', async () => {
    const long = 'x'.repeat(24_000_000)
    const path = file(lines({ ...qa, pos: [long] }, qa))
    const start = performance.now()

    const samples = await readSamples(path)

    expect(samples.map(({ candidates, line }) => [candidates[0]!.length, line])).toEqual([
      [24_000_000, 1],
      [8, 2],
    ])
    // Put together again for every piece that is read it would be a hundred times as long.
    expect(performance.now() - start).toBeLessThan(3000)
  })

  const toy = fileURLToPath(new URL('../../../shared/data/llm-embedder-toy', import.meta.url))
  const missing = !existsSync(toy)
  it.skipIf(missing)(
    `reads the official toy samples unchanged${missing ? ' (skipped: ../shared/data/llm-embedder-toy is not there)' : ''}`,
    async () => {
      const paths = readdirSync(toy)
        .filter((name) => name.endsWith('.json'))
        .map((name) => join(toy, name))

      const samples = await readSamples(paths, { strict: true })

      expect(new Set(samples.map(({ task }) => task)).size).toBe(6)
      expect(samples).toHaveLength(48)
      const scored = new Set(samples.filter(({ scores }) => scores).map(({ task }) => task))
      expect([...scored].sort()).toEqual(['chat', 'icl', 'lrlm', 'qa'])
      for (const { scores, candidates } of samples) if (scores) expect(scores).toHaveLength(candidates.length)
    },
  )
})
