import type { Filter } from '../../document.ts'
import type { Vector } from '../../vector.ts'
import type { Candidate, StoreEntry, StoreQuery, StoreResult } from '../store.ts'
import type { CollectionOptions } from './collection.ts'
import { toDocument, type StoredRow } from './documents.ts'
import type { ExitGate } from '../../exit-gate.ts'

/** What crosses to the worker on opening. */
export interface OpenMessage extends CollectionOptions {
  readonly gate: ExitGate
}

/** Entries with all vectors of a space in one buffer that is handed over, not copied. */
export interface EntriesMessage {
  readonly documents: readonly DocumentMessage[]
  readonly spaces: readonly SpaceVectors[]
}

export interface DocumentMessage {
  readonly id: string
  readonly title: string | null
  readonly text: string
  /** JSON. */
  readonly metadata: string | null
  readonly hash: string
}

interface SpaceVectors {
  readonly space: string
  readonly dimensions: number
  /** Positions in `documents` of those that have a vector here. */
  readonly positions: Uint32Array
  readonly values: Float32Array<ArrayBuffer>
}

export interface QueriesMessage {
  readonly queries: readonly {
    readonly spaces: readonly string[]
    readonly text?: string
    readonly topK: number
    readonly filter?: Filter
    readonly documents?: number
  }[]
  readonly lengths: Uint32Array
  /** All query vectors, one after another. */
  readonly values: Float32Array<ArrayBuffer>
}

/** All candidates of all queries as flat arrays. */
export interface ResultsMessage {
  readonly ids: readonly string[]
  readonly lexical: Float64Array<ArrayBuffer>
  readonly similarities: Float64Array<ArrayBuffer>
  readonly counts: Uint32Array<ArrayBuffer>
  readonly bounds: Float64Array<ArrayBuffer>
  /** Rows of the first candidates, by query; none where they were not asked for. */
  readonly rows: readonly (readonly StoredRow[])[]
}

/** What a search finds in the worker. */
export interface FoundMessage {
  readonly result: StoreResult
  readonly rows: readonly StoredRow[]
}

export function packEntries(entries: readonly StoreEntry[]): EntriesMessage {
  const byName = new Map<string, { positions: number[]; vectors: Vector[] }>()
  entries.forEach(({ vectors }, position) => {
    for (const [space, vector] of Object.entries(vectors)) {
      let found = byName.get(space)
      if (!found) byName.set(space, (found = { positions: [], vectors: [] }))
      found.positions.push(position)
      found.vectors.push(vector)
    }
  })
  return {
    documents: entries.map(({ document: { id, title, text, metadata }, hash }) => ({
      id,
      title: title ?? null,
      text,
      metadata: metadata === undefined ? null : JSON.stringify(metadata),
      hash,
    })),
    spaces: [...byName].map(([space, { positions, vectors }]) => ({
      space,
      dimensions: vectors[0]!.length,
      positions: Uint32Array.from(positions),
      values: joined(vectors),
    })),
  }
}

export function packQueries(queries: readonly StoreQuery[]): QueriesMessage {
  const vectors = queries.flatMap((query) => query.vectors.map(({ vector }) => vector))
  return {
    queries: queries.map(({ vectors: parts, text, topK, filter, documents }) => ({
      spaces: parts.map(({ space }) => space),
      topK,
      ...(text !== undefined && { text }),
      ...(filter !== undefined && { filter }),
      ...(documents !== undefined && { documents }),
    })),
    lengths: Uint32Array.from(vectors, (vector) => vector.length),
    values: joined(vectors),
  }
}

export function unpackQueries({ queries, lengths, values }: QueriesMessage): StoreQuery[] {
  let next = 0
  let start = 0
  const take = (): Vector => {
    const length = lengths[next++]!
    start += length
    return values.subarray(start - length, start)
  }
  return queries.map(({ spaces, ...rest }) => ({ ...rest, vectors: spaces.map((space) => ({ space, vector: take() })) }))
}

export function packResults(found: readonly FoundMessage[]): ResultsMessage {
  const results = found.map(({ result }) => result)
  const candidates = results.flatMap((result) => result.candidates)
  return {
    ids: candidates.map(({ id }) => id),
    lexical: Float64Array.from(candidates, ({ lexical }) => lexical),
    similarities: Float64Array.from(candidates.flatMap(({ similarities }) => similarities)),
    counts: Uint32Array.from(results, (result) => result.candidates.length),
    bounds: Float64Array.from(results, ({ lexicalBound }) => lexicalBound),
    rows: found.map(({ rows }) => rows),
  }
}

/** @param widths How many dense parts each query had. */
export function unpackResults(
  { ids, lexical, similarities, counts, bounds, rows }: ResultsMessage,
  widths: readonly number[],
): StoreResult[] {
  let next = 0
  let start = 0
  return widths.map((width, i) => {
    const candidates: Candidate[] = []
    for (let n = counts[i]!; n > 0; n--, start += width) {
      candidates.push({ id: ids[next]!, similarities: Array.from(similarities.subarray(start, start + width)), lexical: lexical[next++]! })
    }
    return { candidates, lexicalBound: bounds[i]!, ...(rows[i]!.length > 0 && { documents: rows[i]!.map(toDocument) }) }
  })
}

function joined(vectors: readonly Vector[]): Float32Array<ArrayBuffer> {
  const values = new Float32Array(vectors.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const vector of vectors) {
    values.set(vector, at)
    at += vector.length
  }
  return values
}
