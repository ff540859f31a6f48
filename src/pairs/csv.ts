import type { Info } from 'csv-parse'
import { InvalidDataError } from '../errors.ts'
import { findColumns, knownNames, type ColumnOptions, type Columns } from './columns.ts'
import type { OnProblem, PairRow } from './row.ts'

/**
 * Rows of a comma-, semicolon- or tab-separated text, with quoted fields as spreadsheets write them. The first line
 * names the columns; in a file of two columns without known names it is a pair like the others.
 * @param onHeader Told whether the first line named the columns.
 * @throws InvalidDataError when there is no telling which columns hold the pairs.
 */
export async function* csvRows(
  text: string,
  file: string,
  options: ColumnOptions,
  report: OnProblem,
  onHeader: (named: boolean) => void = () => {},
): AsyncGenerator<PairRow> {
  const { CsvError, parse } = await import('csv-parse')
  const parser = parse({
    delimiter: delimiterOf(text),
    info: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
  })
  parser.end(text)
  let header: readonly string[] | undefined
  let columns: Columns | undefined
  let before = 0
  try {
    for await (const item of parser as AsyncIterable<{ record: string[]; info: Info }>) {
      const { record, info } = item
      const line = before + 1
      before = info.lines
      if (!columns) {
        const first = readHeader(record, file, options)
        columns = first.columns
        header = first.header
        onHeader(first.named)
        if (first.named) continue
      }
      const row = readRow(record, header!, columns)
      if (typeof row === 'string') report({ file, line, reason: row })
      else yield row
    }
  } catch (error) {
    if (error instanceof CsvError && error.code === 'CSV_QUOTE_NOT_CLOSED') {
      const problem = 'opens a quotation mark that nothing closes; double quotation marks within a quoted field'
      throw new InvalidDataError(file, openQuote(text), problem, error)
    }
    throw error
  }
}

/** The line of the quotation mark that makes their number odd, counted from 1. */
function openQuote(text: string): number | undefined {
  let open: number | undefined
  for (const [i, line] of text.split('\n').entries()) {
    const odd = (line.match(/"/g)?.length ?? 0) % 2 === 1
    if (odd) open = open === undefined ? i + 1 : undefined
  }
  return open
}

/** A tab where the first line has one; of comma and semicolon the one it has more of, quoted parts left aside. */
function delimiterOf(text: string): string {
  const line = text
    .replace(/"(?:[^"]|"")*"/g, '')
    .trimStart()
    .split(/\r?\n/, 1)[0]!
  if (line.includes('\t')) return '\t'
  return line.split(';').length > line.split(',').length ? ';' : ','
}

function readHeader(
  record: readonly string[],
  file: string,
  options: ColumnOptions,
): { columns: Columns; header: readonly string[]; named: boolean } {
  const header = record.map((cell) => cell.trim())
  const { query, passage, negatives = [] } = findColumns(header, options)
  if (query !== undefined && passage !== undefined) return { columns: { query, passage, negatives }, header, named: true }
  const told = options.queryColumn !== undefined || options.passageColumn !== undefined
  if (header.length === 2 && query === undefined && passage === undefined && !told)
    return { columns: { query: '1', passage: '2', negatives: [] }, header: ['1', '2'], named: false }
  throw new InvalidDataError(
    file,
    1,
    `names the columns ${header.map((name) => JSON.stringify(name.slice(0, 40))).join(', ')}, of which ${missing(query, passage, options)}. ` +
      `Known are ${knownNames}; name others with --query-column and --passage-column (\`queryColumn\`, \`passageColumn\`)`,
  )
}

function missing(query: string | undefined, passage: string | undefined, options: ColumnOptions): string {
  const lacking = [
    ...(query === undefined ? [options.queryColumn === undefined ? 'a question' : JSON.stringify(options.queryColumn)] : []),
    ...(passage === undefined ? [options.passageColumn === undefined ? 'a passage' : JSON.stringify(options.passageColumn)] : []),
  ]
  return `none is ${lacking.join(' and none is ')}`
}

function readRow(record: readonly string[], header: readonly string[], columns: Columns): PairRow | string {
  if (record.length > header.length)
    return `has ${record.length} fields where ${header.length} were expected; put fields that hold the separator in quotation marks`
  const cell = (name: string): string => record[header.indexOf(name)]?.trim() ?? ''
  const query = cell(columns.query)
  const passage = cell(columns.passage)
  if (query === '') return 'has no question'
  if (passage === '') return 'has no passage'
  return { query, passages: [passage], negatives: columns.negatives.map(cell).filter((text) => text !== '') }
}
