import { expect, it, describe } from 'vitest'
import { embeddedStore } from '../../src/store/embedded.ts'
import { describeStore } from '../conformance/store.ts'
import { DimensionMismatchError } from '../../src/errors.ts'
import type { Vector } from '../../src/vector.ts'
import { answers, dimensions, library, questions } from './library.ts'
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

  it('finds the same for questions of one call, of one turn, and one after another, while documents change', async () => {
    const store = await embeddedStore(':memory:')
    await store.upsert(library(3000))
    const zeros = new Float32Array(dimensions)
    const queries = [...questions(9), zeros, ...questions(3, 7)].map((vector, i) => ({
      vectors: [{ space: 'base', vector }],
      topK: 5 + i,
      ...(i === 4 && { filter: { n: { $lt: 300 } } }),
      ...(i % 3 === 0 && { text: 'sleeping red foxes' }),
    }))
    for (let round = 0; round < 3; round++) {
      const alone = []
      for (const query of queries) alone.push(...(await store.search([query])))
      const change = library(500, { seed: 2 + round, from: 400 * round })
      const [together, turn] = await Promise.all([
        store.search(queries),
        Promise.all(queries.map((query) => store.search([query]))),
        store.upsert(change),
      ])

      expect(together).toEqual(alone)
      expect(turn.flat()).toEqual(alone)
    }
    await store.close()
  })

  it('fails one of several searches of a turn, and not the others', async () => {
    const store = await embeddedStore(':memory:')
    await store.upsert(library(50))
    const ask = (vector: Vector) => store.search([{ vectors: [{ space: 'base', vector }], topK: 3 }])
    const [good] = questions(1)

    const settled = await Promise.allSettled([ask(good!), ask(new Float32Array(3).fill(0.5)), ask(good!)])

    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect((settled[1] as PromiseRejectedResult).reason).toBeInstanceOf(DimensionMismatchError)
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
