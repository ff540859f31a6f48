import { expect, it, describe } from 'vitest'
import { embeddedStore } from '../../src/store/embedded.ts'
import { describeStore } from '../conformance/store.ts'
import { answers, library, questions } from './library.ts'
import { temporaryDirectory } from './temporary.ts'

describeStore('embeddedStore', (options) => embeddedStore(':memory:', options))

describe('embeddedStore', () => {
  it('brings the documents of the first candidates where they are asked for', async () => {
    const store = await embeddedStore(':memory:')
    await store.upsert(library(20))

    const [found] = await store.search([{ vectors: [], text: 'fox', topK: 10, documents: 3 }])

    expect(found!.documents!.map(({ id }) => id)).toEqual(found!.candidates.slice(0, 3).map(({ id }) => id))
    expect(found!.documents).toHaveLength(3)
    await store.close()
  })
})

describe('embeddedStore in a directory', () => {
  it('gives the same answers after it was closed and opened again', async () => {
    const directory = temporaryDirectory()
    const store = await embeddedStore(directory)
    await store.upsert(library(300))
    await store.delete({ filter: { n: { $gte: 900 } } })
    const before = await answers(store)
    const { documents } = await store.info()
    await store.close()

    const again = await embeddedStore(directory)

    expect(await answers(again)).toEqual(before)
    expect(await again.info()).toMatchObject({
      documents,
      location: directory,
      spaces: [{ space: 'base', dimensions: 16, vectors: documents }],
    })
    await again.close()
  })

  it('makes the directory, with its parents', async () => {
    const directory = `${temporaryDirectory()}/deep/er`

    const store = await embeddedStore(directory)
    await store.upsert(library(1))
    await store.close()

    const again = await embeddedStore(directory)
    expect((await again.info()).documents).toBe(1)
    await again.close()
  })

  it('uses freed rows again and stays right', async () => {
    const directory = temporaryDirectory()
    const store = await embeddedStore(directory)
    for (let round = 0; round < 5; round++) {
      await store.upsert(library(100, { seed: round, from: round * 50 }))
      await store.delete({ ids: library(60, { from: round * 50 }).map(({ document }) => document.id) })
    }
    const before = await answers(store)
    await store.close()

    const again = await embeddedStore(directory)

    expect(await answers(again)).toEqual(before)
    await again.close()
  })

  it('remembers how BM25 scores, until told otherwise', async () => {
    const directory = temporaryDirectory()
    const score = async (lexical?: object): Promise<number> => {
      const store = await embeddedStore(directory, { ...(lexical && { lexical }) })
      await store.upsert([{ document: { id: 'a', title: 'fox', text: 'hen hen' }, hash: 'h', vectors: {} }])
      const [result] = await store.search([{ vectors: [], text: 'fox', topK: 1 }])
      await store.close()
      return result!.candidates[0]!.lexical
    }

    const weighed = await score({ k1: 2, b: 0.1, titleWeight: 3 })

    expect(await score()).toBe(weighed)
    expect(await score({ titleWeight: 1 })).toBeLessThan(weighed)
  })

  it('stops a long search when told to', async () => {
    const store = await embeddedStore(':memory:')
    await store.upsert(library(3000))
    const stop = new AbortController()
    const queries = questions(4000).map((vector) => ({ vectors: [{ space: 'base', vector }], topK: 10 }))

    const search = store.search(queries, { signal: stop.signal })
    setTimeout(() => stop.abort(new Error('enough')), 20)
    await expect(search).rejects.toThrow('enough')

    // The thread gave up as well, rather than work through the rest first.
    const begun = performance.now()
    await store.info()
    const whole = performance.now()
    await store.search(queries)
    expect(whole - begun).toBeLessThan((performance.now() - whole) / 2)
    await store.close()
  })

  it('gives up opening when told to', async () => {
    await expect(embeddedStore(temporaryDirectory(), { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no')

    const directory = temporaryDirectory()
    const stop = new AbortController()
    const opening = embeddedStore(directory, { signal: stop.signal })
    setImmediate(() => stop.abort(new Error('late')))
    await expect(opening).rejects.toThrow('late')

    // Nothing is left locked.
    await (await embeddedStore(directory)).close()
  })
})
