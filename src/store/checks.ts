import type { Document, MetadataValue, Selection } from '../document.ts'
import { DimensionMismatchError, DuplicateIdError, InvalidArgumentError, InvalidDocumentError, InvalidVectorError } from '../errors.ts'
import { isFinite, type Vector } from '../vector.ts'
import { hasLoneSurrogate, parseFilter } from './filter.ts'
import type { ScanPage, StoreEntry, StoreQuery } from './store.ts'

/** Dimensions of the spaces that exist. */
export type Dimensions = ReadonlyMap<string, number>

/** Refuses entries no store may hold, before anything is written. Returns the dimensions of all spaces afterwards. */
export function checkEntries(entries: readonly StoreEntry[], spaces: Dimensions): Dimensions {
  const known = new Map(spaces)
  const ids = new Set<string>()
  entries.forEach(({ document, hash, vectors }, index) => {
    checkDocument(document, index)
    if (typeof hash !== 'string') throw new InvalidArgumentError('hash', `of document number ${index + 1} must be a string`)
    if (ids.has(document.id)) throw new DuplicateIdError(document.id)
    ids.add(document.id)
    for (const [space, vector] of Object.entries(vectors)) {
      checkVector(space, vector, known.get(space))
      known.set(space, vector.length)
    }
  })
  return known
}

/** Refuses queries that cannot be answered. Spaces that do not exist are allowed: nothing is found in them. */
export function checkQueries(queries: readonly StoreQuery[], spaces: Dimensions): void {
  for (const { vectors, text, topK, filter, documents = 0 } of queries) {
    if (vectors.length === 0 && text === undefined) throw new InvalidArgumentError('query', 'has neither a vector nor a text')
    if (text !== undefined && typeof text !== 'string') throw new InvalidArgumentError('text', 'must be a string')
    if (!(topK === Infinity || (Number.isInteger(topK) && topK >= 0))) {
      throw new InvalidArgumentError('topK', `must be a whole number of 0 or more, not ${String(topK)}`)
    }
    if (!(documents === Infinity || (Number.isInteger(documents) && documents >= 0))) {
      throw new InvalidArgumentError('documents', `must be a whole number of 0 or more, not ${String(documents)}`)
    }
    for (const { space, vector } of vectors) checkVector(space, vector, spaces.get(space))
    if (filter !== undefined) parseFilter(filter)
  }
}

/** Refuses a selection that names nothing, or more than one thing. */
export function checkSelection(selection: Selection): void {
  const { ids, filter } = selection as { ids?: unknown; filter?: unknown }
  if ((ids === undefined) === (filter === undefined)) throw new InvalidArgumentError('selection', 'must have either `ids` or `filter`')
  if (ids !== undefined) checkIds(ids)
  else parseFilter((selection as { filter: never }).filter)
}

export function checkIds(ids: unknown): void {
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string')) throw new InvalidArgumentError('ids', 'must be a list of strings')
}

export function checkPage({ limit, filter }: ScanPage): void {
  if (!Number.isInteger(limit) || limit < 1)
    throw new InvalidArgumentError('limit', `must be a whole number of 1 or more, not ${String(limit)}`)
  if (filter !== undefined) parseFilter(filter)
}

function checkVector(space: string, vector: Vector, dimensions: number | undefined): void {
  const where = `The space ${JSON.stringify(space)}`
  if (!(vector instanceof Float32Array) || vector.length === 0) {
    throw new InvalidArgumentError('vector', `for the space ${JSON.stringify(space)} must be a Float32Array of one element or more`)
  }
  if (dimensions !== undefined && vector.length !== dimensions) throw new DimensionMismatchError(where, dimensions, vector.length)
  if (!isFinite(vector)) throw new InvalidVectorError(`A vector for the space ${JSON.stringify(space)}`)
}

function checkDocument(document: Document, index: number): void {
  const { id, text, title, metadata } = document
  const refuse = (problem: string): never => {
    throw new InvalidDocumentError(index, id, problem)
  }
  if (typeof id !== 'string' || id === '') refuse('needs an id: a string that is not empty')
  if (typeof text !== 'string') refuse('needs a text: a string, which may be empty')
  if (title !== undefined && typeof title !== 'string') refuse('has a title that is not a string')
  for (const [name, value] of Object.entries({ id, text, title })) {
    // UTF-8 has no code for it: what came back from the disk would be another string.
    if (value !== undefined && hasLoneSurrogate(value))
      refuse(`has half of a surrogate pair in its ${name}; \`toWellFormed()\` replaces it`)
  }
  if (metadata === undefined) return
  if (!isPlainObject(metadata)) refuse('has metadata that is not a plain object')
  const problem = metadataProblem(metadata, 0)
  if (problem) refuse(`has metadata that JSON cannot hold: ${problem}`)
}

const deepest = 64

function metadataProblem(value: MetadataValue | undefined, depth: number): string | undefined {
  if (depth > deepest) return `it nests deeper than ${deepest} levels`
  if (value === undefined || value === null || typeof value === 'boolean') return undefined
  if (typeof value === 'string') return hasLoneSurrogate(value) ? 'half of a surrogate pair' : undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `the number ${value}`
  if (Array.isArray(value)) return firstProblem(value, depth)
  if (!isPlainObject(value))
    return typeof value === 'object' ? `an object that is not plain (${(value as object).constructor?.name})` : `a ${typeof value}`
  return Object.keys(value).some(hasLoneSurrogate) ? 'half of a surrogate pair in a key' : firstProblem(Object.values(value), depth)
}

function firstProblem(values: readonly MetadataValue[], depth: number): string | undefined {
  for (const value of values) {
    const problem = metadataProblem(value, depth + 1)
    if (problem) return problem
  }
  return undefined
}

function isPlainObject(value: unknown): value is { readonly [key: string]: MetadataValue } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // Objects of another realm (a test runner's sandbox) have a different Object.prototype.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
