import { InvalidDataError } from '../errors.ts'
import { findColumns, knownNames, type ColumnOptions } from './columns.ts'
import type { OnProblem, PairRow } from './row.ts'

/**
 * Rows of JSON lines, or of one JSON array: objects with a question and one passage or a list of them, each a text or
 * `{title, text}`; or `[question, passage]`.
 * @throws InvalidDataError for an array that is not JSON, and when no record has the fields asked for.
 */
export function* jsonRows(text: string, file: string, options: ColumnOptions, report: OnProblem): Generator<PairRow> {
  let rows = 0
  let unknown: readonly string[] | undefined
  for (const { line, value } of records(text, file, report)) {
    const row = readRecord(value, options)
    if ('query' in row) {
      rows++
      yield row
    } else {
      unknown ??= row.fields
      report({ file, ...(line !== undefined && { line }), reason: row.reason })
    }
  }
  if (rows === 0 && unknown !== undefined)
    throw new InvalidDataError(
      file,
      undefined,
      `has records with the fields ${unknown.map((name) => JSON.stringify(name)).join(', ')}; expected are ${knownNames}. ` +
        `Name others with --query-column and --passage-column (\`queryColumn\`, \`passageColumn\`)`,
    )
}

function* records(text: string, file: string, report: OnProblem): Generator<{ line?: number; value: unknown }> {
  if (text.trimStart().startsWith('[') && !isLines(text)) {
    let values: unknown
    try {
      values = JSON.parse(text)
    } catch (error) {
      throw new InvalidDataError(file, undefined, 'is not JSON', error)
    }
    for (const value of values as unknown[]) yield { value }
    return
  }
  // Not a regular expression: JSON strings may hold U+2028.
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      report({ file, line: i + 1, reason: 'is not JSON' })
      continue
    }
    yield { line: i + 1, value }
  }
}

/** Whether a text that starts with `[` is one array a line. */
function isLines(text: string): boolean {
  const first = text.trimStart().split('\n', 1)[0]!
  try {
    const value: unknown = JSON.parse(first)
    return Array.isArray(value) && typeof value[0] === 'string'
  } catch {
    return false
  }
}

type Unusable = { readonly reason: string; readonly fields?: readonly string[] }

function readRecord(value: unknown, options: ColumnOptions): PairRow | Unusable {
  if (Array.isArray(value)) {
    const [query, passage] = value.map((part) => textOf(part) ?? '')
    return query && passage ? { query, passages: [passage], negatives: [] } : { reason: 'is a list, but not of a question and a passage' }
  }
  if (typeof value !== 'object' || value === null) return { reason: 'is not a JSON object' }
  const record = value as Record<string, unknown>
  const fields = Object.keys(record)
  const { query, passage, negatives = [] } = findColumns(fields, options)
  if (query === undefined) return { reason: `has no "${options.queryColumn ?? 'question'}"`, fields }
  if (passage === undefined) return { reason: `has no "${options.passageColumn ?? 'passage'}"`, fields }
  const asked = textOf(record[query])
  const passages = textsOf(record[passage])
  if (!asked) return { reason: `has a "${query}" that is empty or no text` }
  if (!passages) return { reason: `has a "${passage}" that is neither a text nor a list of texts` }
  if (passages.length === 0) return { reason: `has an empty "${passage}"` }
  return { query: asked, passages, negatives: negatives.flatMap((name) => textsOf(record[name]) ?? []) }
}

/** Texts that say something; `undefined` for what is no text at all. */
function textsOf(value: unknown): string[] | undefined {
  const texts = (Array.isArray(value) ? value : [value]).map(textOf)
  return texts.includes(undefined) ? undefined : texts.filter((text) => text !== undefined && text !== '').map((text) => text!)
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value.trim()
  if (typeof value !== 'object' || value === null || !('text' in value) || typeof value.text !== 'string') return undefined
  const title = 'title' in value && typeof value.title === 'string' ? value.title.trim() : ''
  return `${title} ${value.text}`.trim()
}
