import { EnsembleRetriever } from '@langchain/classic/retrievers/ensemble'
import { ScoreThresholdRetriever } from '@langchain/classic/retrievers/score_threshold'
import { createRetrieverTool } from '@langchain/classic/tools/retriever'
import { Document, type DocumentInterface } from '@langchain/core/documents'
import { index, type RecordManagerInterface } from '@langchain/core/indexing'
import { StringOutputParser } from '@langchain/core/output_parsers'
import { ChatPromptTemplate } from '@langchain/core/prompts'
import { RunnableLambda, RunnableMap, RunnablePassthrough, RunnableSequence } from '@langchain/core/runnables'
import { FakeListChatModel, FakeRetriever } from '@langchain/core/utils/testing'
import { VectorStoreRetriever } from '@langchain/core/vectorstores'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Engine } from 'pilotfish'
import { PilotfishRetriever, PilotfishVectorStore, pilotfishTool, type RouteEvent } from 'pilotfish/langchain'
import { toyDocuments, toyEngine } from '../../engine-fixture.ts'

let engine: Engine
beforeEach(async () => {
  engine = await toyEngine()
  await engine.add(toyDocuments)
})
afterEach(() => engine.close())

const medical = 'dose of ibuprofen for a child'
const shell = 'tar archive of a file'
const ids = (documents: readonly DocumentInterface[]): (string | undefined)[] => documents.map(({ id }) => id)
const format = (documents: DocumentInterface[]): string => documents.map(({ id, pageContent }) => `[${id}] ${pageContent}`).join('\n')

describe('in a chain', () => {
  it('pipes into a function, and into a prompt beside the question', async () => {
    const retriever = new PilotfishRetriever({ engine, k: 1 })
    const prompt = ChatPromptTemplate.fromMessages([
      ['system', 'Passages: {context}'],
      ['human', '{question}'],
    ])
    const chain = RunnableSequence.from([
      { context: retriever.pipe(format), question: new RunnablePassthrough() },
      prompt,
      new FakeListChatModel({ responses: ['By weight [m1]'] }),
      new StringOutputParser(),
    ])

    expect(await retriever.pipe(format).invoke(medical)).toMatch(/^\[m1\]/)
    expect(await chain.invoke(medical)).toBe('By weight [m1]')
  })

  it('runs beside others in a map, in streams and in batches', async () => {
    const map = RunnableMap.from({ docs: new PilotfishRetriever({ engine, k: 1 }), question: new RunnablePassthrough() })

    const [first, second] = await map.batch([medical, shell])
    const streamed: DocumentInterface[][] = []
    for await (const chunk of await new PilotfishRetriever({ engine, k: 2 }).stream(shell)) streamed.push(chunk)

    expect([ids(first!.docs), ids(second!.docs)]).toEqual([['m1'], ['s1']])
    expect(streamed).toHaveLength(1)
    expect(ids(streamed[0]!)[0]).toBe('s1')
  })

  it('batches through a sequence', async () => {
    const found = await new PilotfishRetriever({ engine, k: 1 }).pipe(new RunnableLambda({ func: ids })).batch([medical, shell])

    expect(found).toEqual([['m1'], ['s1']])
  })

  it('shows the route in streamEvents, from the retriever and from `asRetriever`', async () => {
    for (const retriever of [new PilotfishRetriever({ engine }), new PilotfishVectorStore({ engine }).asRetriever()]) {
      const events = []
      for await (const event of retriever.pipe(format).streamEvents(medical, { version: 'v2' })) events.push(event)

      const names = events.map(({ event }) => event).filter((name) => /retriever|custom/.test(name))
      const route = events.find(({ name }) => name === 'route')!
      expect(names).toEqual(['on_retriever_start', 'on_custom_event', 'on_retriever_end'])
      expect((route.data as unknown as RouteEvent).experts[0]!.name).toBe('medical')
      expect(route.run_id).toBe(events.find(({ event }) => event === 'on_retriever_start')!.run_id)
    }
  })

  it('works with config bound to it, fallbacks and retries', async () => {
    const broken = new PilotfishRetriever({ engine, expert: 'nobody' })

    const found = await broken
      .withConfig({ tags: ['bound'] })
      .withFallbacks([new PilotfishRetriever({ engine, k: 1 }).withRetry()])
      .invoke(shell)

    expect(ids(found)).toEqual(['s1'])
  })
})

describe("with LangChain's own retrievers and tools", () => {
  it('joins an EnsembleRetriever', async () => {
    const other = new FakeRetriever({ output: [new Document({ pageContent: 'from elsewhere' })] })

    const found = await new EnsembleRetriever({ retrievers: [new PilotfishRetriever({ engine, k: 1 }), other] }).invoke(medical)

    expect(found.map(({ pageContent }) => pageContent).toSorted()).toEqual([toyDocuments[0].text, 'from elsewhere'])
  })

  it('stands under a ScoreThresholdRetriever, which keeps what scores at least so much', async () => {
    const store = new PilotfishVectorStore({ engine })
    const scores = (await store.similaritySearchWithScore(shell, 10)).map(([, score]) => score)
    const minSimilarityScore = (scores[0]! + scores[1]!) / 2

    const strict = await ScoreThresholdRetriever.fromVectorStore(store, { minSimilarityScore, kIncrement: 1 }).invoke(shell)
    const lenient = await ScoreThresholdRetriever.fromVectorStore(store, { minSimilarityScore: 0, kIncrement: 2 }).invoke(shell)

    expect(ids(strict)).toEqual(['s1'])
    expect(lenient).toHaveLength(scores.length)
  })

  it('becomes a VectorStoreRetriever with k, filter and MMR', async () => {
    const store = new PilotfishVectorStore({ engine })

    const plain = store.asRetriever(2)
    const filtered = store.asRetriever({ k: 3, filter: { domain: 'shell' } })
    const varied = store.asRetriever({ k: 2, searchType: 'mmr', searchKwargs: { lambda: 0.1, fetchK: 1 } })

    expect(plain).toBeInstanceOf(VectorStoreRetriever)
    expect(plain.tags).toEqual(['pilotfish'])
    expect(ids(await plain.invoke(medical))[0]).toBe('m1')
    expect(ids(await filtered.invoke(medical)).toSorted()).toEqual(['s1', 's2'])
    expect(await varied.invoke(medical)).toHaveLength(2)
    expect(await plain.addDocuments([new Document({ id: 'new', pageContent: 'fever' })])).toEqual(['new'])
  })

  it('becomes a tool through createRetrieverTool', async () => {
    const retriever = new PilotfishRetriever({ engine, k: 1 })
    const classic = createRetrieverTool(retriever, { name: 'search', description: 'Searches' })

    expect(await classic.invoke({ query: medical })).toBe(toyDocuments[0].text)
  })
})

describe('pilotfishTool', () => {
  it('gives the model passages with their ids, and the program the documents', async () => {
    await engine.add([{ id: 't', title: 'Grep', text: 'grep finds a line in a file' }])
    const search = pilotfishTool({ engine, k: 1, description: 'Medical and shell notes' })

    const message = await search.invoke({ type: 'tool_call', id: 'call-1', name: 'search_documents', args: { query: 'grep a file' } })

    expect(message.content).toBe('[t] Grep\ngrep finds a line in a file')
    expect(ids(message.artifact)).toEqual(['t'])
    expect(message.tool_call_id).toBe('call-1')
  })

  it('says when nothing was found, and refuses a call without a query', async () => {
    const search = pilotfishTool({ engine, name: 'notes', description: 'Notes', filter: { domain: 'law' } })

    expect(search.name).toBe('notes')
    expect(await search.invoke({ query: 'anything' })).toBe('Nothing was found.')
    await expect(search.invoke({ question: 'anything' } as never)).rejects.toThrow(/schema/)
  })

  it('passes the signal of the call on', async () => {
    const search = pilotfishTool({ engine, description: 'Notes' })

    await expect(search.invoke({ query: medical }, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
  })
})

describe('index() of LangChain', () => {
  const page = (source: string, pageContent: string): Document => new Document({ pageContent, metadata: { source } })

  it('adds, skips what it knows, and cleans up fully', async () => {
    const store = new PilotfishVectorStore({ engine: await toyEngine() })
    const recordManager = memoryRecords()
    const sync = (docsSource: Document[]) => index({ docsSource, recordManager, vectorStore: store, options: { cleanup: 'full' } })

    expect(await sync([page('a', 'tar'), page('b', 'cough'), page('b', 'cough')])).toMatchObject({
      numAdded: 2,
      numSkipped: 0,
      numDeleted: 0,
    })
    expect(await sync([page('a', 'tar'), page('b', 'cough')])).toMatchObject({ numAdded: 0, numSkipped: 2, numDeleted: 0 })
    expect(await sync([page('a', 'tar'), page('c', 'fever')])).toMatchObject({ numAdded: 1, numSkipped: 1, numDeleted: 1 })

    expect((await store.similaritySearch('tar cough fever', 10)).map(({ pageContent }) => pageContent).toSorted()).toEqual(['fever', 'tar'])
  })

  it('cleans up incrementally, only what came from the sources it sees', async () => {
    const store = new PilotfishVectorStore({ engine: await toyEngine() })
    const recordManager = memoryRecords()
    const sync = (docsSource: Document[]) =>
      index({ docsSource, recordManager, vectorStore: store, options: { cleanup: 'incremental', sourceIdKey: 'source' } })

    await sync([page('a', 'tar'), page('b', 'cough')])
    expect(await sync([page('a', 'grep')])).toMatchObject({ numAdded: 1, numDeleted: 1 })

    expect((await store.similaritySearch('tar grep cough', 10)).map(({ pageContent }) => pageContent).toSorted()).toEqual(['cough', 'grep'])
  })

  it('writes again under the same ids when forced', async () => {
    const store = new PilotfishVectorStore({ engine: await toyEngine() })
    const recordManager = memoryRecords()
    const sync = (forceUpdate: boolean) =>
      index({ docsSource: [page('a', 'tar')], recordManager, vectorStore: store, options: { forceUpdate } })

    await sync(false)
    expect(await sync(true)).toMatchObject({ numUpdated: 1, numAdded: 0 })

    expect(await store.similaritySearch('tar', 10)).toHaveLength(1)
  })
})

/** What index() needs to remember, in memory. Time moves on with every question, so that runs never share an instant. */
function memoryRecords(): RecordManagerInterface {
  const records = new Map<string, { group: string | null; at: number }>()
  let now = 0
  return {
    async createSchema() {},
    async getTime() {
      return ++now
    },
    async update(keys, { groupIds, timeAtLeast = 0 } = {}) {
      if (timeAtLeast > now) throw new Error('The clock went backwards')
      keys.forEach((key, i) => records.set(key, { group: groupIds?.[i] ?? null, at: ++now }))
    },
    async exists(keys) {
      return keys.map((key) => records.has(key))
    },
    async listKeys({ before = Infinity, after = -Infinity, groupIds, limit }) {
      const keys = [...records]
        .filter(([, { group, at }]) => at < before && at > after && (!groupIds || groupIds.includes(group)))
        .map(([key]) => key)
      return limit === undefined ? keys : keys.slice(0, limit)
    },
    async deleteKeys(keys) {
      for (const key of keys) records.delete(key)
    },
  }
}
