import { InvalidDataError } from '../errors.ts'
import { lines } from '../eval/lines.ts'
import type { Exemplar } from './exemplars.ts'

export interface ReadExemplarsOptions {
  /** Exemplars to take, from the beginning. @default all */
  readonly limit?: number
  /** Called for a line that cannot be understood, which is then left out. @default throw */
  readonly onBadLine?: (error: InvalidDataError) => void
  readonly signal?: AbortSignal
}

/** Reads labelled texts, a JSON object with `text` and `label` a line. @throws InvalidDataError for a file without any, and at a bad line */
export async function readExemplars(
  path: string,
  { limit = Number.MAX_SAFE_INTEGER, onBadLine, signal }: ReadExemplarsOptions = {},
): Promise<Exemplar[]> {
  const exemplars: Exemplar[] = []
  for await (const { line, text } of lines(path)) {
    signal?.throwIfAborted()
    if (exemplars.length >= limit) break
    try {
      exemplars.push(parse(text, path, line))
    } catch (error) {
      if (!onBadLine || !(error instanceof InvalidDataError)) throw error
      onBadLine(error)
    }
  }
  if (exemplars.length === 0) throw new InvalidDataError(path, undefined, 'holds no labelled text')
  return exemplars
}

function parse(text: string, path: string, line: number): Exemplar {
  const fail = (problem: string, cause?: unknown): never => {
    throw new InvalidDataError(path, line, problem, cause)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return fail('is not JSON', error)
  }
  const { text: own, label } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  if (typeof own !== 'string' || own.trim() === '') return fail('has a "text" that is missing, empty or no text')
  if (typeof label !== 'string' || label.trim() === '') return fail('has a "label" that is missing, empty or no text')
  if (/[\r\n]/.test(label.trim())) return fail('has a "label" of several lines')
  return { text: own, label: label.trim() }
}
