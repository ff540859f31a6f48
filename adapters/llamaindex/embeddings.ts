import type { BaseEmbedding } from '@llamaindex/core/embeddings'
import {
  ClosedError,
  DimensionMismatchError,
  EncoderFailedError,
  type Encoder,
  InvalidArgumentError,
  InvalidVectorError,
  PilotfishError,
  type RemoteExpert,
  type Vector,
} from 'pilotfish'

export interface LlamaindexEncoderOptions {
  /**
   * Names everything that changes a vector: model, revision, prefix. Equal ids mean interchangeable vectors, and
   * LlamaIndex cannot tell us, so it is yours to change when the model changes.
   */
  readonly id: string
  /** Which of the embedding's two sides is asked: `getQueryEmbedding` or `getTextEmbeddings`. */
  readonly kind: 'query' | 'document'
  /** Length of its vectors. @default what the embedding says of itself, else measured with one short text */
  readonly dimensions?: number
  /** Texts in one request (documents), requests at one time (queries). @default the embedding's own `embedBatchSize` */
  readonly batchSize?: number
}

/**
 * One side of any LlamaIndex embedding as an encoder. Vectors are checked and scaled to unit length; blank texts get
 * zeros without being sent. `close` leaves the embedding, which is yours, as it is.
 * @throws InvalidArgumentError, EncoderFailedError when `dimensions` must be measured and cannot
 */
export async function llamaindexEncoder(embedding: BaseEmbedding, options: LlamaindexEncoderOptions): Promise<Encoder> {
  const { id, kind, batchSize = embedding?.embedBatchSize ?? 10 } = options
  // Embeddings are callable, hence functions.
  if (typeof embedding?.getTextEmbedding !== 'function') throw new InvalidArgumentError('embedding', 'is not a LlamaIndex embedding')
  if (typeof id !== 'string' || id === '')
    throw new InvalidArgumentError('id', 'must name the model', 'Vectors stored under one id must compare.')
  if (kind !== 'query' && kind !== 'document') throw new InvalidArgumentError('kind', 'must be "query" or "document"')
  if (!isCount(batchSize)) throw new InvalidArgumentError('batchSize', `is ${batchSize} but must be a whole number, 1 or more`)
  const embed = kind === 'query' ? queries(embedding) : documents(embedding)
  const dimensions = options.dimensions ?? embedding.embedInfo?.dimensions ?? (await measured(embed, id))
  if (!isCount(dimensions)) throw new InvalidArgumentError('dimensions', `is ${dimensions} but must be a whole number, 1 or more`)
  let closed = false

  return {
    id,
    dimensions,
    async encode(texts, { signal } = {}) {
      if (closed) throw new ClosedError(`The encoder "${id}"`)
      const vectors: Vector[] = texts.map(() => new Float32Array(dimensions))
      const audible = [...texts.keys()].filter((i) => texts[i]!.trim() !== '')
      for (let start = 0; start < audible.length; start += batchSize) {
        const batch = audible.slice(start, start + batchSize)
        const said = batch.map((i) => texts[i]!)
        const numbers = await unlessAborted(() => ask(embed, said, id), signal)
        batch.forEach((i, n) => void (vectors[i] = unitVector(numbers[n]!, dimensions, id)))
      }
      signal?.throwIfAborted()
      return vectors
    },
    close: async () => void (closed = true),
  }
}

export interface LlamaindexExpertOptions extends Omit<LlamaindexEncoderOptions, 'kind'> {
  readonly name: string
  readonly embedding: BaseEmbedding
  readonly description?: string
  /** What it retrieves for: retrievers with this `task` ask it. @default none */
  readonly task?: string
}

/** An expert whose vectors come from a LlamaIndex embedding: `engine.experts.add(await llamaindexExpert({ … }), { queries })`. */
export async function llamaindexExpert({ name, embedding, description, task, ...options }: LlamaindexExpertOptions): Promise<RemoteExpert> {
  const documentEncoder = await llamaindexEncoder(embedding, { ...options, kind: 'document' })
  const { dimensions } = documentEncoder
  const queryEncoder = await llamaindexEncoder(embedding, { ...options, id: `${options.id}#query`, kind: 'query', dimensions })
  const facts = { name, ...(description !== undefined && { description }), ...(task !== undefined && { task }) }
  return { kind: 'remote', ...facts, queryEncoder, documentEncoder }
}

type Embed = (texts: string[]) => Promise<readonly (readonly number[] | null)[]>

function documents(embedding: BaseEmbedding): Embed {
  return (texts) => embedding.getTextEmbeddingsBatch(texts)
}

function queries(embedding: BaseEmbedding): Embed {
  return (texts) => Promise.all(texts.map((text) => embedding.getQueryEmbedding({ type: 'text', text })))
}

/** One vector per text, or the reason why not. */
async function ask(embed: Embed, texts: string[], id: string): Promise<(readonly number[])[]> {
  let answer: Awaited<ReturnType<Embed>>
  try {
    answer = await embed(texts)
  } catch (cause) {
    if (PilotfishError.is(cause)) throw cause
    throw new EncoderFailedError(id, cause instanceof Error ? cause.message : String(cause), cause)
  }
  if (!Array.isArray(answer) || answer.length !== texts.length || !answer.every(isVectorLike)) {
    throw new EncoderFailedError(id, `it did not return one vector for each of ${texts.length} texts`)
  }
  return answer
}

async function measured(embed: Embed, id: string): Promise<number> {
  const [vector] = await ask(embed, ['length'], id)
  return vector!.length
}

function unitVector(numbers: readonly number[], dimensions: number, id: string): Vector {
  if (numbers.length !== dimensions) throw new DimensionMismatchError(`The encoder "${id}"`, dimensions, numbers.length)
  const length = Math.sqrt(numbers.reduce((sum, value) => sum + (typeof value === 'number' ? value * value : NaN), 0))
  if (!Number.isFinite(length)) throw new InvalidVectorError(`A vector of the encoder "${id}"`)
  return Float32Array.from(numbers, (value) => (length > 0 ? value / length : 0))
}

function isVectorLike(value: unknown): value is readonly number[] {
  return (Array.isArray(value) || value instanceof Float32Array) && value.length > 0
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1
}

/** The task's result, or the signal's reason as soon as it aborts: LlamaIndex's embeddings take no signal, so the request itself goes on. */
async function unlessAborted<T>(task: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return task()
  signal.throwIfAborted()
  let stop = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([task(), aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
