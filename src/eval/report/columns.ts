import type { DocumentSnippet, QueryRecord } from '../results.ts'
import { decisions, firstCode, steps, type DocumentColumns, type QueryColumns } from './report.ts'

/** Hits of a list that the page shows. */
export const shownHits = 5
/** Relevant documents of a query that the page knows besides those that were found: some sets judge hundreds. */
export const shownRelevant = 20

/** Collects documents as queries name them, each once. */
export interface DocumentPool {
  /** Position of a document. */
  indexOf(id: string): number
  /** Their titles and beginnings, cut to so many characters. */
  columns(snippets: ReadonlyMap<string, DocumentSnippet>, characters: number): DocumentColumns
  readonly size: number
}

export function documentPool(): DocumentPool {
  const positions = new Map<string, number>()
  return {
    indexOf(id) {
      const known = positions.get(id)
      if (known !== undefined) return known
      positions.set(id, positions.size)
      return positions.size - 1
    },
    columns(snippets, characters) {
      const ids = [...positions.keys()]
      return {
        id: ids,
        title: ids.map((id) => cut(snippets.get(id)?.title ?? '', characters)),
        text: ids.map((id) => cut(snippets.get(id)?.text ?? '', characters)),
      }
    },
    get size() {
      return positions.size
    },
  }
}

/** Turns records into columns. Documents are known by their position in `pool`, which grows. */
export function queryColumns(records: readonly QueryRecord[], pool: DocumentPool): QueryColumns {
  const sets = unique(records.map(({ set }) => set))
  const experts = unique(
    records.flatMap(({ route }) => [...route.scores.map(({ expert }) => expert), ...route.experts.map(({ name }) => name)]),
  )
  const systems = unique(records.flatMap(({ scores }) => Object.keys(scores)))
  const lists = unique(records.flatMap(({ hits }) => Object.keys(hits)))

  const pools: number[][] = []
  const grades: number[][] = []
  const hits: string[][] = lists.map(() => [])
  for (const record of records) {
    const shown = new Set(Object.values(record.hits).flatMap((list) => list.slice(0, shownHits)))
    const judged = Object.entries(record.relevant).sort(([, a], [, b]) => b - a)
    // A hit must be known for relevant, however many others are.
    const relevant = judged.filter(([id], rank) => rank < shownRelevant || shown.has(id))
    const own = new Map(relevant.map(([id], position) => [id, position]))
    for (const [i, list] of lists.entries()) {
      const first = (record.hits[list] ?? []).slice(0, shownHits)
      for (const id of first) if (!own.has(id)) own.set(id, own.size)
      hits[i]!.push(first.map((id) => String.fromCharCode(firstCode + own.get(id)!)).join(''))
    }
    pools.push([...own.keys()].map((id) => pool.indexOf(id)))
    grades.push(relevant.map(([, grade]) => grade))
  }

  const setIndex = new Map(sets.map((name, i) => [name, i]))
  const expertIndex = new Map(experts.map((name, i) => [name, i]))
  return {
    sets,
    experts,
    systems,
    lists,
    set: records.map(({ set }) => setIndex.get(set)!),
    id: records.map(({ id }) => id),
    text: records.map(({ text }) => cut(text, 600)),
    decision: records.map(({ route }) => decisions.indexOf(route.decision)),
    asked: records.map(({ route }) => route.experts.flatMap(({ name, weight }) => [expertIndex.get(name)!, whole(weight)])),
    confidence: records.map(({ route }) => whole(route.confidence)),
    margin: records.map(({ route }) => whole(route.margin)),
    lexicalWeight: records.map(({ route }) => whole(route.lexicalWeight)),
    routeScores: transposed(experts.length, records, (record, write) => {
      for (const { expert, score } of record.route.scores) write(expertIndex.get(expert)!, score)
    }),
    scores: transposed(systems.length, records, (record, write) => {
      for (const [i, system] of systems.entries()) write(i, record.scores[system])
    }),
    pool: pools,
    grades,
    hits,
    place: records.map(({ place }) => place?.map((value) => Number(value.toFixed(4))) ?? []),
  }
}

function transposed(
  columns: number,
  records: readonly QueryRecord[],
  each: (record: QueryRecord, write: (column: number, value: number | undefined) => void) => void,
): number[][] {
  const all = Array.from({ length: columns }, () => records.map(() => -1))
  for (const [row, record] of records.entries()) {
    each(record, (column, value) => {
      if (value !== undefined) all[column]![row] = whole(value)
    })
  }
  return all
}

function whole(fraction: number): number {
  return Math.round(fraction * steps)
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)]
}

/** Never splits a character in two. */
function cut(text: string, characters: number): string {
  if (text.length <= characters) return text
  const end = /[\uD800-\uDBFF]/.test(text[characters - 2]!) ? characters - 2 : characters - 1
  return `${text.slice(0, end)}…`
}
