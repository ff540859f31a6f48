import { readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { Document, Metadata } from '../document.ts'
import { InvalidDataError } from '../errors.ts'
import { lines } from './lines.ts'
import type { Qrels } from './qrels.ts'

/** A retrieval set in BEIR's layout: `corpus.jsonl`, `queries.jsonl`, `qrels/<split>.tsv`. */
export interface BeirSet {
  /** The directory's name. */
  readonly name: string
  readonly directory: string
  /** Names of the splits that have judgements, sorted. */
  readonly splits: readonly string[]
  /** Query texts by id, of all splits. */
  readonly queries: ReadonlyMap<string, string>
  /** The documents in file order, read anew on every call. */
  corpus(): AsyncIterable<Document>
  /** The judgements of one split, in file order. @throws InvalidDataError for a split that is not there */
  qrels(split: string): Promise<Qrels>
}

export interface BeirOptions {
  /** Name of the file with the queries. @default 'queries.jsonl' */
  readonly queries?: string
  /** Called for a line that cannot be understood, which is then skipped. @default throw */
  readonly onBadLine?: (error: InvalidDataError) => void
}

/**
 * Opens a BEIR directory: queries are read at once, documents and judgements when asked for.
 * @throws InvalidDataError naming the file and line that is missing or cannot be understood.
 */
export async function readBeir(directory: string, options: BeirOptions = {}): Promise<BeirSet> {
  const bad =
    options.onBadLine ??
    ((error) => {
      throw error
    })
  const splits = await listSplits(directory)
  const queries = await readQueries(join(directory, options.queries ?? 'queries.jsonl'), bad)
  return {
    name: basename(resolve(directory)),
    directory,
    splits,
    queries,
    corpus: () => readCorpus(join(directory, 'corpus.jsonl'), bad),
    async qrels(split) {
      if (!splits.includes(split)) {
        throw new InvalidDataError(
          join(directory, 'qrels', `${split}.tsv`),
          undefined,
          `is missing; splits with judgements: ${splits.join(', ')}`,
        )
      }
      return readQrels(join(directory, 'qrels', `${split}.tsv`), queries, bad)
    },
  }
}

type OnBadLine = (error: InvalidDataError) => void

async function listSplits(directory: string): Promise<string[]> {
  const path = join(directory, 'qrels')
  const names = await readdir(path).catch((error: unknown) => {
    throw new InvalidDataError(
      path,
      undefined,
      'cannot be read; a BEIR directory holds corpus.jsonl, queries.jsonl and qrels/<split>.tsv',
      error,
    )
  })
  return names
    .filter((name) => name.endsWith('.tsv'))
    .map((name) => name.slice(0, -4))
    .sort()
}

async function readQueries(path: string, bad: OnBadLine): Promise<Map<string, string>> {
  const queries = new Map<string, string>()
  for await (const { line, id, entry } of jsonLines(path, bad)) {
    if (typeof entry.text !== 'string') bad(new InvalidDataError(path, line, 'has no "text" string'))
    else if (queries.has(id)) bad(new InvalidDataError(path, line, `repeats the id ${JSON.stringify(id)}`))
    else queries.set(id, entry.text)
  }
  return queries
}

async function* readCorpus(path: string, bad: OnBadLine): AsyncGenerator<Document> {
  const seen = new Set<string>()
  for await (const { line, id, entry } of jsonLines(path, bad)) {
    const { title, text, metadata } = entry
    if (typeof text !== 'string' || (title !== undefined && title !== null && typeof title !== 'string')) {
      bad(new InvalidDataError(path, line, 'needs a "text" string, and a "title" string if any'))
    } else if (seen.has(id)) {
      bad(new InvalidDataError(path, line, `repeats the id ${JSON.stringify(id)}`))
    } else {
      seen.add(id)
      const known = isObject(metadata) && Object.keys(metadata).length > 0
      yield { id, text, ...(title && { title }), ...(known && { metadata: metadata as Metadata }) }
    }
  }
}

async function readQrels(path: string, queries: ReadonlyMap<string, string>, bad: OnBadLine): Promise<Qrels> {
  const qrels = new Map<string, Map<string, number>>()
  for await (const { line, text } of lines(path)) {
    const cells = text.split('\t')
    const [query, document, grade] = cells
    if (line === 1 && !isGrade(grade)) continue // the header
    if (cells.length !== 3 || !query || !document || !isGrade(grade)) {
      bad(new InvalidDataError(path, line, 'is not "query-id <tab> corpus-id <tab> whole number"'))
      continue
    }
    if (!queries.has(query)) {
      bad(new InvalidDataError(path, line, `judges the query ${JSON.stringify(query)}, which the queries file does not have`))
      continue
    }
    const grades = qrels.get(query) ?? new Map<string, number>()
    if (grades.has(document))
      bad(new InvalidDataError(path, line, `judges ${JSON.stringify(document)} for ${JSON.stringify(query)} a second time`))
    else qrels.set(query, grades.set(document, Number(grade)))
  }
  return qrels
}

async function* jsonLines(path: string, bad: OnBadLine): AsyncGenerator<{ line: number; id: string; entry: Record<string, unknown> }> {
  for await (const { line, text } of lines(path)) {
    let entry: unknown
    try {
      entry = JSON.parse(text)
    } catch (error) {
      bad(new InvalidDataError(path, line, 'is not JSON', error))
      continue
    }
    const id = isObject(entry) ? entry._id : undefined
    const name = typeof id === 'number' ? String(id) : id
    if (isObject(entry) && typeof name === 'string' && name !== '') yield { line, id: name, entry }
    else bad(new InvalidDataError(path, line, 'has no "_id"'))
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isGrade(cell: string | undefined): boolean {
  return cell !== undefined && /^\s*-?\d+\s*$/.test(cell)
}
