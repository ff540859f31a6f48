import { BaseEmbedding } from '@llamaindex/core/embeddings'
import { describe, expect, it } from 'vitest'
import { llamaindexEncoder, llamaindexExpert } from 'pilotfish/llamaindex'
import { toyDocuments, toyEngine } from '../../engine-fixture.ts'

const words = ['tar', 'fever', 'lease']

/** Counts three words; hears a question's words twice as loud on the first dimension, so that its two sides differ. */
class CountingEmbedding extends BaseEmbedding {
  readonly batches: string[][] = []

  constructor(batchSize = 2) {
    super()
    this.embedBatchSize = batchSize
  }

  override async getTextEmbedding(text: string): Promise<number[]> {
    return words.map((word) => text.split(word).length - 1)
  }

  override getTextEmbeddings = async (texts: string[]): Promise<number[][]> => {
    this.batches.push([...texts])
    return Promise.all(texts.map((text) => this.getTextEmbedding(text)))
  }

  override async getQueryEmbedding(query: { type: string; text?: string }): Promise<number[]> {
    const [first, ...rest] = await this.getTextEmbedding(query.text ?? '')
    return [2 * first!, ...rest]
  }
}

/** Answers with whatever it is given. */
function answering(answer: (texts: string[]) => Promise<unknown>): BaseEmbedding {
  const embedding = new CountingEmbedding()
  embedding.getTextEmbeddings = answer as (texts: string[]) => Promise<number[][]>
  return embedding
}

const document = { id: 'toy', kind: 'document' } as const

describe('llamaindexEncoder', () => {
  it('gives unit vectors in order, asking in batches of the size the embedding likes', async () => {
    const embedding = new CountingEmbedding()
    const encoder = await llamaindexEncoder(embedding, { ...document, dimensions: 3 })

    const vectors = await encoder.encode(['tar tar', 'fever', 'tar lease'])

    expect(vectors.map((vector) => [...vector].map((value) => Math.round(value * 100) / 100))).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0.71, 0, 0.71],
    ])
    expect(embedding.batches.map((batch) => batch.length)).toEqual([2, 1])
  })

  it('asks the side it was made for', async () => {
    const encoder = await llamaindexEncoder(new CountingEmbedding(), { id: 'toy', kind: 'query' })

    const [vector] = await encoder.encode(['tar lease'])

    expect(vector![0]! / vector![2]!).toBeCloseTo(2)
  })

  it('measures its dimensions, believes the embedding, or takes what it is told', async () => {
    const modest = new CountingEmbedding()
    const telling = new CountingEmbedding()
    telling.embedInfo = { dimensions: 3 }

    expect((await llamaindexEncoder(modest, document)).dimensions).toBe(3)
    expect((await llamaindexEncoder(telling, document)).dimensions).toBe(3)
    expect((await llamaindexEncoder(telling, { ...document, dimensions: 7 })).dimensions).toBe(7)
    expect([modest.batches.length, telling.batches.length]).toEqual([1, 0])
  })

  it('gives zeros for blank texts without sending them, and for texts it knows nothing of', async () => {
    const embedding = new CountingEmbedding()
    const encoder = await llamaindexEncoder(embedding, { ...document, dimensions: 3 })

    const vectors = await encoder.encode(['', ' \n', 'zebra', 'tar'])

    expect(vectors.map((vector) => [...vector])).toEqual([
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
      [1, 0, 0],
    ])
    expect(embedding.batches).toEqual([['zebra', 'tar']])
    expect(await encoder.encode([])).toEqual([])
  })

  it.each([
    ['a vector of another length', [[1, 0]], 'DIMENSION_MISMATCH'],
    ['NaN', [[1, NaN, 0]], 'INVALID_VECTOR'],
    ['infinity', [[1, Infinity, 0]], 'INVALID_VECTOR'],
    ['something else than numbers', [['1', '0', null]], 'INVALID_VECTOR'],
    ['too few vectors', [], 'ENCODER_FAILED'],
    ['no vector', [null], 'ENCODER_FAILED'],
    ['nothing', undefined, 'ENCODER_FAILED'],
  ])('refuses %s', async (_, answer, code) => {
    const embedding = answering(async () => [])
    embedding.getTextEmbeddingsBatch = async () => answer as number[][]
    const encoder = await llamaindexEncoder(embedding, { ...document, dimensions: 3 })

    await expect(encoder.encode(['tar'])).rejects.toMatchObject({ code })
  })

  it('names itself when the embedding fails, keeping the cause', async () => {
    const cause = new Error('401 no such key')
    const embedding = answering(() => Promise.reject(cause))

    await expect(llamaindexEncoder(embedding, document)).rejects.toMatchObject({ code: 'ENCODER_FAILED', encoder: 'toy', cause })
  })

  it('stops waiting when the signal aborts, and sends nothing more', async () => {
    const reason = new Error('enough')
    const stop = new AbortController()
    const asked: string[] = []
    const embedding = answering(async (texts) => {
      asked.push(...texts)
      stop.abort(reason)
      return new Promise(() => {})
    })
    const encoder = await llamaindexEncoder(embedding, { ...document, dimensions: 3, batchSize: 1 })

    await expect(encoder.encode(['tar', 'lease'], { signal: stop.signal })).rejects.toBe(reason)
    await expect(encoder.encode(['fever'], { signal: stop.signal })).rejects.toBe(reason)
    expect(asked).toEqual(['tar'])
  })

  it('refuses to work once closed', async () => {
    const encoder = await llamaindexEncoder(new CountingEmbedding(), document)

    await encoder.close()
    await encoder.close()

    await expect(encoder.encode(['tar'])).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it.each([
    ['embedding', undefined, {}],
    ['id', new CountingEmbedding(), { id: '' }],
    ['kind', new CountingEmbedding(), { kind: 'passage' }],
    ['batchSize', new CountingEmbedding(), { batchSize: 0 }],
    ['dimensions', new CountingEmbedding(), { dimensions: 1.5 }],
  ])('refuses a wrong %s', async (argument, embedding, options) => {
    await expect(llamaindexEncoder(embedding as BaseEmbedding, { ...document, ...(options as object) })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      argument,
    })
  })
})

describe('llamaindexExpert', () => {
  it('has both sides of the embedding under ids of their own', async () => {
    const expert = await llamaindexExpert({
      name: 'counting',
      embedding: new CountingEmbedding(),
      id: 'toy',
      description: 'Counts words',
      task: 'qa',
    })

    expect(expert).toMatchObject({ kind: 'remote', name: 'counting', description: 'Counts words', task: 'qa' })
    expect([expert.documentEncoder.id, expert.queryEncoder.id]).toEqual(['toy', 'toy#query'])
    expect((await expert.queryEncoder.encode(['tar lease']))[0]).not.toEqual((await expert.documentEncoder.encode(['tar lease']))[0])
  })

  it('joins an open engine: stored texts are embedded by it, the router knows its questions', async () => {
    const engine = await toyEngine()
    await engine.add([...toyDocuments, { id: 'l1', text: 'The lease ends in May' }])

    const expert = await llamaindexExpert({ name: 'legal', embedding: new CountingEmbedding(), id: 'toy' })
    await engine.experts.add(expert, {
      queries: ['end my lease early', 'is the lease binding', 'break a lease contract', 'lease deposit back'],
    })

    const { hits, route } = await engine.retrieve('can I break my lease', { topK: 1, expert: 'legal' })
    expect(route.scores[0]!.expert).toBe('legal')
    expect(hits[0]).toMatchObject({ document: { id: 'l1' }, expert: 'legal' })
    expect(hits[0]!.similarity).toBeCloseTo(1)
    expect((await engine.info()).spaces.find(({ space }) => space === 'toy')).toMatchObject({ dimensions: 3, vectors: 6 })
  })
})
