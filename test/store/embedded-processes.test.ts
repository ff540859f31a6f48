import { mkdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { embeddedStore } from '../../src/store/embedded.ts'
import { answers, library } from './library.ts'
import { childProcess } from './processes.ts'
import { temporaryDirectory } from './temporary.ts'

describe('one writer', () => {
  it('keeps a second one out at once, in the same process', async () => {
    const directory = temporaryDirectory()
    const first = await embeddedStore(directory)

    await expect(embeddedStore(directory)).rejects.toMatchObject({ code: 'INDEX_LOCKED', path: directory })

    await first.upsert(library(5))
    await first.close()
    const second = await embeddedStore(directory)
    expect((await second.info()).documents).toBe(5)
    await second.close()
  })

  it('keeps a second one out at once, in another process', async () => {
    const directory = temporaryDirectory()
    const store = await embeddedStore(directory)

    expect((await childProcess('write', directory).ended).lines).toEqual(['INDEX_LOCKED'])

    await store.close()
    expect((await childProcess('write', directory).ended).lines).toEqual(['written'])
  })

  it('leaves no lock behind when it is killed', async () => {
    const directory = temporaryDirectory()
    const child = childProcess('hold', directory)
    await child.says('holding')
    await expect(embeddedStore(directory)).rejects.toMatchObject({ code: 'INDEX_LOCKED' })

    await child.kill()

    await (await embeddedStore(directory)).close()
  })
})

describe('many readers', () => {
  it('search while another process writes, and may not write themselves', async () => {
    const directory = temporaryDirectory()
    const store = await embeddedStore(directory)
    await store.upsert(library(40))

    const readers = await Promise.all([childProcess('read', directory).ended, childProcess('read', directory).ended])

    for (const { lines } of readers) expect(lines).toEqual(['read 40 3', 'INDEX_READ_ONLY'])
    await store.close()
  })

  it('see what was committed since, additions, changes, deletions, spaces and rows used again alike', async () => {
    const directory = temporaryDirectory()
    const writer = await embeddedStore(directory)
    await writer.upsert(library(100))
    const reader = await embeddedStore(directory, { readOnly: true })
    expect(await answers(reader)).toEqual(await answers(writer))

    await writer.delete({ ids: library(30).map(({ document }) => document.id) })
    await writer.upsert(library(50, { seed: 2, from: 80 }))
    await writer.upsert(library(5, { from: 900 }).map((entry) => ({ ...entry, vectors: { other: new Float32Array([1, 0]) } })))

    expect(await answers(reader)).toEqual(await answers(writer))
    expect(await reader.info()).toEqual({ ...(await writer.info()), readOnly: true })
    expect(await reader.scan({ limit: 500, filter: { n: { $lt: 500 } } })).toEqual(
      await writer.scan({ limit: 500, filter: { n: { $lt: 500 } } }),
    )

    await writer.delete({ filter: {} })
    expect(await reader.info()).toMatchObject({ documents: 0, spaces: [] })
    await reader.close()
    await writer.close()
  })

  it('go on when the writer leaves and another comes', async () => {
    const directory = temporaryDirectory()
    const writer = await embeddedStore(directory)
    await writer.upsert(library(20))
    const reader = await embeddedStore(directory, { readOnly: true })
    await writer.close()
    expect((await reader.info()).documents).toBe(20)

    expect((await childProcess('write', directory).ended).lines).toEqual(['written'])

    expect((await reader.info()).documents).toBe(30)
    await reader.close()
  })

  it('refuse every change', async () => {
    const directory = temporaryDirectory()
    await (await embeddedStore(directory)).close()
    const reader = await embeddedStore(directory, { readOnly: true })

    await expect(reader.upsert(library(1))).rejects.toMatchObject({ code: 'INDEX_READ_ONLY' })
    await expect(reader.delete({ filter: {} })).rejects.toMatchObject({ code: 'INDEX_READ_ONLY' })
    await reader.close()
  })

  it('need an index that is there', async () => {
    const directory = temporaryDirectory()

    await expect(embeddedStore(`${directory}/nowhere`, { readOnly: true })).rejects.toMatchObject({
      code: 'INDEX_NOT_FOUND',
      path: `${directory}/nowhere`,
    })
    mkdirSync(`${directory}/empty`)
    await expect(embeddedStore(`${directory}/empty`, { readOnly: true })).rejects.toMatchObject({ code: 'INDEX_NOT_FOUND' })
  })
})

it('lets a process end without closing, even while a graph is being built', async () => {
  const directories = [temporaryDirectory(), temporaryDirectory(), temporaryDirectory()]

  // Ending a thread inside native code would abort the process, but not every time.
  const ends = await Promise.all(directories.map((directory) => childProcess('leave-open', directory).ended))

  for (const { code, lines } of ends) {
    expect(lines).toEqual(['leaving'])
    expect(code).toBe(0)
  }
  const store = await embeddedStore(directories[0]!, { readOnly: true })
  expect((await store.info()).documents).toBe(12_000)
  await store.close()
})
