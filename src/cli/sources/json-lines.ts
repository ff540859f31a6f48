import type { Metadata } from '../../document.ts'
import { readLines } from './lines.ts'
import type { Report, Source, SourceDocument } from './source.ts'

/**
 * One document per line: `{"id", "title", "text", "metadata"}`, or BEIR's `_id`. Other fields become metadata. A line
 * without an id is called after its file and number. In a retrieval set ids get the set's name in front, and `set`
 * becomes metadata, so that sets can be merged and told apart.
 */
export async function* readJsonLines(source: Source, report: Report): AsyncGenerator<SourceDocument> {
  const beir = source.kind === 'beir'
  for await (const line of readLines(source.path)) {
    const record = line.text === undefined ? line.problem! : parseRecord(line.text)
    if (typeof record === 'string') {
      report({ file: source.path, line: line.number, reason: record })
      continue
    }
    const id = record.id ?? (beir ? undefined : `${source.name}:${line.number}`)
    if (id === undefined) {
      report({ file: source.path, line: line.number, reason: 'has no "_id"' })
      continue
    }
    const metadata: Metadata = beir ? { ...record.metadata, set: source.name } : record.metadata
    yield {
      document: {
        id: beir ? `${source.name}/${id}` : id,
        text: record.text,
        ...(record.title && { title: record.title }),
        ...(Object.keys(metadata).length > 0 && { metadata }),
      },
      format: 'txt',
      splittable: !beir,
      file: source.path,
      line: line.number,
      position: line.position,
    }
  }
}

interface DocumentRecord {
  readonly id: string | undefined
  readonly title: string
  readonly text: string
  readonly metadata: Metadata
}

/** The record of one line, or what is wrong with it. */
export function parseRecord(line: string): DocumentRecord | string {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return 'is not JSON'
  }
  if (!isObject(value)) return 'is not a JSON object'
  const { id: plainId, _id: beirId, title, text, metadata, ...others } = value
  const id = plainId ?? beirId
  if (typeof text !== 'string') return text === undefined ? 'has no "text"' : 'has a "text" that is not a string'
  if (title !== undefined && title !== null && typeof title !== 'string') return 'has a "title" that is not a string'
  if (metadata !== undefined && metadata !== null && !isObject(metadata)) return 'has "metadata" that is not an object'
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number')
    return 'has an "id" that is neither string nor number'
  const known = id === undefined || id === null ? undefined : String(id)
  return { id: known, title: title ?? '', text, metadata: { ...others, ...metadata } as Metadata }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
