import type { Document } from '../../document.ts'
import { readJsonLines } from './json-lines.ts'
import type { Report, Source, SourceDocument } from './source.ts'
import type { Splitter } from './split.ts'
import { readTextFile } from './text.ts'

export interface StreamOptions {
  readonly report: Report
  /** Cuts long documents. @default none is cut */
  readonly split?: Splitter
  /** Cut those of retrieval sets too. @default false */
  readonly splitAll?: boolean
  /** Asked before every document: true ends the stream there. */
  readonly stopped?: () => boolean
}

/** What has come out of a stream so far. */
export interface StreamCounts {
  /** Bytes of input behind the documents given out. */
  bytes: number
  /** Documents before splitting. */
  read: number
  /** Documents that were cut, and the parts they were cut into. */
  split: number
  parts: number
}

export interface DocumentStream {
  readonly documents: AsyncIterable<Document>
  readonly counts: StreamCounts
  /** How many parts each document came in, by its id; 1 for whole ones. */
  readonly partsOf: ReadonlyMap<string, number>
}

/** Reads sources one after another, a document at a time: memory holds ids, never the corpus. */
export function documentStream(sources: readonly Source[], options: StreamOptions): DocumentStream {
  const counts: StreamCounts = { bytes: 0, read: 0, split: 0, parts: 0 }
  const partsOf = new Map<string, number>()
  return { documents: produce(sources, options, counts, partsOf), counts, partsOf }
}

async function* produce(
  sources: readonly Source[],
  { report, split, splitAll = false, stopped = () => false }: StreamOptions,
  counts: StreamCounts,
  partsOf: Map<string, number>,
): AsyncGenerator<Document> {
  const seen = new Set<string>()
  let before = 0
  for (const source of sources) {
    const read = source.kind === 'json-lines' || source.kind === 'beir' ? readJsonLines : readTextFile
    try {
      for await (const item of read(source, report)) {
        if (stopped()) return
        const parts = split && (item.splittable || splitAll) ? await split(item.document, item.format) : [item.document]
        const reason = refusal(item, parts, seen)
        if (reason !== undefined) {
          report({ file: item.file, reason, ...(item.line !== undefined && { line: item.line }) })
          continue
        }
        counts.read++
        counts.bytes = before + item.position
        if (parts.length > 1) {
          counts.split++
          counts.parts += parts.length
        }
        partsOf.set(item.document.id, parts.length)
        for (const part of parts) seen.add(part.id)
        yield* parts
      }
    } catch (error) {
      // Only what the file system says is about this file; everything else is not ours to swallow.
      if (!(error instanceof Error && 'syscall' in error)) throw error
      report({ file: source.path, reason: `cannot be read (${(error as NodeJS.ErrnoException).code})` })
    }
    before += source.bytes
    counts.bytes = before
  }
}

const idLimit = 1_024
const depthLimit = 60

/** Why the engine would refuse a document; found here so that it can be reported with file and line, and costs no other document. */
function refusal({ document }: SourceDocument, parts: readonly Document[], seen: ReadonlySet<string>): string | undefined {
  if (document.id === '') return 'has an empty id'
  if (parts.some(({ id }) => id.length > idLimit)) return `has an id longer than ${idLimit} characters`
  if (!document.id.isWellFormed() || document.id.includes('\0')) return 'has an id with a lone surrogate or NUL character'
  if (tooDeep(document.metadata, depthLimit)) return `has metadata nested deeper than ${depthLimit} levels`
  if (parts.some(({ id }) => seen.has(id))) return `has the id ${JSON.stringify(document.id)}, which another document of this run has`
  return undefined
}

function tooDeep(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((item) => tooDeep(item, levels - 1))
}
