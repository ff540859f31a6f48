import type { SourceText } from '../../train/index.ts'
import { readJsonLines } from './json-lines.ts'
import type { Report } from './source.ts'
import { readTextFile } from './text.ts'
import { listSources } from './walk.ts'

/** Text files in which sentences are sentences. */
const prose = new Set(['txt', 'text', 'rst', 'adoc', 'asciidoc', 'org', 'tex', 'html', 'htm', ''])

/** The documents under the given paths that people can read: Markdown, text, JSON lines, BEIR corpora; no code. */
export async function* proseOf(paths: readonly string[], report: Report): AsyncGenerator<SourceText> {
  for (const source of await listSources(paths, { report })) {
    const read = source.kind === 'json-lines' || source.kind === 'beir' ? readJsonLines : readTextFile
    for await (const { document, format } of read(source, report)) {
      if (source.kind === 'text' && !prose.has(format)) continue
      yield { text: document.text, markdown: source.kind === 'markdown', ...(document.title && { title: document.title }) }
    }
  }
}
