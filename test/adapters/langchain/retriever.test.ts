import { BaseCallbackHandler } from '@langchain/core/callbacks/base'
import { BaseRetriever } from '@langchain/core/retrievers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { InvalidArgumentError, UnknownExpertError, type Engine, type RetrieveOptions } from 'pilotfish'
import { PilotfishRetriever, type HitMetadata, type RouteEvent } from 'pilotfish/langchain'
import { toyDocuments, toyEngine } from '../../engine-fixture.ts'

let engine: Engine
beforeEach(async () => {
  engine = await toyEngine()
  await engine.add(toyDocuments)
})
afterEach(() => engine.close())

interface Told {
  readonly event: 'start' | 'end' | 'error' | 'route'
  readonly run: string
  readonly data?: unknown
}

/** Writes down what LangChain tells it. */
class Witness extends BaseCallbackHandler {
  name = 'witness'
  override awaitHandlers = true
  readonly told: Told[] = []

  override handleRetrieverStart(
    retriever: unknown,
    query: string,
    run: string,
    _parent?: string,
    tags?: string[],
    metadata?: object,
    name?: string,
  ): void {
    this.told.push({ event: 'start', run, data: { retriever, query, tags, metadata, name } })
  }

  override handleRetrieverEnd(documents: { id?: string }[], run: string): void {
    this.told.push({ event: 'end', run, data: documents.map(({ id }) => id) })
  }

  override handleRetrieverError(error: Error, run: string): void {
    this.told.push({ event: 'error', run, data: error })
  }

  override handleCustomEvent(_name: string, data: unknown, run: string): void {
    this.told.push({ event: 'route', run, data })
  }
}

/** An engine whose searches wait for the signal or for `release`. */
function slow(inner: Engine): Engine & { readonly seen: (RetrieveOptions | undefined)[]; release(): void } {
  const seen: (RetrieveOptions | undefined)[] = []
  let release = (): void => {}
  const released = new Promise<void>((resolve) => (release = resolve))
  const wait = async (options?: RetrieveOptions): Promise<void> => {
    seen.push(options)
    await released
    options?.signal?.throwIfAborted()
  }
  return {
    ...inner,
    seen,
    release,
    retrieve: async (query, options) => (await wait(options), inner.retrieve(query, options)),
    retrieveMany: async (queries, options) => (await wait(options), inner.retrieveMany(queries, options)),
  }
}

/** An engine that counts its calls. */
function counted(inner: Engine): Engine & { readonly calls: string[][] } {
  const calls: string[][] = []
  return {
    ...inner,
    calls,
    retrieve: (query, options) => (calls.push([query]), inner.retrieve(query, options)),
    retrieveMany: (queries, options) => (calls.push([...queries]), inner.retrieveMany(queries, options)),
  }
}

const medical = 'dose of ibuprofen for a child'
const shell = 'tar archive of a file'

describe('PilotfishRetriever', () => {
  it('is a LangChain retriever that finds what the engine finds, ids and metadata kept', async () => {
    const retriever = new PilotfishRetriever({ engine, k: 2 })

    const documents = await retriever.invoke(medical)

    expect(retriever).toBeInstanceOf(BaseRetriever)
    expect(documents.map(({ id }) => id)).toEqual((await engine.retrieve(medical, { topK: 2 })).hits.map(({ document }) => document.id))
    expect(documents[0]).toMatchObject({ id: 'm1', pageContent: toyDocuments[0].text, metadata: { domain: 'medical', year: 2021 } })
  })

  it('finds four documents unless told otherwise, and none for k = 0', async () => {
    expect(await new PilotfishRetriever({ engine }).invoke('list')).toHaveLength(4)
    expect(await new PilotfishRetriever({ engine, k: 0 }).invoke('list')).toEqual([])
  })

  it('passes filter, expert and minSimilarity on', async () => {
    const filtered = await new PilotfishRetriever({ engine, filter: { year: { $gte: 2021 } } }).invoke('list')
    const similar = await new PilotfishRetriever({ engine, minSimilarity: 0.5 }).invoke(shell)

    expect(filtered.map(({ id }) => id).toSorted()).toEqual(['m1', 's2'])
    expect(similar.map(({ id }) => id)).toEqual(['s1'])
    await expect(new PilotfishRetriever({ engine, expert: 'law' }).invoke('x')).rejects.toThrow(UnknownExpertError)
  })

  it('asks the experts of a task', async () => {
    await engine.experts.add({ kind: 'lexical', name: 'tools', task: 'tool' })

    const found = await new PilotfishRetriever({ engine, task: 'tool', withScores: true }).invoke(shell)
    const batch = await new PilotfishRetriever({ engine, task: 'tool', withScores: true }).batch([shell])

    expect(new Set([...found, ...batch.flat()].map(({ metadata }) => metadata.pilotfish.expert))).toEqual(new Set(['tools']))
    await expect(new PilotfishRetriever({ engine, task: 'qa' }).invoke('x')).rejects.toMatchObject({
      code: 'UNKNOWN_TASK',
      known: ['tool'],
    })
  })

  it('adds scores only when asked, under one key', async () => {
    const plain = await new PilotfishRetriever({ engine }).invoke(medical)
    const [scored] = await new PilotfishRetriever({ engine, withScores: true }).invoke(medical)
    const [hit] = (await engine.retrieve(medical)).hits

    expect(plain[0]!.metadata).toEqual({ domain: 'medical', year: 2021 })
    expect(scored!.metadata.pilotfish as HitMetadata).toEqual({
      score: hit!.score,
      similarity: hit!.similarity,
      lexical: hit!.lexical,
      expert: 'medical',
    })
  })

  it('puts the title of a document in its metadata, unless there is one', async () => {
    await engine.add([
      { id: 't', title: 'Cough remedies', text: 'Honey helps' },
      { id: 'u', title: 'Archives', text: 'grep', metadata: { title: 'own' } },
    ])

    expect((await new PilotfishRetriever({ engine }).invoke('cough'))[0]).toMatchObject({ id: 't', metadata: { title: 'Cough remedies' } })
    expect((await new PilotfishRetriever({ engine }).invoke('archives grep'))[0]).toMatchObject({ id: 'u', metadata: { title: 'own' } })
  })

  it('refuses what is not an engine, and a query that is not a string', async () => {
    expect(() => new PilotfishRetriever({} as never)).toThrow(InvalidArgumentError)
    await expect(new PilotfishRetriever({ engine }).invoke({ question: medical } as never)).rejects.toThrow(/must be a string/)
  })

  describe('callbacks', () => {
    it('hear of the start, the route and the end of every query, with tags, metadata and name', async () => {
      const witness = new Witness()
      const retriever = new PilotfishRetriever({ engine, k: 1, tags: ['own'], metadata: { team: 'a' } })

      await retriever.invoke(medical, { callbacks: [witness], tags: ['call'], metadata: { user: 'b' }, runName: 'look up' })

      expect(witness.told.map(({ event }) => event)).toEqual(['start', 'route', 'end'])
      expect(new Set(witness.told.map(({ run }) => run)).size).toBe(1)
      expect(witness.told[0]!.data).toMatchObject({ query: medical, metadata: { team: 'a', user: 'b' }, name: 'look up' })
      expect((witness.told[0]!.data as { tags: string[] }).tags.toSorted()).toEqual(['call', 'own'])
      expect(witness.told[2]!.data).toEqual(['m1'])
    })

    it('are told the whole route as plain JSON', async () => {
      const witness = new Witness()

      await new PilotfishRetriever({ engine, callbacks: [witness] }).invoke(medical)

      const event = witness.told[1]!.data as RouteEvent
      const { route } = await engine.retrieve(medical)
      expect(event).toMatchObject({ query: medical, ...route, truncated: false })
      expect(event.timings.total).toBeGreaterThan(0)
      expect(JSON.parse(JSON.stringify(event))).toEqual(event)
    })

    it('hear of errors', async () => {
      const witness = new Witness()

      await expect(new PilotfishRetriever({ engine, expert: 'law' }).invoke('x', { callbacks: [witness] })).rejects.toThrow(
        UnknownExpertError,
      )

      expect(witness.told.map(({ event }) => event)).toEqual(['start', 'error'])
    })

    it('are never shown the engine', async () => {
      const witness = new Witness()
      const retriever = new PilotfishRetriever({ engine })

      await retriever.invoke(medical, { callbacks: [witness] })

      const shown = { lc: 1, type: 'not_implemented', id: ['pilotfish', 'retrievers', 'PilotfishRetriever'] }
      expect((witness.told[0]!.data as { retriever: object }).retriever).toEqual(shown)
      expect(JSON.parse(JSON.stringify(retriever))).toEqual(shown)
      expect(Object.keys(retriever.lc_kwargs)).not.toContain('engine')
    })
  })

  describe('signal and timeout', () => {
    it('stops waiting when the signal aborts, and tells the engine', async () => {
      const waiting = slow(engine)
      const witness = new Witness()
      const controller = new AbortController()

      const asked = new PilotfishRetriever({ engine: waiting }).invoke(medical, { signal: controller.signal, callbacks: [witness] })
      controller.abort(new Error('enough'))

      await expect(asked).rejects.toThrow('enough')
      expect(waiting.seen[0]!.signal!.aborted).toBe(true)
      expect(witness.told.map(({ event }) => event)).toEqual(['start', 'error'])
      waiting.release()
    })

    it('finds nothing for a signal that has already aborted', async () => {
      await expect(new PilotfishRetriever({ engine }).invoke(medical, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)
    })

    it('gives up after `timeout` milliseconds, alone and in a batch', async () => {
      const waiting = slow(engine)
      const retriever = new PilotfishRetriever({ engine: waiting })

      await expect(retriever.invoke(medical, { timeout: 10 })).rejects.toMatchObject({ name: 'TimeoutError' })
      await expect(retriever.batch([medical, shell], { timeout: 10 })).rejects.toMatchObject({ name: 'TimeoutError' })

      expect(waiting.seen.map((options) => options?.signal?.aborted)).toEqual([true, true])
      waiting.release()
    })
  })

  describe('batch', () => {
    it('asks the engine once and finds for each query what `invoke` finds', async () => {
      const counting = counted(engine)
      const retriever = new PilotfishRetriever({ engine: counting, k: 2 })

      const together = await retriever.batch([medical, shell, 'nothing known'])

      expect(counting.calls).toEqual([[medical, shell, 'nothing known']])
      expect(together).toEqual([await retriever.invoke(medical), await retriever.invoke(shell), await retriever.invoke('nothing known')])
    })

    it('traces every query as a run of its own', async () => {
      const witness = new Witness()

      await new PilotfishRetriever({ engine, k: 1 }).batch(
        [medical, shell],
        [
          { callbacks: [witness], tags: ['first'] },
          { callbacks: [witness], tags: ['second'] },
        ],
      )

      const runs = [...new Set(witness.told.map(({ run }) => run))]
      expect(runs.map((run) => witness.told.filter((told) => told.run === run).map(({ event }) => event))).toEqual([
        ['start', 'route', 'end'],
        ['start', 'route', 'end'],
      ])
      expect(runs.map((run) => witness.told.find((told) => told.run === run && told.event === 'end')!.data)).toEqual([['m1'], ['s1']])
    })

    it('asks at most `maxConcurrency` queries at a time', async () => {
      const counting = counted(engine)

      const found = await new PilotfishRetriever({ engine: counting, k: 1 }).batch([medical, shell, 'cough'], { maxConcurrency: 2 })

      expect(counting.calls).toEqual([[medical, shell], ['cough']])
      expect(found.map(([document]) => document!.id)).toEqual(['m1', 's1', 'm2'])
    })

    it('rejects as a whole when a query is bad, or returns the error in its place', async () => {
      const witness = new Witness()
      const retriever = new PilotfishRetriever({ engine, k: 1 })
      const queries = [medical, 7 as unknown as string, shell]

      await expect(retriever.batch(queries)).rejects.toThrow(InvalidArgumentError)
      const settled = await retriever.batch(queries, { callbacks: [witness] }, { returnExceptions: true })

      expect(settled[1]).toBeInstanceOf(InvalidArgumentError)
      expect([settled[0], settled[2]].map((documents) => (documents as { id: string }[])[0]!.id)).toEqual(['m1', 's1'])
      expect(witness.told.filter(({ event }) => event === 'error')).toHaveLength(1)
      expect(witness.told.filter(({ event }) => event === 'end')).toHaveLength(2)
    })

    it('lets each query have a signal of its own', async () => {
      const waiting = slow(engine)
      const first = new AbortController()
      const second = new AbortController()

      const asked = new PilotfishRetriever({ engine: waiting, k: 1 }).batch(
        [medical, shell],
        [{ signal: first.signal }, { signal: second.signal }],
        { returnExceptions: true },
      )
      first.abort(new Error('not this one'))
      waiting.release()

      const [stopped, found] = await asked
      expect(stopped).toMatchObject({ message: 'not this one' })
      expect((found as { id: string }[])[0]!.id).toBe('s1')
    })

    it('gives nothing for nothing', async () => {
      expect(await new PilotfishRetriever({ engine }).batch([])).toEqual([])
    })
  })
})
