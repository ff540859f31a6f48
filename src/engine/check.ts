import { createHash } from 'node:crypto'
import type { RetrieveOptions } from '../engine.ts'
import type { Document, Metadata, MetadataValue } from '../document.ts'
import { DimensionMismatchError, InvalidArgumentError, InvalidDocumentError, InvalidVectorError } from '../errors.ts'
import { isFinite, type Vector } from '../vector.ts'

/** Characters of a query that are read; no question is longer, and pasted files would only slow the search. */
const queryLimit = 16_384
const idLimit = 1_024

/** @throws InvalidArgumentError */
export function checkRetrieveOptions({ topK = 10, minSimilarity = -1, lexicalWeight = 0, diversity }: RetrieveOptions): void {
  if (!Number.isInteger(topK) || topK < 0)
    throw new InvalidArgumentError('topK', `is ${String(topK)} but must be a whole number, 0 or more`)
  inRange('minSimilarity', minSimilarity, -1, 1)
  inRange('lexicalWeight', lexicalWeight, 0, 1)
  if (!diversity) return
  inRange('diversity.lambda', diversity.lambda ?? 0.5, 0, 1)
  const { fetchK = topK } = diversity
  if (!Number.isInteger(fetchK) || fetchK < topK)
    throw new InvalidArgumentError('diversity.fetchK', `is ${fetchK} but must be a whole number, topK (${topK}) or more`)
}

function inRange(name: string, value: number, low: number, high: number): void {
  if (typeof value !== 'number' || !(value >= low && value <= high)) {
    throw new InvalidArgumentError(name, `is ${String(value)} but must be a number from ${low} to ${high}`)
  }
}

/** A query as it is read: well-formed Unicode, cut to what a question can need. @throws InvalidArgumentError */
export function queryText(query: unknown, index: number): { text: string; cut: boolean } {
  if (typeof query !== 'string') throw new InvalidArgumentError(`query number ${index + 1}`, `is ${typeOf(query)} but must be a string`)
  return { text: query.slice(0, queryLimit).toWellFormed(), cut: query.length > queryLimit }
}

/**
 * A document as it is stored: own copy, well-formed Unicode (a lone surrogate becomes U+FFFD), metadata plain JSON.
 * @throws InvalidDocumentError
 */
export function checkDocument(document: unknown, index: number): Document {
  if (typeof document !== 'object' || document === null)
    throw new InvalidDocumentError(index, undefined, `is ${typeOf(document)} but must be an object with id and text`)
  const { id, text, title, metadata } = document as Record<string, unknown>
  const refuse = (problem: string): never => {
    throw new InvalidDocumentError(index, id, problem)
  }
  if (typeof id !== 'string') return refuse(`has an id that is ${typeOf(id)} but must be a string`)
  if (id === '' || id.length > idLimit) return refuse(`has an id of ${id.length} characters; 1 to ${idLimit} are allowed`)
  if (!id.isWellFormed() || id.includes('\0')) return refuse('has an id with a lone surrogate or NUL character')
  if (typeof text !== 'string') return refuse(`has a text that is ${typeOf(text)} but must be a string`)
  if (title !== undefined && typeof title !== 'string') return refuse(`has a title that is ${typeOf(title)} but must be a string`)
  if (metadata !== undefined && (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))) {
    return refuse(`has metadata that is ${typeOf(metadata)} but must be an object`)
  }
  return {
    id,
    text: text.toWellFormed(),
    ...(title !== undefined && { title: title.toWellFormed() }),
    ...(metadata !== undefined && { metadata: plainJson(metadata, refuse) as Metadata }),
  }
}

function plainJson(value: unknown, refuse: (problem: string) => never, depth = 0): MetadataValue {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') return value.toWellFormed()
  if (typeof value === 'number') return Number.isFinite(value) ? value : refuse(`has the metadata value ${value}, which JSON cannot hold`)
  if (typeof value !== 'object') return refuse(`has a metadata value that is ${typeOf(value)}, which JSON cannot hold`)
  if (depth > 64) return refuse('has metadata nested deeper than 64 levels (or in a circle)')
  if (Array.isArray(value)) return value.map((item) => plainJson(item, refuse, depth + 1))
  if (value instanceof Date) return value.toISOString()
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  return Object.fromEntries(entries.map(([key, item]) => [key.toWellFormed(), plainJson(item, refuse, depth + 1)]))
}

/** Identity of everything that is stored of a document; independent of the order of metadata keys. */
export function contentHash({ text, title, metadata }: Document): string {
  return createHash('sha256')
    .update(JSON.stringify([text, title ?? null, sorted(metadata ?? null)]))
    .digest('base64url')
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => [key, sorted(item)])
}

/** Vectors come from anyone's code: each is checked once, before it is stored or searched with. */
export function checkVectors(vectors: readonly Vector[], count: number, dimensions: number, who: string): readonly Vector[] {
  if (vectors.length !== count) throw new InvalidArgumentError(who, `returned ${vectors.length} vectors for ${count} texts`)
  for (const vector of vectors) {
    if (vector.length !== dimensions) throw new DimensionMismatchError(who, dimensions, vector.length)
    if (!isFinite(vector)) throw new InvalidVectorError(`A vector of ${who}`)
  }
  return vectors
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return value === undefined ? 'missing' : `a value of type ${typeof value}`
}
