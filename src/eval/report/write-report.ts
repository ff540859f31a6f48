import { writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { InvalidArgumentError } from '../../errors.ts'
import type { DocumentSnippet } from '../results.ts'
import { documentPool, queryColumns } from './columns.ts'
import { pageFiles } from './page-files.ts'
import { reportHtml } from './html.ts'
import { readResults } from './read-results.ts'
import type { ReportSummary } from './report.ts'
import { labels, summarise } from './saved-comparison.ts'

const zip = promisify(gzip)

export interface ReportOptions {
  /** @default 'Routing, measured' */
  readonly title?: string
}

/** Characters of a document that the page shows: fewer where there are many documents, for the file to stay below ten megabytes. */
function snippetLength(documents: number): number {
  return documents > 60_000 ? 100 : documents > 25_000 ? 150 : 200
}

/**
 * Makes one self-contained HTML file out of results directories, a tab for each. Opened in a browser it asks nothing of the network.
 * @throws InvalidArgumentError, InvalidDataError
 */
export async function writeReport(directories: readonly string[], file: string, options: ReportOptions = {}): Promise<void> {
  if (directories.length === 0) throw new InvalidArgumentError('directories', 'is empty', 'Give at least one results directory.')
  const { title = 'Routing, measured' } = options
  const all = []
  // One after the other: a large one takes a gigabyte while it is read.
  for (const directory of directories) all.push(await readResults(directory))
  const names = labels(directories, all)

  const pool = documentPool()
  const columns = all.map(({ queries }) => queryColumns(queries, pool))
  const snippets = new Map<string, DocumentSnippet>()
  for (const { documents } of all) for (const snippet of documents) snippets.set(snippet.id, snippet)
  const characters = snippetLength(pool.size)
  const summary: ReportSummary = {
    title,
    results: all.map((results, i) => summarise(results, names[i]!)),
    documents: { count: pool.size, characters },
  }
  const parcels: [string, unknown][] = [
    ['data-summary', summary],
    ...columns.map((one, i): [string, unknown] => [`data-queries-${i}`, one]),
    ['data-documents', pool.columns(snippets, characters)],
  ]
  const packed = await Promise.all(
    parcels.map(async ([id, value]) => ({ id, base64: (await zip(JSON.stringify(value), { level: 9 })).toString('base64') })),
  )
  await writeFile(file, reportHtml(title, await pageFiles(), packed))
}
