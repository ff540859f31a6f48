import { ContextChatEngine } from '@llamaindex/core/chat-engine'
import { CallbackManager, Settings } from '@llamaindex/core/global'
import { RetrieverQueryEngine } from '@llamaindex/core/query-engine'
import { getResponseSynthesizer } from '@llamaindex/core/response-synthesizers'
import { BaseRetriever } from '@llamaindex/core/retriever'
import { MetadataMode, TextNode } from '@llamaindex/core/schema'
import { RouterQueryEngine, SimilarityPostprocessor } from 'llamaindex'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Engine, Retrieval } from 'pilotfish'
import { PilotfishRetriever } from 'pilotfish/llamaindex'
import { toyDocuments, toyEngine } from '../../engine-fixture.ts'
import { FakeLLM } from './fake-llm.ts'

let engine: Engine
beforeEach(async () => {
  engine = await toyEngine()
  await engine.add(toyDocuments)
})

const ids = (nodes: readonly { readonly node: { readonly id_: string } }[]): string[] => nodes.map(({ node }) => node.id_)

describe('PilotfishRetriever', () => {
  it('is a retriever that gives nodes best first, with scores in [0, 1], ids and metadata', async () => {
    const retriever = new PilotfishRetriever({ engine, topK: 2 })

    const nodes = await retriever.retrieve('ibuprofen dose for a child')

    expect(retriever).toBeInstanceOf(BaseRetriever)
    expect(nodes).toHaveLength(2)
    expect(nodes[0]!.node).toBeInstanceOf(TextNode)
    expect(nodes[0]!.node.id_).toBe('m1')
    expect(nodes[0]!.node.metadata).toEqual({ domain: 'medical', year: 2021 })
    expect(nodes[0]!.node.getContent(MetadataMode.NONE)).toBe('The dose of ibuprofen for a child with fever')
    expect(nodes[0]!.score!).toBeGreaterThan(nodes[1]!.score!)
    for (const { score } of nodes) expect(score! >= 0 && score! <= 1).toBe(true)
  })

  it('finds four nodes unless told otherwise, none for 0 and all there are for more', async () => {
    const found = async (topK?: number) =>
      (await new PilotfishRetriever({ engine, ...(topK !== undefined && { topK }) }).retrieve('fever')).length

    expect(await Promise.all([found(), found(0), found(100)])).toEqual([4, 0, 5])
  })

  it('finds what the engine finds under the same options', async () => {
    const options = { topK: 3, expert: 'shell', minSimilarity: 0.1, lexicalWeight: 0.3, diversity: { lambda: 0.7 } }

    const nodes = await new PilotfishRetriever({ engine, ...options }).retrieve('archive a file')

    const { hits } = await engine.retrieve('archive a file', options)
    expect(hits.length).toBeGreaterThan(0)
    expect(nodes.map(({ node, score }) => [node.id_, score])).toEqual(hits.map(({ document, score }) => [document.id, score]))
  })

  it('asks the experts of a task', async () => {
    await engine.experts.add({ kind: 'lexical', name: 'tools', task: 'tool' })
    const routes: Retrieval['route'][] = []

    await new PilotfishRetriever({ engine, task: 'tool', onRoute: ({ route }) => routes.push(route) }).retrieve('archive a file')

    expect(routes[0]!.experts).toEqual([{ name: 'tools', weight: 1 }])
    await expect(new PilotfishRetriever({ engine, task: 'qa' }).retrieve('x')).rejects.toMatchObject({
      code: 'UNKNOWN_TASK',
      known: ['tool'],
    })
  })

  it('filters with Pilotfish’s filters or LlamaIndex’s', async () => {
    const own = new PilotfishRetriever({ engine, filter: { year: { $gte: 2021 } } })
    const theirs = new PilotfishRetriever({ engine, filter: { filters: [{ key: 'year', operator: '>=', value: 2021 }] } })

    expect(ids(await own.retrieve('fever process')).sort()).toEqual(['m1', 's2'])
    expect(ids(await theirs.retrieve('fever process')).sort()).toEqual(['m1', 's2'])
  })

  it('asks the text parts of a question in several parts as one question', async () => {
    const routes: Retrieval[] = []
    const retriever = new PilotfishRetriever({ engine, topK: 1, onRoute: (retrieval) => routes.push(retrieval) })

    const nodes = await retriever.retrieve({
      query: [
        { type: 'text', text: 'kill a' },
        { type: 'image_url', image_url: { url: 'file:///screen.png' } },
        { type: 'text', text: 'process' },
      ],
    })

    expect(ids(nodes)).toEqual(['s2'])
    expect(routes.map(({ query }) => query)).toEqual(['kill a\n\nprocess'])
  })

  it('answers a question without any text with nothing it could be sure of, not with an error', async () => {
    const nodes = await new PilotfishRetriever({ engine }).retrieve({
      query: [{ type: 'image_url', image_url: { url: 'file:///screen.png' } }],
    })

    expect(nodes.every(({ score }) => Number.isFinite(score))).toBe(true)
  })

  it('makes every route visible: to a function, and as an event beside LlamaIndex’s own', async () => {
    const events: string[] = []
    const told: Retrieval[] = []
    const heard: Retrieval[] = []
    const callbackManager = new CallbackManager()
    callbackManager.on('retrieve-start', ({ detail }) => events.push(`start ${String(detail.query.query)}`))
    callbackManager.on('pilotfish-route', ({ detail }) => (events.push('route'), heard.push(detail)))
    callbackManager.on('retrieve-end', ({ detail }) => events.push(`end ${ids(detail.nodes).join()}`))
    const retriever = new PilotfishRetriever({ engine, topK: 1, onRoute: (retrieval) => told.push(retrieval) })

    await Settings.withCallbackManager(callbackManager, () => retriever.retrieve('ibuprofen dose for a child with fever'))
    await new Promise(setImmediate)

    expect(events).toEqual(['start ibuprofen dose for a child with fever', 'route', 'end m1'])
    expect(told[0]!.route.experts[0]!.name).toBe('medical')
    expect(heard).toEqual(told)
  })

  it('passes on the engine’s errors and what onRoute throws', async () => {
    const stopped = AbortSignal.abort(new Error('enough'))

    await expect(new PilotfishRetriever({ engine, expert: 'law' }).retrieve('lease')).rejects.toMatchObject({ code: 'UNKNOWN_EXPERT' })
    await expect(new PilotfishRetriever({ engine, topK: 1.5 }).retrieve('fever')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(new PilotfishRetriever({ engine, signal: stopped }).retrieve('fever')).rejects.toThrow('enough')
    await expect(
      new PilotfishRetriever({
        engine,
        onRoute: () => {
          throw new Error('my own')
        },
      }).retrieve('fever'),
    ).rejects.toThrow('my own')
  })

  it('wants an engine', () => {
    expect(() => new PilotfishRetriever({} as { engine: Engine })).toThrow(/openPilotfish/)
  })

  it('answers in a RetrieverQueryEngine, whole or streamed, with its sources and its postprocessors', async () => {
    const llm = new FakeLLM('By weight.')
    const retriever = new PilotfishRetriever({ engine })
    const best = (await retriever.retrieve('ibuprofen dose for a child'))[0]!.score!
    const queryEngine = new RetrieverQueryEngine(retriever, getResponseSynthesizer('compact', { llm }), [
      new SimilarityPostprocessor({ similarityCutoff: best }),
    ])

    const whole = await queryEngine.query({ query: 'ibuprofen dose for a child' })
    let streamed = ''
    for await (const piece of await queryEngine.query({ query: 'ibuprofen dose for a child', stream: true })) streamed += piece.delta

    expect(whole.toString()).toBe('By weight.')
    expect(streamed).toBe('By weight.')
    expect(ids(whole.sourceNodes!)).toEqual(['m1'])
    expect(llm.prompt).toContain('The dose of ibuprofen for a child with fever')
    expect(llm.prompt).not.toContain('tar makes an archive')
  })

  it('gives a ContextChatEngine its context, turn after turn', async () => {
    const llm = new FakeLLM('So it is.')
    const chat = new ContextChatEngine({ retriever: new PilotfishRetriever({ engine, topK: 1 }), chatModel: llm })

    const first = await chat.chat({ message: 'ibuprofen dose for a child' })
    const afterFirst = llm.prompt
    const second = await chat.chat({ message: [{ type: 'text', text: 'kill a process' }] })

    expect([ids(first.sourceNodes!), ids(second.sourceNodes!)]).toEqual([['m1'], ['s2']])
    expect(afterFirst).toContain('The dose of ibuprofen')
    expect(llm.prompt).toContain('kill ends a process')
    expect(llm.prompt).toContain('user: ibuprofen dose for a child')
  })

  it('is a part that a RouterQueryEngine of LlamaIndex can choose', async () => {
    const llm = new FakeLLM('[{"choice": 1, "reason": "the only one"}]')
    const queryEngine = new RetrieverQueryEngine(new PilotfishRetriever({ engine, topK: 1 }), getResponseSynthesizer('compact', { llm }))
    const router = await Settings.withLLM(llm, async () =>
      RouterQueryEngine.fromDefaults({ queryEngineTools: [{ queryEngine, description: 'everything' }] }),
    )

    const answer = await Settings.withLLM(llm, () => router.query({ query: 'kill a process' }))

    expect(ids(answer.sourceNodes!)).toEqual(['s2'])
  })
})
