import { Embeddings } from '@langchain/core/embeddings'
import { FakeEmbeddings, SyntheticEmbeddings } from '@langchain/core/utils/testing'
import { describe, expect, it } from 'vitest'
import { ClosedError, DimensionMismatchError, EncoderFailedError, InvalidArgumentError, InvalidVectorError } from 'pilotfish'
import { langchainEncoder, langchainExpert } from 'pilotfish/langchain'
import { toyDocuments, toyEngine } from '../../engine-fixture.ts'

/** Embeddings made of a function, which remember what they were asked. */
class Recorded extends Embeddings {
  readonly queries: string[] = []
  readonly batches: string[][] = []
  readonly embed: (text: string) => number[]

  constructor(embed: (text: string) => number[]) {
    super({})
    this.embed = embed
  }

  override async embedQuery(text: string): Promise<number[]> {
    this.queries.push(text)
    return this.embed(text)
  }

  override async embedDocuments(texts: string[]): Promise<number[][]> {
    this.batches.push(texts)
    return texts.map(this.embed)
  }
}

const east = (): number[] => [3, 4]

describe('langchainEncoder', () => {
  it('gives unit vectors, whatever length the embeddings give', async () => {
    const encoder = await langchainEncoder(new Recorded(east), { id: 'toy', kind: 'document' })

    const [vector] = await encoder.encode(['a'])

    expect(vector).toBeInstanceOf(Float32Array)
    expect([...vector!]).toEqual([Math.fround(0.6), Math.fround(0.8)])
  })

  it('does not overflow on huge values', async () => {
    const encoder = await langchainEncoder(new Recorded(() => [1e300, 0]), { id: 'toy', kind: 'query' })

    expect([...(await encoder.encode(['a']))[0]!]).toEqual([1, 0])
  })

  it('asks embedQuery for queries and embedDocuments for documents, in batches', async () => {
    const embeddings = new Recorded(east)
    const options = { id: 'toy', dimensions: 2, batchSize: 2 }

    await (await langchainEncoder(embeddings, { ...options, kind: 'query' })).encode(['q1', 'q2', 'q3'])
    await (await langchainEncoder(embeddings, { ...options, kind: 'document' })).encode(['d1', 'd2', 'd3'])

    expect(embeddings.queries).toEqual(['q1', 'q2', 'q3'])
    expect(embeddings.batches).toEqual([['d1', 'd2'], ['d3']])
  })

  it('measures the dimensions once, and not at all when they are given', async () => {
    const embeddings = new Recorded(east)

    const measured = await langchainEncoder(embeddings, { id: 'toy', kind: 'document' })
    expect(measured.dimensions).toBe(2)
    expect(embeddings.batches).toHaveLength(1)

    await langchainEncoder(embeddings, { id: 'toy', kind: 'document', dimensions: 2 })
    expect(embeddings.batches).toHaveLength(1)
  })

  it('gives blank texts zeros without asking for them', async () => {
    const embeddings = new Recorded(east)
    const encoder = await langchainEncoder(embeddings, { id: 'toy', kind: 'document', dimensions: 2 })

    const vectors = await encoder.encode(['', 'a', ' \n'])

    expect(vectors.map((vector) => vector.every((value) => value === 0))).toEqual([true, false, true])
    expect(embeddings.batches).toEqual([['a']])
    expect(await encoder.encode([])).toEqual([])
  })

  it.each([
    ['NaN', [1, NaN]],
    ['Infinity', [1, Infinity]],
    ['null, as JSON writes NaN', [1, null as unknown as number]],
  ])('refuses a vector with %s in it', async (_, bad) => {
    const encoder = await langchainEncoder(new Recorded(() => bad), { id: 'toy', kind: 'document', dimensions: 2 })

    await expect(encoder.encode(['a'])).rejects.toThrow(InvalidVectorError)
  })

  it('refuses a vector of another length, naming the encoder', async () => {
    const encoder = await langchainEncoder(new Recorded(() => [1, 2, 3]), { id: 'toy-model', kind: 'document', dimensions: 2 })

    const failure = await encoder.encode(['a']).catch((error: unknown) => error)

    expect(failure).toBeInstanceOf(DimensionMismatchError)
    expect(failure).toMatchObject({ expected: 2, actual: 3, message: expect.stringContaining('toy-model') })
  })

  it('refuses an answer with too few vectors, or none', async () => {
    const short = { embedQuery: async () => [1], embedDocuments: async () => [[1]] }
    const nothing = { embedQuery: async () => undefined as never, embedDocuments: async () => undefined as never }

    await expect((await langchainEncoder(short, { id: 'short', kind: 'document', dimensions: 1 })).encode(['a', 'b'])).rejects.toThrow(
      /1 vectors for 2/,
    )
    await expect(langchainEncoder(nothing, { id: 'none', kind: 'document' })).rejects.toThrow(EncoderFailedError)
    await expect(langchainEncoder(nothing, { id: 'none', kind: 'query' })).rejects.toThrow(EncoderFailedError)
  })

  it('wraps a failure with its cause and asks only once', async () => {
    let asked = 0
    const cause = new Error('429 quota exceeded.')
    const failing = new Recorded(() => {
      asked++
      throw cause
    })
    const encoder = await langchainEncoder(failing, { id: 'toy', kind: 'query', dimensions: 2 })

    const failure = await encoder.encode(['a']).catch((error: unknown) => error)

    expect(failure).toBeInstanceOf(EncoderFailedError)
    expect(failure).toMatchObject({
      code: 'ENCODER_FAILED',
      encoder: 'toy',
      cause,
      message: expect.stringContaining('429 quota exceeded. Nothing'),
    })
    expect(asked).toBe(1)
  })

  it('stops waiting when the signal aborts, and asks nothing when it already has', async () => {
    const controller = new AbortController()
    const slow = { embedQuery: () => new Promise<number[]>(() => {}), embedDocuments: () => new Promise<number[][]>(() => {}) }
    const encoder = await langchainEncoder(slow, { id: 'slow', kind: 'document', dimensions: 2 })

    const waiting = encoder.encode(['a'], { signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)

    const embeddings = new Recorded(east)
    const ready = await langchainEncoder(embeddings, { id: 'toy', kind: 'document', dimensions: 2 })
    await expect(ready.encode(['a'], { signal: controller.signal })).rejects.toBe(reason)
    expect(embeddings.batches).toEqual([])
  })

  it('is refused once closed', async () => {
    const encoder = await langchainEncoder(new FakeEmbeddings(), { id: 'fake', kind: 'document' })

    await encoder.close()
    await encoder.close()

    await expect(encoder.encode(['a'])).rejects.toThrow(ClosedError)
  })

  it.each([
    ['id', { id: '', kind: 'query' }],
    ['kind', { id: 'toy', kind: 'both' }],
    ['batchSize', { id: 'toy', kind: 'query', batchSize: 0 }],
    ['dimensions', { id: 'toy', kind: 'query', dimensions: 1.5 }],
  ])('refuses a bad %s', async (argument, options) => {
    const failure = await langchainEncoder(new FakeEmbeddings(), options as never).catch((error: unknown) => error)

    expect(failure).toBeInstanceOf(InvalidArgumentError)
    expect(failure).toMatchObject({ argument })
  })

  it("takes LangChain's own embeddings", async () => {
    const fake = await langchainEncoder(new FakeEmbeddings(), { id: 'fake', kind: 'query' })
    const synthetic = await langchainEncoder(new SyntheticEmbeddings({ vectorSize: 24 }), { id: 'synthetic', kind: 'document' })

    expect(fake.dimensions).toBe(4)
    expect((await synthetic.encode(['one', 'two'])).map((vector) => vector.length)).toEqual([24, 24])
  })
})

describe('langchainExpert', () => {
  /** Knows whether a text speaks of flowers, and tells queries from documents by their length. */
  const garden = (): Recorded => new Recorded((text) => [/rose|tulip|sun/i.test(text) ? 2 : 0, /tar|dose/i.test(text) ? 2 : 0.1])

  it('brings its own space into a running engine and is routed to', async () => {
    const engine = await toyEngine()
    await engine.add(toyDocuments)

    await engine.experts.add(await langchainExpert({ name: 'garden', description: 'Flowers', embeddings: garden(), id: 'garden-1' }), {
      queries: ['list of roses for the cold', 'cold weather tulip list', 'list a rose that likes cold', 'a cold list of tulips'],
    })
    const { hits, route } = await engine.retrieve('which roses are on the list for the cold', { topK: 1 })

    expect(engine.experts.list().find(({ name }) => name === 'garden')).toMatchObject({ kind: 'remote', space: 'garden-1', routed: true })
    expect(route.experts[0]!.name).toBe('garden')
    expect(hits[0]!.document.id).toBe('x1')
    await engine.close()
  })

  it('asks the query side for questions and the document side for documents', async () => {
    const embeddings = garden()
    const engine = await toyEngine()
    await engine.add(toyDocuments)
    await engine.experts.add(await langchainExpert({ name: 'garden', embeddings, id: 'garden-1', dimensions: 2 }))

    await engine.retrieve('tulip', { expert: 'garden' })

    expect(embeddings.batches.flat().toSorted()).toEqual(toyDocuments.map(({ text }) => text).toSorted())
    expect(embeddings.queries).toEqual(['tulip'])
    await engine.close()
  })

  it('may be bound to a task', async () => {
    const engine = await toyEngine()
    await engine.experts.add(await langchainExpert({ name: 'garden', task: 'tool', embeddings: garden(), id: 'garden-1', dimensions: 2 }))

    expect((await engine.route('tulip', { task: 'tool' })).experts[0]!.name).toBe('garden')
    await engine.close()
  })

  it('leaves the engine as it was when the embeddings fail', async () => {
    const engine = await toyEngine()
    await engine.add(toyDocuments)
    const failing = new Recorded(() => {
      throw new Error('server is down')
    })

    const adding = engine.experts.add(await langchainExpert({ name: 'garden', embeddings: failing, id: 'garden-1', dimensions: 2 }))

    await expect(adding).rejects.toThrow(/server is down/)
    expect(engine.experts.list().map(({ name }) => name)).not.toContain('garden')
    expect((await engine.retrieve('dose of ibuprofen', { topK: 1 })).hits[0]!.document.id).toBe('m1')
    await engine.close()
  })
})
