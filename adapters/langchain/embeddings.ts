import type { EmbeddingsInterface } from '@langchain/core/embeddings'
import {
  ClosedError,
  DimensionMismatchError,
  EncoderFailedError,
  InvalidArgumentError,
  InvalidVectorError,
  PilotfishError,
  type Encoder,
  type RemoteExpert,
  type Vector,
} from 'pilotfish'
import { abortable } from './abortable.ts'

export interface LangchainEncoderOptions {
  /** Names the model and everything that changes its vectors, for example `openai/text-embedding-3-small@512`: vectors stored under one id must compare. */
  readonly id: string
  /** `query` asks `embedQuery`, `document` asks `embedDocuments`: many models treat the two differently. */
  readonly kind: 'query' | 'document'
  /** @default measured by embedding one word */
  readonly dimensions?: number
  /** Documents in one call of `embedDocuments`; queries under way at once. @default 32 */
  readonly batchSize?: number
}

/**
 * Any LangChain embeddings as an encoder. Vectors are checked and scaled to unit length; a blank text gets zeros
 * without asking, because many servers refuse it. Nothing is retried here: the embeddings have their own retries.
 * Lengths are not known, so truncation is never reported.
 */
export async function langchainEncoder(embeddings: EmbeddingsInterface, options: LangchainEncoderOptions): Promise<Encoder> {
  const { id, kind, batchSize = 32 } = options
  if (typeof embeddings?.embedQuery !== 'function') throw new InvalidArgumentError('embeddings', 'must be LangChain embeddings')
  if (typeof id !== 'string' || id === '')
    throw new InvalidArgumentError('id', 'must name the model', 'Vectors stored under one id must compare.')
  if (kind !== 'query' && kind !== 'document')
    throw new InvalidArgumentError('kind', `is ${JSON.stringify(kind)} but must be "query" or "document"`)
  requireCount('batchSize', batchSize)
  let closed = false

  const ask = async (texts: string[], signal?: AbortSignal): Promise<unknown[]> => {
    const embed = async () =>
      kind === 'document' ? embeddings.embedDocuments(texts) : Promise.all(texts.map((text) => embeddings.embedQuery(text)))
    const vectors: unknown = await abortable(embed(), signal).catch((cause: unknown) => {
      if (signal?.aborted) throw signal.reason
      if (PilotfishError.is(cause)) throw cause
      throw new EncoderFailedError(id, (cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, ''), cause)
    })
    if (!Array.isArray(vectors) || vectors.length !== texts.length) {
      throw new EncoderFailedError(id, `it returned ${Array.isArray(vectors) ? vectors.length : 'no'} vectors for ${texts.length} texts`)
    }
    return vectors
  }

  const dimensions = options.dimensions ?? lengthOf((await ask(['length']))[0], id)
  requireCount('dimensions', dimensions)

  return {
    id,
    dimensions,
    async encode(texts, { signal } = {}) {
      if (closed) throw new ClosedError(`The encoder "${id}"`)
      const vectors = texts.map((): Vector => new Float32Array(dimensions))
      const said = [...texts.keys()].filter((i) => texts[i]!.trim() !== '')
      for (let start = 0; start < said.length; start += batchSize) {
        signal?.throwIfAborted()
        const slots = said.slice(start, start + batchSize)
        const answers = await ask(
          slots.map((i) => texts[i]!),
          signal,
        )
        slots.forEach((i, n) => void (vectors[i] = unitVector(answers[n], dimensions, id)))
      }
      return vectors
    },
    async close() {
      closed = true
    },
  }
}

export interface LangchainExpertOptions extends Omit<LangchainEncoderOptions, 'kind'> {
  readonly name: string
  readonly description?: string
  /** What it retrieves for: retrievers with this `task` ask it. @default none */
  readonly task?: string
  readonly embeddings: EmbeddingsInterface
}

/** An expert that answers with any LangChain embeddings. Give it to `engine.experts.add` with example queries of its domain. */
export async function langchainExpert({ name, description, task, embeddings, ...options }: LangchainExpertOptions): Promise<RemoteExpert> {
  const documentEncoder = await langchainEncoder(embeddings, { ...options, kind: 'document' })
  const { dimensions } = documentEncoder
  const queryEncoder = await langchainEncoder(embeddings, { ...options, id: `${options.id}#query`, kind: 'query', dimensions })
  const facts = { name, ...(description !== undefined && { description }), ...(task !== undefined && { task }) }
  return { kind: 'remote', ...facts, queryEncoder, documentEncoder }
}

function requireCount(argument: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError(argument, `is ${value} but must be a whole number, 1 or more`)
}

function lengthOf(values: unknown, id: string): number {
  const length = Array.isArray(values) || ArrayBuffer.isView(values) ? (values as ArrayLike<unknown>).length : 0
  if (!length) throw new EncoderFailedError(id, 'it did not return a vector')
  return length
}

function unitVector(values: unknown, dimensions: number, id: string): Vector {
  const length = lengthOf(values, id)
  if (length !== dimensions) throw new DimensionMismatchError(`The encoder "${id}"`, dimensions, length)
  const numbers = Array.from(values as ArrayLike<unknown>, (value) => (typeof value === 'number' ? value : NaN))
  const norm = Math.hypot(...numbers)
  if (!Number.isFinite(norm)) throw new InvalidVectorError(`A vector of the encoder "${id}"`)
  return Float32Array.from(numbers, (value) => (norm > 0 ? value / norm : 0))
}
