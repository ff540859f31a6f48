import { Document } from '@langchain/core/documents'
import { FakeEmbeddings } from '@langchain/core/utils/testing'
import { VectorStore } from '@langchain/core/vectorstores'
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError, InvalidDocumentError, InvalidFilterError, UnsupportedError } from 'pilotfish'
import { PilotfishVectorStore, type HitMetadata } from 'pilotfish/langchain'
import { embeddedStore } from '../../../src/store/embedded.ts'
import { memoryStore } from '../../../src/store/memory.ts'
import { toy, toyDocuments, toyEngine } from '../../engine-fixture.ts'
import { describeVectorStore } from './vector-store-conformance.ts'

for (const [name, openStore] of [
  ['memoryStore', memoryStore],
  ['embeddedStore', () => embeddedStore(':memory:')],
] as const) {
  describeVectorStore(`PilotfishVectorStore over ${name}`, async () => {
    const { engine } = await toy(await openStore())
    return { store: new PilotfishVectorStore({ engine }), close: () => engine.close() }
  })
}

async function filled(options: Partial<ConstructorParameters<typeof PilotfishVectorStore>[0]> = {}): Promise<PilotfishVectorStore> {
  const engine = await toyEngine()
  await engine.add(toyDocuments)
  return new PilotfishVectorStore({ engine, ...options })
}

describe('PilotfishVectorStore', () => {
  it('routes every search by its text', async () => {
    const store = await filled({ withScores: true })

    const [medical] = await store.similaritySearch('ibuprofen dose for a child', 1)
    const [shell] = await store.similaritySearch('tar archive', 1)

    expect([medical!.metadata.pilotfish.expert, shell!.metadata.pilotfish.expert]).toEqual(['medical', 'shell'])
  })

  it('scores as the engine does, with the cosine beside it on request', async () => {
    const store = await filled({ withScores: true })

    const [[document, score]] = (await store.similaritySearchWithScore('tar archive', 1)) as [[Document, number]]
    const [hit] = (await store.engine.retrieve('tar archive')).hits

    expect(score).toBe(hit!.score)
    expect(document.metadata.pilotfish as HitMetadata).toMatchObject({ score, similarity: hit!.similarity })
  })

  it('can be bound to an expert and to a least similarity', async () => {
    const store = await filled({ expert: 'shell', minSimilarity: 0.3, withScores: true })

    const found = await store.similaritySearch('tar', 10)

    expect(found.map(({ id, metadata }) => [id, metadata.pilotfish.expert])).toEqual([['s1', 'shell']])
  })

  it('can be bound to a task', async () => {
    const store = await filled({ task: 'tool', withScores: true })
    await store.engine.experts.add({ kind: 'lexical', name: 'tools', task: 'tool' })

    const [found] = await store.similaritySearch('tar', 1)

    expect(found!.metadata.pilotfish.expert).toBe('tools')
  })

  it('is made from texts or documents, and keeps the engine it was given', async () => {
    const engine = await toyEngine()

    const store = await PilotfishVectorStore.fromTexts(['tar archive', 'cough'], [{ n: 1 }, { n: 2 }], undefined, { engine })
    await PilotfishVectorStore.fromDocuments([new Document({ id: 'd', pageContent: 'fever' })], undefined, { engine })
    await PilotfishVectorStore.fromTexts(['pain'], { shared: true }, undefined, { engine })

    expect(store).toBeInstanceOf(VectorStore)
    expect(store.engine).toBe(engine)
    expect((await store.similaritySearch('cough', 1))[0]!.metadata).toEqual({ n: 2 })
    expect((await store.similaritySearch('fever', 1))[0]!.id).toBe('d')
    expect((await store.similaritySearch('pain', 1))[0]!.metadata).toEqual({ shared: true })
  })

  it('gives a document the title that its metadata names', async () => {
    const store = await filled()

    await store.addDocuments([new Document({ id: 't', pageContent: 'Honey helps', metadata: { title: 'Cough', domain: 'medical' } })])

    expect(await store.engine.get(['t'])).toEqual([
      { id: 't', title: 'Cough', text: 'Honey helps', metadata: { title: 'Cough', domain: 'medical' } },
    ])
    expect((await store.similaritySearch('cough', 1, { title: 'Cough' }))[0]!.id).toBe('t')
  })

  it('deletes by filter, everything with an empty one', async () => {
    const store = await filled()

    await store.delete({ filter: { domain: 'medical' } })
    expect((await store.engine.info()).documents).toBe(3)

    await store.delete({ filter: {} })
    expect((await store.engine.info()).documents).toBe(0)
  })

  it('deletes nothing when it is not told what', async () => {
    const store = await filled()

    await expect(store.delete()).rejects.toThrow(InvalidArgumentError)
    await expect(store.delete({})).rejects.toThrow(InvalidArgumentError)
    await expect(store.delete({ ids: ['m1'], filter: {} })).rejects.toThrow(InvalidArgumentError)

    expect((await store.engine.info()).documents).toBe(5)
  })

  it('refuses vectors of others, because every expert has a space of its own', async () => {
    const store = await filled()

    await expect(store.similaritySearchVectorWithScore()).rejects.toThrow(UnsupportedError)
    await expect(store.addVectors()).rejects.toThrow(/addDocuments/)
    await expect(store.embeddings.embedQuery('x')).rejects.toThrow(UnsupportedError)
    await expect(PilotfishVectorStore.fromTexts(['x'], {}, new FakeEmbeddings(), { engine: store.engine })).rejects.toThrow(
      /langchainExpert/,
    )
  })

  it('refuses bad documents and filters with the error of the engine', async () => {
    const store = await filled()

    await expect(store.addDocuments([{ pageContent: 7 as never, metadata: {} }])).rejects.toThrow(InvalidDocumentError)
    await expect(store.addDocuments([{ pageContent: 'x', metadata: { callback: () => 1 } }])).rejects.toThrow(InvalidDocumentError)
    await expect(store.addDocuments([new Document({ pageContent: 'x' })], { ids: [] })).rejects.toThrow(InvalidArgumentError)
    await expect(store.similaritySearch('x', 1, { $near: 1 })).rejects.toThrow(InvalidFilterError)
    await expect(store.similaritySearch('x', -1)).rejects.toThrow(InvalidArgumentError)
    expect((await store.engine.info()).documents).toBe(5)
  })

  it('stops adding when the signal aborts', async () => {
    const store = await filled()

    await expect(store.addDocuments([new Document({ pageContent: 'x' })], { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)

    expect((await store.engine.info()).documents).toBe(5)
  })

  it('is never serialised with its engine', async () => {
    const store = await filled()

    expect(JSON.parse(JSON.stringify(store))).toEqual({
      lc: 1,
      type: 'not_implemented',
      id: ['langchain', 'vectorstores', 'pilotfish', 'PilotfishVectorStore'],
    })
  })
})
