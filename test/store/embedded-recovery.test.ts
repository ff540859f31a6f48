import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { embeddedStore } from '../../src/store/embedded.ts'
import { openCollection, type Collection } from '../../src/store/embedded/collection.ts'
import { derivedFiles } from '../../src/store/embedded/derived.ts'
import { packEntries } from '../../src/store/embedded/messages.ts'
import type { StoreQuery } from '../../src/store/store.ts'
import { library, questions } from './library.ts'
import { childProcess } from './processes.ts'
import { temporaryDirectory } from './temporary.ts'

const queries: StoreQuery[] = [
  ...questions(20).map((vector) => ({ vectors: [{ space: 'base', vector }], topK: 10 })),
  { vectors: [], text: 'sleeping red foxes', topK: 20 },
]
const answers = (collection: Collection): unknown => queries.map((query) => collection.search(query))

/** Small enough to be quick, large enough to have a graph, which finds everything: what is built again must answer the same. */
const open = (directory: string, readOnly = false): Collection =>
  openCollection({ directory, readOnly, lexical: undefined, graphFrom: 1000, recall: 0.999999 })
const settle = (collection: Collection): void => {
  while (collection.work(50));
}
const build = (directory: string, count = 3000): unknown => {
  const collection = open(directory)
  collection.upsert(packEntries(library(count)))
  settle(collection)
  const expected = answers(collection)
  collection.close()
  return expected
}
const derived = (directory: string): string[] =>
  readdirSync(join(directory, 'derived'))
    .sort()
    .map((file) => join(directory, 'derived', file))

describe('derived files', () => {
  it('are a graph for each large space and the postings', () => {
    const directory = temporaryDirectory()
    build(directory)

    expect(derived(directory).map((path) => path.split('/').pop())).toEqual([
      expect.stringMatching(/^graph-1-/),
      expect.stringMatching(/^postings-/),
    ])
  })

  it.each<[string, (path: string) => void]>([
    ['deleted', (path) => rmSync(path)],
    ['cut short', (path) => truncateSync(path, 1000)],
    ['emptied', (path) => truncateSync(path, 0)],
    ['longer', (path) => appendFileSync(path, 'x')],
    ['overwritten with noise', (path) => writeFileSync(path, Buffer.alloc(5000, 0xa5))],
    [
      'flipped in one bit',
      (path) => {
        const bytes = readFileSync(path)
        bytes[bytes.length >> 1]! ^= 1
        writeFileSync(path, bytes)
      },
    ],
  ])('cost only a rebuild when they are %s', (_, damage) => {
    const directory = temporaryDirectory()
    const expected = build(directory)
    derived(directory).forEach(damage)

    const collection = open(directory)
    const atOnce = answers(collection)
    settle(collection)

    expect(atOnce).toEqual(expected)
    expect(answers(collection)).toEqual(expected)
    collection.close()
  })

  it('are not taken from another index', () => {
    const [one, other] = [temporaryDirectory(), temporaryDirectory()]
    const expected = build(one)
    build(other, 2500)
    for (const path of derived(one))
      cpSync(
        derived(other).find((theirs) => theirs.split('/').pop()!.slice(0, 5) === path.split('/').pop()!.slice(0, 5))!,
        path,
      )

    const collection = open(one)

    expect(answers(collection)).toEqual(expected)
    collection.close()
  })

  it('are not taken from a later state when the database is restored from a copy', () => {
    const directory = temporaryDirectory()
    const copy = join(temporaryDirectory(), 'copy.sqlite')
    const expected = build(directory)
    cpSync(join(directory, 'index.sqlite'), copy)
    const later = open(directory)
    later.upsert(packEntries(library(2000, { seed: 2, from: 1400 })))
    settle(later)
    later.close()
    cpSync(copy, join(directory, 'index.sqlite'))

    const collection = open(directory)

    expect(answers(collection)).toEqual(expected)
    collection.close()
  })

  it('catch up with what was committed after they were saved', () => {
    const directory = temporaryDirectory()
    build(directory)
    const saved = derived(directory).map((path) => [path, readFileSync(path)] as const)
    const later = open(directory)
    later.upsert(packEntries(library(300, { seed: 2, from: 2800 })))
    later.delete({ ids: ['d1', 'd2', 'd2900'] })
    later.upsert(packEntries(library(2, { seed: 3, from: 5000 })))
    settle(later)
    const expected = answers(later)
    // As after a crash: the database is ahead, the files and their entries are the old ones.
    const entries = new Database(join(directory, 'index.sqlite'), { readonly: true }).prepare('SELECT * FROM derived').all() as Record<
      string,
      unknown
    >[]
    later.close()
    rmSync(join(directory, 'derived'), { recursive: true })
    const database = new Database(join(directory, 'index.sqlite'))
    database.exec('DELETE FROM derived')
    for (const entry of entries) database.prepare('INSERT INTO derived VALUES (@name, @file, @sequence, @checksum, @detail)').run(entry)
    database.close()
    mkdirSync(join(directory, 'derived'))
    for (const [path, bytes] of saved) writeFileSync(path, bytes)

    const collection = open(directory)

    expect(collection.work(0)).toBe(true)
    expect(answers(collection)).toEqual(expected)
    settle(collection)
    expect(answers(collection)).toEqual(expected)
    collection.close()
  })

  it('keep a graph that is half built, and go on from there', () => {
    const directory = temporaryDirectory()
    const collection = open(directory)
    collection.upsert(packEntries(library(3000)))
    collection.work(1)
    const expected = answers(collection)
    collection.close()

    const again = open(directory)

    expect(again.work(0)).toBe(true)
    expect(answers(again)).toEqual(expected)
    settle(again)
    expect(answers(again)).toEqual(expected)
    again.close()
  })

  it('go with the space they belong to', () => {
    const directory = temporaryDirectory()
    build(directory)
    const collection = open(directory)
    collection.delete({ filter: {} })
    collection.close()

    expect(derived(directory)).toEqual([expect.stringContaining('postings-')])
  })

  it('are not left half written', () => {
    const directory = temporaryDirectory()
    build(directory)
    const before = derived(directory)
    const database = new Database(join(directory, 'index.sqlite'))
    const files = derivedFiles(directory, database)

    expect(() =>
      files.save('graph-1', 99, (path) => {
        writeFileSync(path, 'half')
        throw new Error('disk full')
      }),
    ).toThrow('disk full')

    expect(derived(directory)).toEqual(before)
    expect(files.find('graph-1')).toBeDefined()
    database.close()
  })

  it('leave nothing behind when they are replaced', () => {
    const directory = temporaryDirectory()
    build(directory)
    writeFileSync(join(directory, 'derived', 'graph-9-1.tmp'), 'left by a crash')
    const collection = open(directory)
    collection.upsert(packEntries(library(10, { from: 7000 })))
    settle(collection)
    collection.close()

    expect(derived(directory)).toHaveLength(2)
  })
})

it('a reader that is further behind than deletions are remembered loads everything again', () => {
  const directory = temporaryDirectory()
  const writer = open(directory)
  writer.upsert(packEntries(library(50)))
  const reader = open(directory, true)
  expect(reader.info().documents).toBe(50)

  writer.delete({ ids: ['d1', 'd2', 'd3'] })
  writer.upsert(packEntries(library(1, { from: 900 })))
  writer.database.exec(
    `DELETE FROM deletions; UPDATE settings SET value = (SELECT value FROM settings WHERE name = 'sequence') WHERE name = 'pruned'`,
  )

  expect(reader.info().documents).toBe(48)
  expect(answers(reader)).toEqual(answers(writer))
  reader.close()
  writer.close()
})

describe('a process that is killed while it adds', () => {
  it('leaves a usable index with whole batches only, and no lock', async () => {
    const directory = temporaryDirectory()
    const child = childProcess('add-forever', directory)
    const said = await child.says('added 400')
    await child.kill()
    const { lines } = await child.ended
    const reported = Number((lines.at(-1) ?? said).split(' ')[1])

    const store = await embeddedStore(directory)
    const { documents, spaces } = await store.info()

    // What was reported is there; of the batch under way all or nothing.
    expect(documents % 50).toBe(0)
    expect(documents).toBeGreaterThanOrEqual(reported)
    expect(spaces[0]!.vectors).toBe(documents)
    const expected = library(50, { from: documents - 50 })
    expect((await store.get(expected.map(({ document }) => document.id))).map((found) => found!.document)).toEqual(
      expected.map(({ document }) => document),
    )
    await store.upsert(library(50, { from: documents }))
    expect((await store.info()).documents).toBe(documents + 50)
    await store.close()
  })

  it('can be read before anyone writes again', async () => {
    const directory = temporaryDirectory()
    const child = childProcess('add-forever', directory)
    await child.says('added 100')
    await child.kill()
    expect(existsSync(join(directory, 'index.sqlite-wal'))).toBe(true)

    const store = await embeddedStore(directory, { readOnly: true })

    expect((await store.info()).documents % 50).toBe(0)
    expect((await store.search([{ vectors: [], text: 'fox', topK: 3 }]))[0]!.candidates).toHaveLength(3)
    await store.close()
  })
})
