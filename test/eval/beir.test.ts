import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { InvalidDataError } from '../../src/errors.ts'
import { readBeir } from '../../src/eval/index.ts'
import type { Document } from '../../src/document.ts'

const good = {
  'corpus.jsonl':
    '{"_id": "d1", "title": "Tides", "text": "The moon pulls."}\r\n\n{"_id": "d2", "title": "", "text": "Second", "metadata": {"year": 2020}}',
  'queries.jsonl': '\uFEFF{"_id": "q1", "text": "why tides"}\n{"_id": 2, "text": "naïve 🦑"}\n',
  'qrels/test.tsv': 'query-id\tcorpus-id\tscore\r\nq1\td1\t2\r\nq1\td2\t0\r\n2\td2\t1\r\n',
}

async function beir(files: Record<string, string>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'beir-'))
  await mkdir(join(directory, 'qrels'))
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content)
  return directory
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

const failure = async (promise: Promise<unknown>): Promise<InvalidDataError> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(InvalidDataError)
  return error as InvalidDataError
}

describe('readBeir', () => {
  it('reads documents, queries and judgements, whatever the line ends', async () => {
    const set = await readBeir(await beir(good))

    expect(await all(set.corpus())).toEqual<Document[]>([
      { id: 'd1', title: 'Tides', text: 'The moon pulls.' },
      { id: 'd2', text: 'Second', metadata: { year: 2020 } },
    ])
    expect([...set.queries]).toEqual([
      ['q1', 'why tides'],
      ['2', 'naïve 🦑'],
    ])
    expect(set.splits).toEqual(['test'])
    expect(await set.qrels('test')).toEqual(
      new Map([
        [
          'q1',
          new Map([
            ['d1', 2],
            ['d2', 0],
          ]),
        ],
        ['2', new Map([['d2', 1]])],
      ]),
    )
  })

  it('reads the corpus again on every call', async () => {
    const set = await readBeir(await beir(good))

    expect(await all(set.corpus())).toEqual(await all(set.corpus()))
  })

  it('names the splits there are when asked for another', async () => {
    const set = await readBeir(await beir(good))

    expect((await failure(set.qrels('dev'))).message).toMatch(/dev\.tsv is missing.*test/)
  })

  it.each([
    ['corpus.jsonl', '{"_id": "d1", "text": "x"}\n{"_id": "d2", "te'],
    ['corpus.jsonl', '{"_id": "d1", "text": "x"}\n{"text": "no id"}'],
    ['corpus.jsonl', '{"_id": "d1", "text": "x"}\n{"_id": "d2", "text": 7}'],
    ['corpus.jsonl', '{"_id": "d1", "text": "x"}\n{"_id": "d1", "text": "again"}'],
    ['queries.jsonl', '{"_id": "q1", "text": "x"}\nnull'],
    ['queries.jsonl', '{"_id": "q1", "text": "x"}\n{"_id": "q2"}'],
    ['qrels/test.tsv', 'query-id\tcorpus-id\tscore\nq1\td1'],
    ['qrels/test.tsv', 'query-id\tcorpus-id\tscore\nq1\td1\thigh'],
    ['qrels/test.tsv', 'query-id\tcorpus-id\tscore\nunknown\td1\t1'],
    ['qrels/test.tsv', 'q1\td1\t1\nq1\td1\t2'],
  ])('names file and line of what is broken in %s: %j', async (file, content) => {
    const directory = await beir({ ...good, [file]: content })

    const error = await failure(readBeir(directory).then(async (set) => [await all(set.corpus()), await set.qrels('test')]))

    expect(error.path).toBe(join(directory, file))
    expect(error.line).toBe(2)
    expect(error.message).toContain(`${file}, line 2,`)
  })

  it('skips broken lines and reports each when asked to', async () => {
    const bad: InvalidDataError[] = []
    const directory = await beir({ ...good, 'corpus.jsonl': 'oops\n{"_id": "d1", "text": "x"}\n{}\n' })

    const set = await readBeir(directory, { onBadLine: (error) => bad.push(error) })

    expect((await all(set.corpus())).map((document) => document.id)).toEqual(['d1'])
    expect(bad.map((error) => error.line)).toEqual([1, 3])
  })

  it('names what is missing', async () => {
    expect((await failure(readBeir('/nowhere/at/all'))).message).toMatch(/qrels cannot be read; a BEIR directory holds/)
    const { 'corpus.jsonl': _, ...rest } = good
    const set = await readBeir(await beir(rest))
    expect((await failure(all(set.corpus()))).message).toMatch(/corpus\.jsonl cannot be read/)
    const { 'queries.jsonl': __, ...noQueries } = good
    expect((await failure(readBeir(await beir(noQueries)))).message).toMatch(/queries\.jsonl cannot be read/)
  })
})
