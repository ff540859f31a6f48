import { setImmediate as nextTurn } from 'node:timers/promises'
import { ClosedError, DuplicateIdError, UnsupportedError } from '../errors.ts'
import type { Vector } from '../vector.ts'
import { isZero } from '../vector.ts'
import { checkEntries, checkIds, checkQueries } from './checks.ts'
import { lexicalParts, type LexicalPart } from './exact/lexical-parts.ts'
import { similarityOf } from './exact/nearest.ts'
import { searchThreads, type SearchThreads } from './exact/threads.ts'
import { shareVectors, type SharedVectors } from './exact/vectors.ts'
import { compareStrings } from './filter.ts'
import type { Candidate, LexicalOptions, Store, StoreEntry, StoreOptions, StoreQuery, StoreResult } from './store.ts'

export interface ExactStoreOptions {
  readonly lexical?: LexicalOptions
  /** Threads shared with other stores; stay the caller's to close. @default threads of its own, one a processor */
  readonly threads?: SearchThreads
}

/** A store that can be told what will be asked. */
export interface ExactStore extends Store {
  /** Searches ahead: later searches with the same vector objects and texts, no deeper, find what was found now. */
  prepare(queries: readonly StoreQuery[], options?: StoreOptions): Promise<void>
}

/**
 * Compares every query with every document, on all processors, and remembers what the last queries found: made to ask the same
 * questions in many ways, as an evaluation does. Finds what other stores find, and what their graphs may miss. Keeps no text but a
 * thousand documents to sample from: documents come back with their ids alone. Filters, deletion and paging are not supported.
 */
export function exactStore({ lexical, threads: shared }: ExactStoreOptions = {}): ExactStore {
  const samples = thinned<StoreEntry>(1024)
  const threads = shared ?? searchThreads()
  const ids: string[] = []
  const rowOf = new Map<string, number>()
  const spaces = new Map<string, Space>()
  const bm25 = lexicalParts(lexical)
  let order: Int32Array | undefined
  /** What a vector's search found, for as long as someone holds the vector. */
  let remembered = new WeakMap<Vector, Map<string, Part>>()
  let closed = false

  const open = (signal?: AbortSignal): void => {
    if (closed) throw new ClosedError('The store')
    signal?.throwIfAborted()
  }
  const dimensions = (): Map<string, number> => new Map([...spaces].map(([name, space]) => [name, space.dimensions]))
  const unsupported = (what: string): never => {
    throw new UnsupportedError(`An exact store does not ${what};`, 'use memoryStore or embeddedStore.')
  }

  /** Which ids come first: settles equal scores. */
  const idOrder = (): Int32Array => {
    if (order) return order
    const places = new Int32Array(new SharedArrayBuffer(4 * Math.max(1, ids.length)))
    const sorted = [...ids.keys()].sort((a, b) => compareStrings(ids[a]!, ids[b]!))
    sorted.forEach((row, place) => (places[row] = place))
    return (order = places)
  }

  const packed = (name: string): SharedVectors | undefined => {
    const space = spaces.get(name)
    if (!space) return undefined
    space.packed ??= shareVectors(space.vectors, idOrder(), threads.count)
    // The packed copy holds them from now on.
    space.vectors = []
    return space.packed
  }

  /** Searches with all vectors that were not searched with before. */
  const searchVectors = async (queries: readonly StoreQuery[], signal: AbortSignal | undefined): Promise<void> => {
    for (const [name] of spaces) {
      const vectors = packed(name)!
      const missing = new Map<Vector, number>()
      for (const { vectors: parts, topK } of queries) {
        const k = Math.min(topK, ids.length)
        for (const { space, vector } of parts) {
          if (space !== name || isZero(vector) || (remembered.get(vector)?.get(name)?.k ?? -1) >= k) continue
          missing.set(vector, Math.max(missing.get(vector) ?? 0, k))
        }
      }
      if (missing.size === 0) continue
      const k = Math.max(...missing.values())
      const list = [...missing.keys()]
      const { rows, similarities } = await threads.nearest(vectors, list, k, signal)
      list.forEach((vector, i) => {
        const bySpace = remembered.get(vector) ?? new Map<string, Part>()
        bySpace.set(name, { k, rows: rows.subarray(i * k, (i + 1) * k), similarities: similarities.subarray(i * k, (i + 1) * k) })
        remembered.set(vector, bySpace)
      })
    }
  }

  /** Does something for every query, and gives way now and then. */
  const forEach = async (
    queries: readonly StoreQuery[],
    signal: AbortSignal | undefined,
    act: (query: StoreQuery) => void,
  ): Promise<void> => {
    let turn = performance.now()
    for (const query of queries) {
      if (performance.now() - turn > 10) {
        await nextTurn()
        open(signal)
        turn = performance.now()
      }
      act(query)
    }
  }

  /** Rows that the dense parts found. */
  const rowsFound = (dense: readonly DensePart[]): Set<number> => {
    const rows = new Set<number>()
    for (const { found } of dense) for (const row of found.keys()) rows.add(row)
    return rows
  }

  const searchOne = ({ vectors: parts, text, topK }: StoreQuery): StoreResult => {
    if (parts.length === 1 && text === undefined)
      return { candidates: nearestAlone(parts[0]!, Math.min(topK, ids.length)), lexicalBound: 0 }
    const dense = parts.map(({ space, vector }) => densePart(space, vector, Math.min(topK, ids.length)))
    const rows = rowsFound(dense)
    const words: LexicalPart | undefined = text === undefined ? undefined : bm25.search(text, topK, rows, idOrder())
    for (const row of words?.best ?? []) rows.add(row)

    const candidates = Array.from(rows, (row): Candidate => ({
      id: ids[row]!,
      similarities: dense.map(({ similarity }) => similarity(row)),
      lexical: words?.of(row) ?? 0,
    }))
    const score = (candidate: Candidate): number => (parts.length > 0 ? candidate.similarities[0]! : candidate.lexical)
    candidates.sort((a, b) => score(b) - score(a) || compareStrings(a.id, b.id))
    return { candidates, lexicalBound: words?.bound ?? 0 }
  }

  /** One dense part alone is in order as it was found: several times as fast as the union of parts. */
  const nearestAlone = ({ space: name, vector }: StoreQuery['vectors'][number], k: number): Candidate[] => {
    const { rows, similarities } = remembered.get(vector)?.get(name) ?? nothing
    const candidates: Candidate[] = []
    for (let i = 0; i < k && (rows[i] ?? -1) >= 0; i++)
      candidates.push({ id: ids[rows[i]!]!, similarities: [similarities[i]!], lexical: 0 })
    return candidates
  }

  const densePart = (name: string, vector: Vector, k: number): DensePart => {
    const vectors = packed(name)
    const part = remembered.get(vector)?.get(name) ?? nothing
    const found = new Map<number, number>()
    for (let i = 0; i < k && (part.rows[i] ?? -1) >= 0; i++) found.set(part.rows[i]!, part.similarities[i]!)
    const similarity = (row: number): number => found.get(row) ?? (vectors ? similarityOf(vector, vectors.floats, row) : -1)
    return { found, similarity }
  }

  return {
    async info() {
      open()
      return {
        documents: ids.length,
        spaces: [...spaces].map(([space, { dimensions: length }]) => ({ space, dimensions: length, vectors: ids.length })),
        location: ':memory:',
        readOnly: false,
      }
    },

    async upsert(entries, { signal } = {}) {
      open(signal)
      checkEntries(entries, dimensions())
      const names = new Set([...spaces.keys(), ...entries.flatMap(({ vectors }) => Object.keys(vectors))])
      for (const { document, vectors } of entries) {
        if (rowOf.has(document.id)) throw new DuplicateIdError(document.id)
        if (Object.keys(vectors).length < names.size || (ids.length > 0 && names.size > spaces.size))
          unsupported('hold documents that lack a vector')
      }
      const outdated = [...spaces.values()].flatMap((space) => unpack(space) ?? [])
      for (const { document, vectors } of entries) {
        rowOf.set(document.id, ids.length)
        bm25.add(ids.length, document)
        samples.add({
          document,
          hash: '',
          vectors: Object.fromEntries(Object.entries(vectors).map(([name, vector]) => [name, vector.slice()])),
        })
        ids.push(document.id)
        for (const [name, vector] of Object.entries(vectors)) {
          const space = spaces.get(name) ?? { dimensions: vector.length, vectors: [] }
          space.vectors.push(vector.slice())
          spaces.set(name, space)
        }
      }
      order = undefined
      remembered = new WeakMap()
      for (const vectors of outdated) await threads.forget(vectors)
    },

    async search(queries, { signal } = {}) {
      open(signal)
      checkQueries(queries, dimensions())
      if (queries.some(({ filter }) => filter !== undefined)) unsupported('filter')
      await searchVectors(queries, signal)
      const results: StoreResult[] = []
      await forEach(queries, signal, (query) => results.push(searchOne(query)))
      return results
    },

    async prepare(queries, { signal } = {}) {
      open(signal)
      checkQueries(queries, dimensions())
      await searchVectors(queries, signal)
      await forEach(queries, signal, ({ vectors, text, topK }) => {
        if (text === undefined) return
        const dense = vectors.map(({ space, vector }) => densePart(space, vector, Math.min(topK, ids.length)))
        bm25.search(text, topK, rowsFound(dense), idOrder())
      })
    },

    async get(wanted, { signal } = {}) {
      open(signal)
      checkIds(wanted)
      const names = [...spaces.keys()].sort()
      return wanted.map((id) => (rowOf.has(id) ? { document: { id, text: '' }, hash: '', spaces: names } : undefined))
    },

    async sample(space, count, { signal } = {}) {
      open(signal)
      const kept = samples.list().filter(({ vectors }) => Object.hasOwn(vectors, space))
      const size = Math.min(kept.length, Math.max(0, count))
      const documents = Array.from({ length: size }, (_, i) => kept[Math.floor((i * kept.length) / size)]!)
      return { documents: documents.map(({ document, vectors }) => ({ document, vector: vectors[space]! })), total: ids.length }
    },

    delete: async () => unsupported('delete'),
    scan: async () => unsupported('page through documents'),
    vectors: async () => unsupported('give vectors back'),

    async close() {
      if (closed) return
      closed = true
      for (const { packed: vectors } of spaces.values()) if (vectors) await threads.forget(vectors)
      if (!shared) await threads.close()
    },
  }
}

/** Some of the items added, evenly spread: every second one goes whenever there are too many. */
function thinned<T>(most: number) {
  let kept: T[] = []
  let stride = 1
  let added = 0
  return {
    add(item: T): void {
      if (added++ % stride !== 0) return
      kept.push(item)
      if (kept.length <= most) return
      kept = kept.filter((_, i) => i % 2 === 0)
      stride *= 2
    },
    list: (): readonly T[] => kept,
  }
}

interface Part {
  readonly k: number
  readonly rows: Int32Array
  readonly similarities: Float64Array
}

const nothing: Part = { k: 0, rows: new Int32Array(0), similarities: new Float64Array(0) }

interface DensePart {
  readonly found: ReadonlyMap<number, number>
  similarity(row: number): number
}

interface Space {
  readonly dimensions: number
  /** In order of arrival, until they are packed. */
  vectors: Vector[]
  packed?: SharedVectors
}

/** Makes a space one that can grow; returns what it was packed as. */
function unpack(space: Space): SharedVectors | undefined {
  const { packed } = space
  if (!packed) return undefined
  const { floats, count, dimensions } = packed
  space.vectors = Array.from({ length: count }, (_, row) => floats.slice(row * dimensions, (row + 1) * dimensions))
  delete space.packed
  return packed
}
