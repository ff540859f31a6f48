import { Settings } from '@llamaindex/core/global'
import { getResponseSynthesizer } from '@llamaindex/core/response-synthesizers'
import { Document, ImageNode, IndexNode, NodeRelationship, ObjectType, TextNode } from '@llamaindex/core/schema'
import { BaseVectorStore, type VectorStoreQuery, VectorStoreQueryMode } from '@llamaindex/core/vector-store'
import { DocStoreStrategy, IngestionPipeline, SentenceSplitter, storageContextFromDefaults, VectorStoreIndex } from 'llamaindex'
import { beforeEach, describe, expect, it } from 'vitest'
import type { AddResult, Engine, Retrieval } from 'pilotfish'
import { type PilotfishQueryParams, PilotfishRetriever, PilotfishVectorStore } from 'pilotfish/llamaindex'
import { toy, toyDocuments, type Toy } from '../../engine-fixture.ts'
import { FakeLLM } from './fake-llm.ts'

let parts: Toy
let engine: Engine
let store: PilotfishVectorStore
beforeEach(async () => {
  parts = await toy()
  engine = parts.engine
  store = new PilotfishVectorStore({ engine })
})

const documents = (): Document[] => toyDocuments.map(({ id, text, metadata }) => new Document({ id_: id, text, metadata: { ...metadata } }))

/** How an index is made without a global embedding model: the documented pattern. */
function indexed(docs: Document[]): Promise<VectorStoreIndex> {
  return Settings.withEmbedModel(store.embedModel, () => VectorStoreIndex.fromDocuments(docs, { vectorStores: { TEXT: store } }))
}

type Query = VectorStoreQuery<PilotfishQueryParams>

const question = (queryStr: string, more: Partial<Query> = {}): Query => ({
  queryStr,
  similarityTopK: 5,
  mode: VectorStoreQueryMode.DEFAULT,
  ...more,
})

const sources = (nodes: readonly { readonly node: { readonly sourceNode?: { readonly nodeId: string } | undefined } }[]) =>
  nodes.map(({ node }) => node.sourceNode?.nodeId)

describe('PilotfishVectorStore', () => {
  it('needs no embedding model, global or other, and gives out its engine', () => {
    expect(() => Settings.embedModel).toThrow(/Cannot find Embedding/)
    expect(store).toBeInstanceOf(BaseVectorStore)
    expect(store.storesText).toBe(true)
    expect(store.client()).toBe(engine)
    expect(() => new PilotfishVectorStore({} as { engine: Engine })).toThrow(/openPilotfish/)
  })

  it('gives back every node as it was, whatever its kind', async () => {
    const nodes = [
      new TextNode({
        id_: 'text',
        text: ' fever\n',
        metadata: { title: 'Fever', nested: { a: [1, { b: null }] }, doc_id: 'mine', _node: 'mine too' },
        relationships: {
          [NodeRelationship.SOURCE]: { nodeId: 'a.md', metadata: { x: 1 }, hash: 'h' },
          [NodeRelationship.NEXT]: { nodeId: 'index', metadata: {} },
          [NodeRelationship.CHILD]: [
            { nodeId: 'c1', metadata: {} },
            { nodeId: 'c2', metadata: {} },
          ],
        },
        startCharIdx: 0,
        endCharIdx: 7,
        excludedLlmMetadataKeys: ['nested'],
        excludedEmbedMetadataKeys: ['title'],
        metadataSeparator: ' | ',
        textTemplate: 't',
      }),
      new IndexNode({ id_: 'index', text: 'dose', indexId: 'elsewhere' }),
      new Document({ id_: 'document', text: 'tar', metadata: { year: 2020 } }),
      new TextNode({ id_: 'empty' }),
    ]
    nodes[0]!.startCharIdx = 0
    const before = nodes.map((node) => structuredClone(node.toJSON()))

    expect(await store.add(nodes)).toEqual(['text', 'index', 'document', 'empty'])
    const { nodes: found, ids } = await store.query(question('fever dose tar'))

    const after = new Map(found!.map((node) => [node.id_, node]))
    expect([...ids].sort()).toEqual(['document', 'empty', 'index', 'text'])
    nodes.forEach((node, i) => {
      expect(after.get(node.id_)!.toJSON()).toEqual(before[i])
      expect(after.get(node.id_)!.constructor).toBe(node.constructor)
      expect(after.get(node.id_)!.hash).toBe(node.hash)
    })
  })

  it('gives out copies, so that a postprocessor that changes a node changes nothing stored', async () => {
    await store.add([new TextNode({ id_: 'a', text: 'fever', metadata: { list: ['x'] } })])

    const first = (await store.query(question('fever'))).nodes![0] as TextNode
    first.metadata.list.push('y')
    first.text = 'changed'

    const second = (await store.query(question('fever'))).nodes![0] as TextNode
    expect([second.text, second.metadata]).toEqual(['fever', { list: ['x'] }])
  })

  it('weighs a title among the metadata, unless the node keeps it from being embedded', async () => {
    await store.add([
      new TextNode({ id_: 'a', text: 'x', metadata: { title: 'Fever' } }),
      new TextNode({ id_: 'b', text: 'x', metadata: { title: 'Fever' }, excludedEmbedMetadataKeys: ['title'] }),
    ])

    expect((await engine.get(['a', 'b'])).map((document) => document!.title)).toEqual(['Fever', undefined])
  })

  it('makes text nodes of documents that were added to the engine itself', async () => {
    await engine.add([{ id: 'own', title: 'Cold', text: 'cough', metadata: { year: 1 } }])

    const [node] = (await store.query(question('cold cough'))).nodes!

    expect(node!.toJSON()).toMatchObject({ type: ObjectType.TEXT, id_: 'own', text: 'cough', metadata: { title: 'Cold', year: 1 } })
  })

  it('takes a document whose metadata only look like a node for what it is', async () => {
    await engine.add([{ id: 'own', text: 'cough', metadata: { _node: { type: 'mine' }, doc_id: 'x' } }])

    const [node] = (await store.query(question('cough'))).nodes!

    expect(node!.metadata).toEqual({ _node: { type: 'mine' }, doc_id: 'x' })
  })

  it('replaces a node added again under its id, skips an unchanged one, and says so', async () => {
    const results: AddResult[] = []
    store = new PilotfishVectorStore({ engine, onAdded: (result) => results.push(result) })

    await store.add([new TextNode({ id_: 'a', text: 'fever' }), new TextNode({ id_: 'b', text: 'dose' })])
    await store.add([new TextNode({ id_: 'a', text: 'tar' }), new TextNode({ id_: 'b', text: 'dose' })])

    expect(results).toMatchObject([{ added: 2 }, { updated: 1, unchanged: 1 }])
    expect((await engine.info()).documents).toBe(2)
    expect(await store.add([])).toEqual([])
  })

  it('refuses images by name', async () => {
    await expect(store.add([new ImageNode({ id_: 'cat.png', image: 'file:///cat.png' })])).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('cat.png'),
    })
  })

  it('deletes all nodes of a source document and no other; an unknown one is fine', async () => {
    const from = (id_: string, nodeId: string) =>
      new TextNode({ id_, text: 'fever', relationships: { [NodeRelationship.SOURCE]: { nodeId, metadata: {} } } })
    await store.add([from('a1', 'a'), from('a2', 'a'), from('b1', 'b'), new TextNode({ id_: 'a', text: 'fever' })])

    await store.delete('a')
    await store.delete('never there')

    expect((await store.query(question('fever'))).ids.sort()).toEqual(['a', 'b1'])
  })

  it('answers the question, not the vector beside it, and routes it visibly', async () => {
    const routes: Retrieval[] = []
    store = new PilotfishVectorStore({ engine, onRoute: (retrieval) => routes.push(retrieval) })
    await engine.add(toyDocuments)

    const { ids, similarities } = await store.query(question('kill a process', { queryEmbedding: [9, 9, 9], similarityTopK: 2 }))

    expect(ids[0]).toBe('s2')
    expect(routes[0]!.route.experts[0]!.name).toBe('shell')
    expect(similarities).toEqual([...similarities].sort((a, b) => b - a))
    expect(similarities.every((value) => value >= 0 && value <= 1)).toBe(true)
  })

  it('refuses a vector without a question', async () => {
    await expect(store.query({ queryEmbedding: [1], similarityTopK: 1, mode: VectorStoreQueryMode.DEFAULT })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    })
  })

  it('takes the modes that mean something here', async () => {
    await engine.add(toyDocuments)
    const asked = async (more: Partial<Query>) => {
      const routes: Retrieval[] = []
      await new PilotfishVectorStore({ engine, onRoute: (retrieval) => routes.push(retrieval) }).query(question('kill a process', more))
      return routes[0]!
    }
    const plain = await asked({})

    expect((await asked({ mode: VectorStoreQueryMode.SPARSE })).route.lexicalWeight).toBe(1)
    expect((await asked({ mode: VectorStoreQueryMode.HYBRID })).route.lexicalWeight).toBe(plain.route.lexicalWeight)
    expect((await asked({ mode: VectorStoreQueryMode.HYBRID, alpha: 0.75 })).route.lexicalWeight).toBe(0.25)
    const varied = await asked({ mode: VectorStoreQueryMode.MMR, mmrThreshold: 0 })
    expect(varied.hits.map(({ document }) => document.id)).toEqual(
      (await engine.retrieve('kill a process', { topK: 5, diversity: { lambda: 0 } })).hits.map(({ document }) => document.id),
    )
  })

  it.each(['svm', 'linear_regression', 'logistic_regression', 'semantic_hybrid'])(
    'refuses the mode %s, naming those there are',
    async (mode) => {
      await expect(store.query(question('fever', { mode: mode as VectorStoreQueryMode }))).rejects.toMatchObject({
        code: 'UNSUPPORTED',
        message: expect.stringMatching(new RegExp(`${mode}.*default, sparse, hybrid`)),
      })
    },
  )

  it('asks the expert that customParams name', async () => {
    await engine.add(toyDocuments)
    const routes: Retrieval[] = []
    store = new PilotfishVectorStore({ engine, onRoute: (retrieval) => routes.push(retrieval) })

    await store.query(question('kill a process', { customParams: { expert: 'medical' } }))

    expect(routes[0]!.route).toMatchObject({ decision: 'forced', experts: [{ name: 'medical' }] })
  })

  it('asks the experts of the task that customParams name', async () => {
    await engine.experts.add({ kind: 'lexical', name: 'tools', task: 'tool' })
    const routes: Retrieval[] = []
    store = new PilotfishVectorStore({ engine, onRoute: (retrieval) => routes.push(retrieval) })

    await store.query(question('kill a process', { customParams: { task: 'tool' } }))

    expect(routes[0]!.route.experts).toEqual([{ name: 'tools', weight: 1 }])
  })
})

describe('a VectorStoreIndex over Pilotfish', () => {
  it('indexes and answers with no global embedding model, embedding each text once', async () => {
    const index = await indexed(documents())
    const embedded = parts.base.texts.length

    const found = await index.asRetriever({ similarityTopK: 1 }).retrieve('ibuprofen dose for a child')

    expect(embedded).toBe(toyDocuments.length)
    expect(sources(found)).toEqual(['m1'])
    expect(found[0]!.score).toBeGreaterThan(0.5)
    expect(() => Settings.embedModel).toThrow(/Cannot find Embedding/)
  })

  it('opens over what the engine holds, by whichever way it came', async () => {
    await engine.add(toyDocuments)

    const index = await Settings.withEmbedModel(store.embedModel, () => VectorStoreIndex.fromVectorStore(store))

    expect((await index.asRetriever({ similarityTopK: 1 }).retrieve('kill a process'))[0]!.node.id_).toBe('s2')
  })

  it('answers as query engine and chat engine, with filters and customParams', async () => {
    const llm = new FakeLLM('So it is.')
    const index = await indexed(documents())
    const preFilters = { filters: [{ key: 'year', value: 2020, operator: '<=' as const }] }

    const queryEngine = index.asQueryEngine({
      similarityTopK: 5,
      preFilters,
      customParams: { expert: 'medical' },
      responseSynthesizer: getResponseSynthesizer('compact', { llm }),
    })
    const answer = await queryEngine.query({ query: 'kill a process' })
    const chat = index.asChatEngine({ similarityTopK: 1, preFilters, chatModel: llm })
    const reply = await chat.chat({ message: 'cough and cold' })

    expect(answer.toString()).toBe('So it is.')
    expect(sources(answer.sourceNodes!).sort()).toEqual(['m2', 's1'])
    expect(sources(reply.sourceNodes!)).toEqual(['m2'])
    expect(llm.prompt).toContain('A cold brings cough')
  })

  it('deletes a document with all its nodes', async () => {
    const index = await indexed([
      new Document({ id_: 'long', text: 'The dose for a fever. '.repeat(400) }),
      new Document({ id_: 'short', text: 'fever' }),
    ])
    expect((await engine.info()).documents).toBeGreaterThan(2)

    await index.deleteRefDoc('long')
    await index.deleteRefDoc('long')

    expect(sources(await index.asRetriever({ similarityTopK: 9 }).retrieve('fever dose'))).toEqual(['short'])
  })

  it('replaces a document that changed and leaves the others alone', async () => {
    const storageContext = await storageContextFromDefaults({ vectorStore: store })
    const build = (docs: Document[]) =>
      Settings.withEmbedModel(store.embedModel, () =>
        VectorStoreIndex.fromDocuments(docs, { storageContext, docStoreStrategy: DocStoreStrategy.UPSERTS }),
      )
    await build(documents())
    parts.base.texts.length = 0

    const changed = documents()
    changed[0] = new Document({ id_: 'm1', text: 'Call the doctor', metadata: { domain: 'medical' } })
    await build(changed)

    expect(parts.base.texts).toEqual(['Call the doctor'])
    expect((await engine.info()).documents).toBe(toyDocuments.length)
    expect(
      (await new PilotfishRetriever({ engine, topK: 1, filter: { ref_doc_id: 'm1' } }).retrieve('doctor'))[0]!.node.toJSON(),
    ).toMatchObject({ text: 'Call the doctor' })
  })

  it('is filled by an IngestionPipeline', async () => {
    const pipeline = new IngestionPipeline({ transformations: [new SentenceSplitter(), store.embedModel], vectorStore: store })

    await pipeline.run({ documents: documents() })

    expect(sources(await new PilotfishRetriever({ engine, topK: 1 }).retrieve('kill a process'))).toEqual(['s2'])
  })

  it('is not disturbed by a global embedding model of other dimensions', async () => {
    const other = new PilotfishVectorStore({ engine }).embedModel
    other.getTextEmbedding = async () => [1, 2, 3, 4, 5, 6, 7]
    const index = await Settings.withEmbedModel(other, () => VectorStoreIndex.fromDocuments(documents(), { vectorStores: { TEXT: store } }))

    expect(sources(await index.asRetriever({ similarityTopK: 1 }).retrieve('tar archive'))).toEqual(['s1'])
  })
})
