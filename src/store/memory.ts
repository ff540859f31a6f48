import type { Document, Filter, Selection } from '../document.ts'
import { ClosedError } from '../errors.ts'
import { dot, isZero, type Vector } from '../vector.ts'
import { checkEntries, checkIds, checkPage, checkQueries, checkSelection } from './checks.ts'
import { compareStrings, evaluate, parseFilter } from './filter.ts'
import { englishAnalyzer } from './lexical/analyzer.ts'
import { countTerms, inverseDocumentFrequency, lexicalSettings, termScore, type TermCounts } from './lexical/bm25.ts'
import type { Candidate, LexicalOptions, Store, StoreEntry, StoreQuery, StoreResult, StoredDocument } from './store.ts'

interface Held {
  readonly entry: StoreEntry
  readonly terms: TermCounts
}

/** Keeps everything in the process and scans it for every query: the plain reference, for tests and small collections. */
export function memoryStore(options: { readonly lexical?: LexicalOptions } = {}): Store {
  const settings = lexicalSettings(options.lexical)
  const analyze = englishAnalyzer()
  const held = new Map<string, Held>()
  let closed = false

  const open = (signal?: AbortSignal): void => {
    if (closed) throw new ClosedError('The store')
    signal?.throwIfAborted()
  }
  const dimensions = (): Map<string, number> => {
    const spaces = new Map<string, number>()
    for (const { entry } of held.values()) for (const [space, vector] of Object.entries(entry.vectors)) spaces.set(space, vector.length)
    return spaces
  }
  const select = (filter: Filter | undefined): Held[] => {
    const node = parseFilter(filter ?? {})
    return [...held.values()].filter(({ entry }) => evaluate(node, entry.document.metadata))
  }
  const describe = ({ entry }: Held): StoredDocument => ({
    document: structuredClone(entry.document),
    hash: entry.hash,
    spaces: Object.keys(entry.vectors).sort(compareStrings),
  })

  return {
    async info() {
      open()
      const spaces = [...dimensions()].map(([space, length]) => ({
        space,
        dimensions: length,
        vectors: [...held.values()].filter(({ entry }) => Object.hasOwn(entry.vectors, space)).length,
      }))
      spaces.sort((a, b) => compareStrings(a.space, b.space))
      return { documents: held.size, spaces, location: ':memory:', readOnly: false }
    },

    async upsert(entries, { signal } = {}) {
      open(signal)
      checkEntries(entries, dimensions())
      for (const { document, hash, vectors } of entries) {
        const old = held.get(document.id)
        const kept = old?.entry.hash === hash ? old : undefined
        const copies = Object.entries(vectors).map(([space, vector]) => [space, vector.slice()])
        held.set(document.id, {
          entry: {
            document: kept?.entry.document ?? copy(document),
            hash,
            vectors: { ...kept?.entry.vectors, ...Object.fromEntries(copies) },
          },
          terms: kept?.terms ?? countTerms(analyze, document.title, document.text, settings.titleWeight),
        })
      }
    },

    async delete(selection: Selection, { signal } = {}) {
      open(signal)
      checkSelection(selection)
      const ids =
        'filter' in selection && selection.filter
          ? select(selection.filter).map(({ entry }) => entry.document.id)
          : (selection as { ids: string[] }).ids
      return ids.filter((id) => held.delete(id)).length
    },

    async search(queries, { signal } = {}) {
      open(signal)
      checkQueries(queries, dimensions())
      const lexical = lexicalScorer([...held.values()])
      return queries.map((query) => {
        const result = searchOne(query, select(query.filter), lexical)
        const first = result.candidates.slice(0, query.documents ?? 0)
        return first.length === 0 ? result : { ...result, documents: first.map(({ id }) => structuredClone(held.get(id)!.entry.document)) }
      })
    },

    async get(ids, { signal } = {}) {
      open(signal)
      checkIds(ids)
      return ids.map((id) => held.get(id)).map((found) => found && describe(found))
    },

    async scan(page, { signal } = {}) {
      open(signal)
      checkPage(page)
      const { after, limit, missing, filter } = page
      const matching = select(filter)
        .filter(({ entry }) => missing === undefined || !Object.hasOwn(entry.vectors, missing))
        .sort((a, b) => compareStrings(a.entry.document.id, b.entry.document.id))
        .filter(({ entry }) => after === undefined || compareStrings(entry.document.id, after) > 0)
      const documents = matching.slice(0, limit).map(describe)
      return { documents, ...(matching.length > limit && { next: documents.at(-1)!.document.id }) }
    },

    async vectors(space, ids, { signal } = {}) {
      open(signal)
      checkIds(ids)
      return ids
        .map((id) => held.get(id)?.entry.vectors)
        .map((vectors) => (vectors && Object.hasOwn(vectors, space) ? vectors[space]!.slice() : undefined))
    },

    async sample(space, count, { signal } = {}) {
      open(signal)
      const all = [...held.values()].filter(({ entry }) => Object.hasOwn(entry.vectors, space))
      const size = Math.min(all.length, Math.max(0, count))
      const documents = Array.from({ length: size }, (_, i) => all[Math.floor((i * all.length) / size)]!.entry)
      return {
        documents: documents.map(({ document, vectors }) => ({ document: structuredClone(document), vector: vectors[space]!.slice() })),
        total: held.size,
      }
    },

    async close() {
      closed = true
      held.clear()
    },
  }

  /** BM25 over all documents, whatever the filter: which documents a caller may see does not change how rare a word is. */
  function lexicalScorer(all: readonly Held[]): (text: string) => { score(terms: TermCounts): number; bound: number } {
    const average = all.reduce((sum, { terms }) => sum + terms.length, 0) / all.length
    const frequencies = new Map<string, number>()
    for (const { terms } of all) for (const term of terms.frequencies.keys()) frequencies.set(term, (frequencies.get(term) ?? 0) + 1)
    return (text) => {
      const known = analyze(text).filter((term) => frequencies.has(term))
      const idfs = known.map((term) => inverseDocumentFrequency(all.length, frequencies.get(term)!))
      return {
        bound: idfs.reduce((sum, idf) => sum + idf, 0),
        score: (terms) =>
          known.reduce((sum, term, i) => sum + termScore(idfs[i]!, terms.frequencies.get(term) ?? 0, terms.length, average, settings), 0),
      }
    }
  }
}

function searchOne(
  { vectors, text, topK }: StoreQuery,
  allowed: readonly Held[],
  lexical: (text: string) => { score(terms: TermCounts): number; bound: number },
): StoreResult {
  const bm25 = text === undefined ? undefined : lexical(text)
  const scored = allowed.map(({ entry, terms }) => ({
    candidate: {
      id: entry.document.id,
      similarities: vectors.map(({ space, vector }) => similarity(vector, entry.vectors, space)),
      lexical: bm25?.score(terms) ?? 0,
    },
    has: vectors.map(({ space }) => Object.hasOwn(entry.vectors, space)),
  }))
  const found = new Map<string, Candidate>()
  const find = (part: typeof scored, score: (candidate: Candidate) => number): void => {
    const best = part.map(({ candidate }) => candidate).sort(byScore(score))
    for (const candidate of best.slice(0, topK)) found.set(candidate.id, candidate)
  }
  vectors.forEach(({ vector }, i) => {
    if (!isZero(vector))
      find(
        scored.filter(({ has }) => has[i]),
        ({ similarities }) => similarities[i]!,
      )
  })
  find(
    scored.filter(({ candidate }) => candidate.lexical > 0),
    ({ lexical: score }) => score,
  )
  const candidates = [...found.values()].sort(
    byScore(vectors.length > 0 ? ({ similarities }) => similarities[0]! : ({ lexical: score }) => score),
  )
  return { candidates, lexicalBound: bm25?.bound ?? 0 }
}

/** What JSON keeps of it, as in any other store. */
function copy({ id, title, text, metadata }: Document): Document {
  return JSON.parse(JSON.stringify({ id, title, text, metadata })) as Document
}

function similarity(query: Vector, vectors: Readonly<Record<string, Vector>>, space: string): number {
  return Object.hasOwn(vectors, space) ? Math.max(-1, Math.min(1, dot(query, vectors[space]!))) : -1
}

function byScore(score: (candidate: Candidate) => number): (a: Candidate, b: Candidate) => number {
  return (a, b) => score(b) - score(a) || compareStrings(a.id, b.id)
}
