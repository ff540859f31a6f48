import { Document } from '@langchain/core/documents'
import type { VectorStore } from '@langchain/core/vectorstores'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

export interface VectorStoreUnderTest {
  readonly store: VectorStore & { getByIds(ids: readonly string[]): Promise<{ id?: string; pageContent: string; metadata: object }[]> }
  close(): Promise<void>
}

const ibuprofen = new Document({ pageContent: 'The dose of ibuprofen for a child', metadata: { domain: 'medical', pages: 3 } })
const cough = new Document({ pageContent: 'A cough and a cold: see a doctor', metadata: { domain: 'medical', pages: 1 } })
const archive = new Document({ pageContent: 'tar makes an archive of a file', metadata: { domain: 'shell', pages: 2 } })

const ids = (documents: readonly { id?: string }[]): (string | undefined)[] => documents.map(({ id }) => id)

/** What every LangChain vector store owes its users. `open` gives an empty store. */
export function describeVectorStore(name: string, open: () => Promise<VectorStoreUnderTest>): void {
  describe(`${name} as a LangChain vector store`, () => {
    let store: VectorStoreUnderTest['store']
    let close: () => Promise<void>
    beforeEach(async () => ({ store, close } = await open()))
    afterEach(() => close())

    it('finds nothing when it is empty', async () => {
      expect(await store.similaritySearch('ibuprofen', 1)).toEqual([])
      expect(await store.similaritySearchWithScore('ibuprofen', 1)).toEqual([])
    })

    it('adds documents and returns an id for each, new ones all different', async () => {
      const given = (await store.addDocuments([ibuprofen, cough, archive]))!

      expect(new Set(given).size).toBe(3)
      expect((await store.similaritySearch('ibuprofen dose', 1))[0]).toMatchObject({
        id: given[0],
        pageContent: ibuprofen.pageContent,
        metadata: ibuprofen.metadata,
      })
    })

    it('takes ids from the options, from the documents, or makes them, in this order', async () => {
      const own = new Document({ ...cough, id: 'own' })

      expect(await store.addDocuments([own], { ids: ['option'] })).toEqual(['option'])
      expect(await store.addDocuments([own, archive])).toEqual(['own', expect.stringMatching(/^[0-9a-f-]{36}$/)])
    })

    it('adds nothing for no documents', async () => {
      expect(await store.addDocuments([])).toEqual([])
    })

    it('replaces a document added again under its id, and leaves equal ones as they are', async () => {
      await store.addDocuments([ibuprofen, archive], { ids: ['a', 'b'] })
      await store.addDocuments([cough, archive], { ids: ['a', 'b'] })

      const found = await store.similaritySearch('cough', 10)

      expect(ids(found).toSorted()).toEqual(['a', 'b'])
      expect(found[0]).toMatchObject({ id: 'a', pageContent: cough.pageContent })
    })

    it('does not change the documents it is given', async () => {
      const given = new Document({ pageContent: 'tar', metadata: { list: [1] } })

      await store.addDocuments([given], { ids: ['a'] })

      expect({ ...given }).toEqual({ ...new Document({ pageContent: 'tar', metadata: { list: [1] } }) })
    })

    it('deletes by id, several at once, unknown ids ignored', async () => {
      await store.addDocuments([ibuprofen, cough, archive], { ids: ['a', 'b', 'c'] })

      await store.delete({ ids: ['a', 'c', 'never there'] })

      expect(ids(await store.similaritySearch('tar ibuprofen cough', 10))).toEqual(['b'])
    })

    it('finds again what was deleted and added again', async () => {
      await store.addDocuments([ibuprofen], { ids: ['a'] })
      await store.delete({ ids: ['a'] })
      await store.addDocuments([ibuprofen], { ids: ['a'] })

      expect(ids(await store.similaritySearch('ibuprofen', 10))).toEqual(['a'])
    })

    it('gets documents by id, in order, without those that are not there', async () => {
      await store.addDocuments([ibuprofen, cough], { ids: ['a', 'b'] })

      const found = await store.getByIds(['b', 'never there', 'a'])

      expect(found).toEqual([new Document({ ...cough, id: 'b' }), new Document({ ...ibuprofen, id: 'a' })])
      expect(await store.getByIds([])).toEqual([])
    })

    it('gives metadata back as it was, nested and odd values included', async () => {
      const metadata = {
        source: 'a.pdf',
        loc: { lines: { from: 1, to: 9 } },
        tags: ['x', 'y', ['z']],
        score: -0.5,
        draft: false,
        author: null,
        id: 'not the id',
        text: 'not the text',
        'a.b': 1,
        größe: '…',
        nothing: {},
        empty: [],
        title: 'A title',
      }

      await store.addDocuments([new Document({ id: 'a', pageContent: 'tar', metadata })])

      expect((await store.similaritySearch('tar', 1))[0]!.metadata).toEqual(metadata)
    })

    it('gives as many as asked, at most all, four by default, none for zero', async () => {
      const many = Array.from({ length: 6 }, (_, i) => new Document({ pageContent: `list number ${i}` }))
      await store.addDocuments(many)

      expect(await store.similaritySearch('list')).toHaveLength(4)
      expect(await store.similaritySearch('list', 5)).toHaveLength(5)
      expect(await store.similaritySearch('list', 100)).toHaveLength(6)
      expect(await store.similaritySearch('list', 0)).toEqual([])
    })

    it('orders by score, higher is better, and searches alike with and without scores', async () => {
      await store.addDocuments([ibuprofen, cough, archive], { ids: ['a', 'b', 'c'] })

      const scored = await store.similaritySearchWithScore('dose of ibuprofen for a child', 3)
      const scores = scored.map(([, score]) => score)

      expect(scored[0]![0].id).toBe('a')
      expect(scores).toEqual(scores.toSorted((x, y) => y - x))
      expect(scores[0]).toBeGreaterThan(scores[2]!)
      expect(await store.similaritySearch('dose of ibuprofen for a child', 3)).toEqual(scored.map(([document]) => document))
    })

    it('filters, also when nothing is left', async () => {
      await store.addDocuments([ibuprofen, cough, archive], { ids: ['a', 'b', 'c'] })

      expect(ids(await store.similaritySearch('tar', 10, { domain: 'medical' })).toSorted()).toEqual(['a', 'b'])
      expect(await store.similaritySearch('tar', 10, { domain: 'law' })).toEqual([])
      expect((await store.similaritySearchWithScore('tar', 10, { pages: { $gte: 2 } })).map(([{ id }]) => id).toSorted()).toEqual([
        'a',
        'c',
      ])
    })

    it('prefers variety under maximal marginal relevance', async () => {
      const twin = new Document({ ...ibuprofen, pageContent: `${ibuprofen.pageContent}.` })
      await store.addDocuments([ibuprofen, twin, cough], { ids: ['a', 'twin', 'c'] })
      const query = 'ibuprofen dose child cough'

      const relevant = await store.maxMarginalRelevanceSearch!(query, { k: 2, lambda: 1 }, undefined)
      const varied = await store.maxMarginalRelevanceSearch!(query, { k: 2, lambda: 0.3 }, undefined)

      expect(ids(relevant).toSorted()).toEqual(['a', 'twin'])
      expect(ids(varied)).toContain('c')
      expect(await store.maxMarginalRelevanceSearch!(query, { k: 5, fetchK: 2 }, undefined)).toHaveLength(3)
    })

    it('answers many searches and additions at once', async () => {
      await store.addDocuments([ibuprofen, archive], { ids: ['a', 'c'] })

      const [tar, dose, added] = await Promise.all([
        store.similaritySearch('tar', 1),
        store.similaritySearch('dose', 1),
        store.addDocuments([cough], { ids: ['b'] }),
      ])

      expect([ids(tar), ids(dose), added]).toEqual([['c'], ['a'], ['b']])
    })
  })
}
