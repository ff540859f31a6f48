import { decisions, firstCode, steps, type DocumentColumns, type QueryColumns } from '../report.ts'

/** Unpacks one parcel of the page. Each is unpacked once; its packed form is let go. */
export async function unpack<T>(id: string): Promise<T> {
  const element = document.getElementById(id)!
  const bytes = fromBase64(element.textContent!.trim())
  element.remove()
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
  return (await new Response(stream).json()) as T
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const native = (Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> }).fromBase64
  if (native) return native.call(Uint8Array, text)
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

export interface Hit {
  /** Position among the report's documents. */
  readonly document: number
  /** 0 for what is not judged relevant. */
  readonly grade: number
}

/** Queries by number, from 0. */
export interface Queries {
  readonly count: number
  readonly columns: QueryColumns
  text(query: number): string
  set(query: number): string
  decision(query: number): (typeof decisions)[number]
  asked(query: number): { readonly expert: string; readonly weight: number }[]
  /** Every expert the router scored, best first. */
  routeScores(query: number): { readonly expert: string; readonly score: number }[]
  /** `undefined` where this system was not asked. */
  score(query: number, system: string): number | undefined
  relevant(query: number): Hit[]
  hits(query: number, list: string): Hit[]
  place(query: number): readonly [number, number] | undefined
}

export function openQueries(columns: QueryColumns): Queries {
  const systemAt = new Map(columns.systems.map((name, i) => [name, i]))
  const listAt = new Map(columns.lists.map((name, i) => [name, i]))
  const hit = (query: number, position: number): Hit => ({
    document: columns.pool[query]![position]!,
    grade: columns.grades[query]![position] ?? 0,
  })
  return {
    count: columns.text.length,
    columns,
    text: (query) => columns.text[query]!,
    set: (query) => columns.sets[columns.set[query]!]!,
    decision: (query) => decisions[columns.decision[query]!]!,
    asked(query) {
      const pairs = columns.asked[query]!
      return Array.from({ length: pairs.length / 2 }, (_, i) => ({
        expert: columns.experts[pairs[2 * i]!]!,
        weight: pairs[2 * i + 1]! / steps,
      }))
    },
    routeScores(query) {
      return columns.experts
        .flatMap((expert, i) => (columns.routeScores[i]![query]! < 0 ? [] : [{ expert, score: columns.routeScores[i]![query]! / steps }]))
        .sort((a, b) => b.score - a.score)
    },
    score(query, system) {
      const value = columns.scores[systemAt.get(system) ?? -1]?.[query] ?? -1
      return value < 0 ? undefined : value / steps
    },
    relevant: (query) => columns.grades[query]!.map((_, position) => hit(query, position)),
    hits(query, list) {
      const codes = columns.hits[listAt.get(list) ?? -1]?.[query] ?? ''
      return Array.from({ length: codes.length }, (_, i) => hit(query, codes.charCodeAt(i) - firstCode))
    },
    place(query) {
      const [x, y] = columns.place[query]!
      return x === undefined || y === undefined ? undefined : [x, y]
    },
  }
}

export interface Documents {
  id(document: number): string
  title(document: number): string
  text(document: number): string
}

export function openDocuments(columns: DocumentColumns): Documents {
  return {
    id: (document) => columns.id[document]!,
    title: (document) => columns.title[document]!,
    text: (document) => columns.text[document]!,
  }
}
