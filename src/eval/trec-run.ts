import { basename } from 'node:path'
import { InvalidDataError } from '../errors.ts'
import { lines } from './lines.ts'
import type { Run, RunHit } from './qrels.ts'

/** A run file in TREC's six columns: `query Q0 document rank score tag`. */
export interface TrecRun {
  /** The tag of its lines; the file's name where they have several or none. */
  readonly name: string
  readonly path: string
  readonly hits: Run
}

/**
 * Reads a run file, gzipped or not. Ranks are ignored, as trec_eval does: scores order a run.
 * @param onBadLine Called for a line that cannot be understood, which is then skipped. @default throw
 * @throws InvalidDataError naming file and line
 */
export async function readRun(path: string, onBadLine: (error: InvalidDataError) => void = raise): Promise<TrecRun> {
  const hits = new Map<string, Map<string, RunHit>>()
  const tags = new Set<string>()
  for await (const { line, text } of lines(path)) {
    const cells = text.trim().split(/\s+/)
    const [query, , id, , number, tag] = cells
    const score = Number(number)
    if (cells.length !== 6 || query === undefined || id === undefined || tag === undefined) {
      onBadLine(new InvalidDataError(path, line, 'is not "query Q0 document rank score tag"'))
    } else if (!Number.isFinite(score)) {
      onBadLine(new InvalidDataError(path, line, `has the score ${JSON.stringify(number)}, which is not a number`))
    } else {
      const found = hits.get(query) ?? new Map<string, RunHit>()
      hits.set(query, found)
      if (found.has(id))
        onBadLine(new InvalidDataError(path, line, `returns ${JSON.stringify(id)} for ${JSON.stringify(query)} a second time`))
      else found.set(id, { id, score })
      tags.add(tag)
    }
  }
  const file = basename(path).replace(/(\.(trec|run|txt))?(\.gz)?$/, '')
  return {
    path,
    name: tags.size === 1 ? [...tags][0]! : file,
    hits: new Map([...hits].map(([query, found]) => [query, [...found.values()]])),
  }
}

/** Lines of a run file for one query, hits in the order given. */
export function runLines(query: string, hits: readonly RunHit[], tag: string): string {
  return hits.map(({ id, score }, i) => `${query} Q0 ${id} ${i + 1} ${score} ${tag}\n`).join('')
}

function raise(error: InvalidDataError): never {
  throw error
}
