import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { embeddedText } from '../document.ts'
import { InvalidDataError } from '../errors.ts'
import { readBeir } from '../eval/beir.ts'
import type { ColumnOptions } from './columns.ts'
import { csvRows } from './csv.ts'
import { pairGatherer, type GatheredPairs } from './gather.ts'
import { jsonRows } from './json.ts'
import type { OnProblem, PairProblem } from './row.ts'

export type { PairProblem } from './row.ts'

export interface ReadPairsOptions extends ColumnOptions {
  /** Of a BEIR directory: whose judgements are read, from `qrels/<split>.tsv`. @default 'train' */
  readonly split?: string
  /** Pairs to take at most, drawn by `seed`; a question keeps all its answers. @default all */
  readonly limit?: number
  /** @default 1 */
  readonly seed?: number
  /** Called for each row that cannot be used. @default they are counted only */
  readonly onProblem?: (problem: PairProblem) => void
}

/** Question–passage pairs of a file, ready for training. */
export interface PairFile extends GatheredPairs {
  readonly format: 'csv' | 'json' | 'beir'
  /** Rows that could not be used. */
  readonly skipped: number
  /** False for a table of two columns without known names, whose first line was taken as a pair. */
  readonly header: boolean
}

/**
 * Reads question–passage pairs: a CSV file, JSON lines (or one array), or a BEIR directory, whose whole corpus becomes the
 * collection. Equal pairs are merged.
 * @throws InvalidDataError when nothing usable is there, naming the columns found.
 */
export async function readPairs(path: string, options: ReadPairsOptions = {}): Promise<PairFile> {
  let skipped = 0
  const report: OnProblem = (problem) => {
    skipped++
    options.onProblem?.(problem)
  }
  const pairs = pairGatherer()
  const { format, header = true } = await fill(pairs, path, options, report)
  const gathered = pairs.gathered(options.limit, options.seed)
  if (gathered.pairs === 0)
    throw new InvalidDataError(path, undefined, skipped > 0 ? `has no usable pair; ${skipped} rows could not be used` : 'holds no pairs')
  return { ...gathered, format, skipped, header }
}

async function fill(
  pairs: ReturnType<typeof pairGatherer>,
  path: string,
  options: ReadPairsOptions,
  report: OnProblem,
): Promise<{ format: PairFile['format']; header?: boolean }> {
  const stats = await stat(path).catch((error: unknown) => {
    throw new InvalidDataError(path, undefined, 'cannot be read', error)
  })
  if (stats.isDirectory()) {
    await fillFromBeir(pairs, path, options, report)
    return { format: 'beir' }
  }
  const text = decode(await readFile(path), path)
  if (text.trim() === '') throw new InvalidDataError(path, undefined, 'is empty')
  const json = /\.(jsonl?|ndjson)$/i.test(path) || (!/\.(csv|tsv)$/i.test(path) && /^\s*[[{]/.test(text))
  if (json) {
    for (const row of jsonRows(text, path, options, report)) pairs.add(row)
    return { format: 'json' }
  }
  let header = true
  for await (const row of csvRows(text, path, options, report, (named) => (header = named))) pairs.add(row)
  return { format: 'csv', header }
}

async function fillFromBeir(
  pairs: ReturnType<typeof pairGatherer>,
  path: string,
  { split = 'train' }: ReadPairsOptions,
  report: OnProblem,
): Promise<void> {
  const set = await readBeir(path, {
    onBadLine: ({ path: file, line, message }) =>
      report({ file, ...(line !== undefined && { line }), reason: afterPlace(message, file, line) }),
  })
  const qrels = await set.qrels(split)
  const texts = new Map<string, string>()
  for await (const document of set.corpus()) {
    const text = embeddedText(document).trim()
    if (text !== '') texts.set(document.id, documents(pairs, text))
  }
  for (const [id, grades] of qrels) {
    const relevant = [...grades].filter(([, grade]) => grade > 0).map(([document]) => document)
    const missing = relevant.filter((document) => !texts.has(document))
    if (missing.length > 0)
      report({
        file: join(path, 'qrels', `${split}.tsv`),
        reason: `judges the document ${JSON.stringify(missing[0])}, which the corpus does not have`,
      })
    const passages = relevant.flatMap((document) => texts.get(document) ?? [])
    const query = set.queries.get(id)!
    if (passages.length > 0 && query.trim() !== '') pairs.add({ query, passages, negatives: [] })
  }
}

function documents(pairs: ReturnType<typeof pairGatherer>, text: string): string {
  pairs.document(text)
  return text
}

/** What a message says after it has named the place. */
function afterPlace(message: string, file: string, line: number | undefined): string {
  const place = `${file}${line === undefined ? '' : `, line ${line},`} `
  return (message.startsWith(place) ? message.slice(place.length) : message).replace(/\.$/, '')
}

function decode(bytes: Buffer, path: string): string {
  const wide = bytes.length >= 2 && ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
  try {
    // Drops a byte order mark as well.
    return new TextDecoder(wide ? (bytes[0] === 0xff ? 'utf-16le' : 'utf-16be') : 'utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new InvalidDataError(path, undefined, 'is not UTF-8 text; save it as UTF-8 (spreadsheets call it "CSV UTF-8")', error)
  }
}
