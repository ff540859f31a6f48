import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError } from '../../../src/errors.ts'
import type { Problem } from '../../../src/cli/sources/source.ts'
import { listSources } from '../../../src/cli/sources/walk.ts'
import { folder } from '../folder.ts'

async function list(paths: string[], root: string, extensions?: string[]) {
  const problems: Problem[] = []
  const sources = await listSources(paths, { root, report: (problem) => problems.push(problem), ...(extensions && { extensions }) })
  return { names: sources.map(({ kind, name }) => `${kind} ${name}`), problems }
}

describe('listSources', () => {
  it('walks directories to the bottom in a stable order', async () => {
    const root = folder({ 'docs/b.txt': 'b', 'docs/a/z.md': 'z', 'docs/a/y.jsonl': '{}', 'docs/c.py': 'c' })

    const { names } = await list([join(root, 'docs')], root)

    expect(names).toEqual(['json-lines docs/a/y.jsonl', 'markdown docs/a/z.md', 'text docs/b.txt', 'text docs/c.py'])
  })

  it('calls files after their path from the root, however they were named', async () => {
    const root = folder({ 'docs/guide/a.md': 'a' })

    for (const path of ['docs', 'docs/guide', 'docs/guide/a.md', '.', 'docs/../docs']) {
      expect((await list([join(root, path)], root)).names).toEqual(['markdown docs/guide/a.md'])
    }
  })

  it('calls files outside the root after the directory that was named', async () => {
    const root = folder({ 'inside/.keep': '', 'other/notes/a.txt': 'a' })

    const { names } = await list([join(root, 'other')], join(root, 'inside'))

    expect(names).toEqual(['text other/notes/a.txt'])
  })

  it('takes a file once that is named twice', async () => {
    const root = folder({ 'docs/a.txt': 'a' })

    expect((await list([join(root, 'docs'), join(root, 'docs/a.txt')], root)).names).toEqual(['text docs/a.txt'])
  })

  it('takes the corpus of a BEIR directory and nothing beside it', async () => {
    const root = folder({
      'sets/tiny/corpus.jsonl': '',
      'sets/tiny/queries.jsonl': '',
      'sets/tiny/qrels/test.tsv': '',
      'sets/tiny/README.md': 'x',
      'sets/judged/corpus.jsonl': '',
      'sets/judged/qrels/test.tsv': '',
      'sets/notes.md': 'x',
    })

    const { names } = await list([join(root, 'sets')], root)

    expect(names).toEqual(['beir judged', 'markdown sets/notes.md', 'beir tiny'])
  })

  it('leaves out hidden entries and node_modules', async () => {
    const root = folder({ 'docs/.git/config': 'x', 'docs/node_modules/p/readme.md': 'x', 'docs/.env': 'x', 'docs/a.txt': 'a' })

    expect((await list([join(root, 'docs')], root)).names).toEqual(['text docs/a.txt'])
  })

  it('keeps to the given extensions', async () => {
    const root = folder({ 'a.md': 'a', 'b.txt': 'b', 'C.TXT': 'c' })

    expect((await list([root], root, ['txt'])).names).toEqual(['text C.TXT', 'text b.txt'])
  })

  it('follows links to files but not to directories, which may go in circles', async () => {
    const root = folder({ 'docs/a.txt': 'a' })
    symlinkSync(join(root, 'docs'), join(root, 'docs/loop'))
    symlinkSync(join(root, 'docs/a.txt'), join(root, 'docs/link.txt'))
    symlinkSync(join(root, 'gone'), join(root, 'docs/dangling.txt'))

    const { names, problems } = await list([join(root, 'docs')], root)

    expect(names).toEqual(['text docs/a.txt', 'text docs/link.txt'])
    expect(problems.map(({ reason, harmless = false }) => [reason, harmless])).toEqual([
      ['cannot be read (ENOENT)', false],
      ['is a link to a directory; name it to have it added', true],
    ])
  })

  it('refuses a path that does not exist before anything is read', async () => {
    const root = folder()

    await expect(list([join(root, 'nope')], root)).rejects.toThrow(InvalidArgumentError)
    await expect(list([join(root, 'nope')], root)).rejects.toThrow('does not exist')
  })
})
