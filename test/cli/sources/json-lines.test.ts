import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseRecord, readJsonLines } from '../../../src/cli/sources/json-lines.ts'
import type { Problem, Source, SourceDocument } from '../../../src/cli/sources/source.ts'
import { folder } from '../folder.ts'

async function read(content: string, source: Partial<Source> = {}) {
  const problems: Problem[] = []
  const items: SourceDocument[] = []
  const path = join(folder({ 'x.jsonl': content }), 'x.jsonl')
  for await (const item of readJsonLines({ kind: 'json-lines', name: 'x.jsonl', bytes: 0, path, ...source }, (problem) =>
    problems.push(problem),
  ))
    items.push(item)
  return { documents: items.map(({ document }) => document), items, problems: problems.map(({ line, reason }) => `${line} ${reason}`) }
}

describe('readJsonLines', () => {
  it('reads id, title, text and metadata', async () => {
    const { documents } = await read('{"id":"a","title":"A","text":"one","metadata":{"year":2020}}\n{"text":"two"}\n')

    expect(documents).toEqual([
      { id: 'a', title: 'A', text: 'one', metadata: { year: 2020 } },
      { id: 'x.jsonl:2', text: 'two' },
    ])
  })

  it('reads BEIR fields and numeric ids, and keeps other fields as metadata', async () => {
    const { documents } = await read('{"_id":7,"title":"","text":"t","url":"u","metadata":{"lang":"en"}}')

    expect(documents).toEqual([{ id: '7', text: 't', metadata: { url: 'u', lang: 'en' } }])
  })

  it('names documents of a retrieval set after it, so that sets can be merged', async () => {
    const { documents, items } = await read('{"_id":"1","title":"T","text":"t","metadata":{}}', { kind: 'beir', name: 'tiny' })

    expect(documents).toEqual([{ id: 'tiny/1', title: 'T', text: 't', metadata: { set: 'tiny' } }])
    expect(items[0]!.splittable).toBe(false)
  })

  it('reports each line it cannot use and reads the others', async () => {
    const { documents, problems } = await read(
      '{"id":"a","text":"t"}\n{broken\n[]\n{"id":"b"}\n{"id":"c","text":5}\n{"id":[],"text":""}\n{"id":"z","text":""}\n',
    )

    expect(documents.map(({ id }) => id)).toEqual(['a', 'z'])
    expect(problems).toEqual([
      '2 is not JSON',
      '3 is not a JSON object',
      '4 has no "text"',
      '5 has a "text" that is not a string',
      '6 has an "id" that is neither string nor number',
    ])
  })

  it('wants ids in a retrieval set, where judgements refer to them', async () => {
    expect((await read('{"text":"t"}', { kind: 'beir', name: 'tiny' })).problems).toEqual(['1 has no "_id"'])
  })

  it('takes null for a missing field', () => {
    expect(parseRecord('{"id":null,"title":null,"text":"t","metadata":null}')).toEqual({
      id: undefined,
      title: '',
      text: 't',
      metadata: {},
    })
  })
})
