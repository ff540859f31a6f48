import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Document } from '../../../src/document.ts'
import type { Problem } from '../../../src/cli/sources/source.ts'
import { textSplitter } from '../../../src/cli/sources/split.ts'
import { documentStream, type StreamOptions } from '../../../src/cli/sources/stream.ts'
import { listSources } from '../../../src/cli/sources/walk.ts'
import { folder } from '../folder.ts'

async function stream(files: Record<string, string | Uint8Array>, options: Partial<StreamOptions> = {}, prepare?: (root: string) => void) {
  const root = folder(files)
  prepare?.(root)
  const problems: string[] = []
  const report = ({ file, line, reason, harmless }: Problem): void =>
    void problems.push(`${file.slice(root.length + 1)}${line ? `:${line}` : ''} ${reason}${harmless ? ' (harmless)' : ''}`)
  const result = documentStream(await listSources([root], { root, report }), { report, ...options })
  const documents: Document[] = []
  for await (const document of result.documents) documents.push(document)
  return { documents, ids: documents.map(({ id }) => id), problems, counts: result.counts, partsOf: result.partsOf }
}

describe('documentStream', () => {
  it('reads files one after another and counts their bytes', async () => {
    const { ids, counts } = await stream({
      'a.txt': 'alpha',
      'b.jsonl': '{"id":"x","text":"1"}\n{"id":"y","text":"2"}\n',
      'c.md': '# C\ntext',
    })

    expect(ids).toEqual(['a.txt', 'x', 'y', 'c.md'])
    expect(counts).toMatchObject({ read: 4, bytes: 5 + 44 + 8 })
  })

  it('reports binary, UTF-16 and empty files and reads the rest', async () => {
    const { ids, problems } = await stream({
      'a.bin': new Uint8Array([1, 0, 2]),
      'b.txt': Buffer.from('\uFEFFhi', 'utf16le'),
      'c.txt': Buffer.from([0x63, 0xe9]),
      'd.txt': ' \n',
      'e.txt': 'fine',
    })

    expect(ids).toEqual(['e.txt'])
    expect(problems).toEqual([
      'a.bin is binary',
      'b.txt is UTF-16 text; save it as UTF-8',
      'c.txt is binary or not UTF-8 text',
      'd.txt is empty (harmless)',
    ])
  })

  it.skipIf(process.getuid?.() === 0)('reports a file it may not read', async () => {
    const { ids, problems } = await stream({ 'a.txt': 'a', 'b.txt': 'b' }, {}, (root) => chmodSync(join(root, 'a.txt'), 0))

    expect(ids).toEqual(['b.txt'])
    expect(problems).toEqual(['a.txt cannot be read (EACCES)'])
  })

  it('keeps the first of two documents with one id and reports the second', async () => {
    const { documents, problems } = await stream({ 'a.jsonl': '{"id":"x","text":"first"}\n{"id":"x","text":"second"}\n' })

    expect(documents).toEqual([{ id: 'x', text: 'first' }])
    expect(problems).toEqual(['a.jsonl:2 has the id "x", which another document of this run has'])
  })

  it('reports ids and metadata that the engine would refuse', async () => {
    const deep = '{"a":'.repeat(70) + '1' + '}'.repeat(70)
    const { ids, problems } = await stream({
      'a.jsonl': [
        `{"id":"","text":""}`,
        `{"id":"${'x'.repeat(1025)}","text":""}`,
        `{"id":"\\ud800","text":""}`,
        `{"id":"deep","text":"","metadata":${deep}}`,
        `{"id":"ok","text":""}`,
      ].join('\n'),
    })

    expect(ids).toEqual(['ok'])
    expect(problems).toEqual([
      'a.jsonl:1 has an empty id',
      'a.jsonl:2 has an id longer than 1024 characters',
      'a.jsonl:3 has an id with a lone surrogate or NUL character',
      'a.jsonl:4 has metadata nested deeper than 60 levels',
    ])
  })

  it('splits what is long, but retrieval sets only on request', async () => {
    const long = 'one two three. '.repeat(40)
    const files = { 'a.txt': long, 'set/corpus.jsonl': JSON.stringify({ _id: '1', text: long }), 'set/queries.jsonl': '' }
    const split = textSplitter({ chunkSize: 300, chunkOverlap: 0 })

    const usual = await stream(files, { split })
    const all = await stream(files, { split, splitAll: true })

    expect(usual.ids).toEqual(['a.txt#1', 'a.txt#2', 'a.txt#3', 'set/1'])
    expect(usual.counts).toMatchObject({ read: 2, split: 1, parts: 3 })
    expect([...usual.partsOf]).toEqual([
      ['a.txt', 3],
      ['set/1', 1],
    ])
    expect(all.ids.slice(3)).toEqual(['set/1#1', 'set/1#2', 'set/1#3'])
  })

  it('ends between two documents when asked to stop', async () => {
    let asked = 0

    const { ids } = await stream({ 'a.txt': 'a', 'b.txt': 'b', 'c.txt': 'c' }, { stopped: () => ++asked > 2 })

    expect(ids).toEqual(['a.txt', 'b.txt'])
  })
})
