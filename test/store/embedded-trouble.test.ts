import { chmodSync, cpSync, mkdirSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { embeddedStore } from '../../src/store/embedded.ts'
import { openCollection } from '../../src/store/embedded/collection.ts'
import { packEntries } from '../../src/store/embedded/messages.ts'
import { answers, library } from './library.ts'
import { childProcess } from './processes.ts'
import { temporaryDirectory } from './temporary.ts'

const file = (directory: string): string => join(directory, 'index.sqlite')

async function filled(count = 200): Promise<string> {
  const directory = temporaryDirectory()
  const store = await embeddedStore(directory)
  await store.upsert(library(count))
  await store.close()
  return directory
}

describe('a database that cannot be read', () => {
  it.each<[string, (path: string) => void]>([
    ['is noise', (path) => writeFileSync(path, Buffer.alloc(50_000, 0xa5))],
    ['is text', (path) => writeFileSync(path, 'not a database at all\n'.repeat(500))],
    ['was emptied', (path) => truncateSync(path, 0)],
    ['was cut short', (path) => truncateSync(path, Math.floor(statSync(path).size / 2 / 4096) * 4096)],
    [
      'belongs to another program',
      (path) => {
        truncateSync(path, 0)
        new Database(path).exec('CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)').close()
      },
    ],
  ])('is refused and left alone when it %s', async (_, damage) => {
    const directory = await filled()
    damage(file(directory))
    const before = readFileSync(file(directory))

    await expect(embeddedStore(directory)).rejects.toMatchObject({ code: 'INDEX_CORRUPT', path: file(directory) })
    await expect(embeddedStore(directory, { readOnly: true })).rejects.toMatchObject({
      code: expect.stringMatching(/INDEX_(CORRUPT|NOT_FOUND)/),
    })

    expect(readFileSync(file(directory)).equals(before)).toBe(true)
  })

  it('is refused when pages in its middle are noise', async () => {
    const directory = await filled(2000)
    const bytes = readFileSync(file(directory))
    bytes.fill(0xa5, 3 * 4096, bytes.length - 4096)
    writeFileSync(file(directory), bytes)

    await expect(embeddedStore(directory)).rejects.toMatchObject({ code: 'INDEX_CORRUPT' })
  })

  it.each([
    ['of the wrong length', 'UPDATE vectors_1 SET vector = zeroblob(7) WHERE row = 3'],
    ['that are not finite', `UPDATE vectors_1 SET vector = unhex('${'0000c07f'.repeat(16)}') WHERE row = 3`],
  ])('is refused when it holds vectors %s', async (_, statement) => {
    const directory = await filled()
    const database = new Database(file(directory))
    database.exec(statement)
    database.close()

    await expect(embeddedStore(directory)).rejects.toMatchObject({ code: 'INDEX_CORRUPT' })
  })

  it('says so when a newer version wrote it', async () => {
    const directory = await filled()
    const database = new Database(file(directory))
    database.pragma('user_version = 99')
    database.close()

    const failure = { code: 'UNSUPPORTED', message: expect.stringContaining('format 99') }
    await expect(embeddedStore(directory)).rejects.toMatchObject(failure)
    await expect(embeddedStore(directory, { readOnly: true })).rejects.toMatchObject(failure)
  })

  it('leaves no lock behind when opening fails', async () => {
    const directory = await filled()
    const good = readFileSync(file(directory))
    writeFileSync(file(directory), 'noise'.repeat(5000))
    await expect(embeddedStore(directory)).rejects.toMatchObject({ code: 'INDEX_CORRUPT' })

    writeFileSync(file(directory), good)

    const store = await embeddedStore(directory)
    expect((await store.info()).documents).toBe(200)
    await store.close()
  })
})

describe('a place that cannot be used', () => {
  it('is refused when it is a file', async () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'file'), '')

    await expect(embeddedStore(join(directory, 'file'))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'directory' })
    await expect(embeddedStore(join(directory, 'file', 'below'))).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
  })

  // The superuser may write everywhere, so a process of another user tries.
  it.runIf(process.getuid?.() === 0)('is searched but not changed when its directory may not be written', async () => {
    const directory = await filled()
    const open = join(temporaryDirectory(), 'index')
    cpSync(directory, open, { recursive: true })
    chmodSync(join(open, '..'), 0o755)
    for (const path of [open, join(open, 'derived')]) chmodSync(path, 0o555)

    const nobody = { uid: 65_534 }

    expect((await childProcess('read', open, nobody).ended).lines).toEqual(['read 200 3', 'INDEX_READ_ONLY'])
    expect((await childProcess('write', open, nobody).ended).lines).toEqual(['INDEX_READ_ONLY'])
    chmodSync(open, 0o755)
  })

  it.runIf(process.getuid?.() === 0)('is searched where it was left in write-ahead mode', async () => {
    const directory = await filled()
    const open = join(temporaryDirectory(), 'index')
    mkdirSync(open)
    cpSync(file(directory), file(open))
    const database = new Database(file(open))
    database.pragma('journal_mode = WAL')
    cpSync(file(open), join(open, 'kept'))
    database.close()
    cpSync(join(open, 'kept'), file(open))
    chmodSync(join(open, '..'), 0o755)
    chmodSync(open, 0o555)
    expect(readFileSync(file(open))[18]).toBe(2)

    expect((await childProcess('read', open, { uid: 65_534 }).ended).lines).toEqual(['read 200 3', 'INDEX_READ_ONLY'])
    chmodSync(open, 0o755)
  })
})

describe('a full disk', () => {
  it('fails the call, keeps what was stored, and goes on when there is room', () => {
    const directory = temporaryDirectory()
    const collection = openCollection({ directory, readOnly: false, lexical: undefined, graphFrom: Infinity })
    collection.upsert(packEntries(library(100)))
    const pages = collection.database.pragma('page_count', { simple: true }) as number
    collection.database.pragma(`max_page_count = ${pages + 1}`)

    expect(() => collection.upsert(packEntries(library(2000, { from: 100 })))).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }))

    expect(collection.info().documents).toBe(100)
    expect(collection.search({ vectors: [], text: 'fox', topK: 500 }).result.candidates.length).toBeLessThanOrEqual(100)
    expect(collection.delete({ ids: ['d5'] })).toBe(1)
    collection.database.pragma('max_page_count = 1000000')
    collection.upsert(packEntries(library(2000, { from: 100 })))
    expect(collection.info().documents).toBe(2099)
    collection.close()

    const again = openCollection({ directory, readOnly: true, lexical: undefined, graphFrom: Infinity })
    expect(again.info().documents).toBe(2099)
    again.close()
  })

  it('does not keep an index from closing when derived files cannot be saved', async () => {
    const directory = temporaryDirectory()
    const store = await embeddedStore(directory)
    await store.upsert(library(50))
    const expected = await answers(store)
    // A file where the folder belongs: nothing can be saved in it.
    writeFileSync(join(directory, 'derived'), '')

    await store.close()

    const again = await embeddedStore(directory)
    expect(await answers(again)).toEqual(expected)
    await again.close()
    expect(readdirSync(directory)).toContain('derived')
  })
})
