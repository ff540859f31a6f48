import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { parseMarkdown } from './markdown.ts'
import type { Report, Source, SourceDocument } from './source.ts'

/** The largest file that is read as one document. */
const fileLimit = 64 * 2 ** 20

/** A text or Markdown file as one document, called after its path. Binary files are reported, not guessed at. */
export async function* readTextFile(source: Source, report: Report): AsyncGenerator<SourceDocument> {
  const { path, name, kind } = source
  if (source.bytes > fileLimit) return report({ file: path, reason: 'is larger than 64 MB; cut it up, or turn it into JSON lines' })
  const content = decode(await readFile(path))
  if (content.problem !== undefined) return report({ file: path, reason: content.problem })
  if (content.text.trim() === '') return report({ file: path, reason: 'is empty', harmless: true })

  const { title, text, metadata } =
    kind === 'markdown' ? parseMarkdown(content.text) : { title: undefined, text: content.text, metadata: {} }
  yield {
    document: { id: name, text, ...(title && { title }), ...(Object.keys(metadata).length > 0 && { metadata }) },
    format: kind === 'markdown' ? 'md' : extname(path).slice(1).toLowerCase(),
    splittable: true,
    file: path,
    position: source.bytes,
  }
}

function decode(bytes: Buffer): { text: string; problem?: undefined } | { text?: undefined; problem: string } {
  if (bytes.length >= 2 && ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))) {
    return { problem: 'is UTF-16 text; save it as UTF-8' }
  }
  if (bytes.subarray(0, 8192).includes(0)) return { problem: 'is binary' }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return { problem: 'is binary or not UTF-8 text' }
  }
}
