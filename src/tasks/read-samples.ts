import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { InvalidArgumentError, InvalidDataError } from '../errors.ts'
import { parseSample } from './parse-sample.ts'
import type { TaskSample } from './sample.ts'
import type { RetrievalTask } from './task.ts'

export interface ReadSamplesOptions {
  /** Of lines that name none. @default such lines are bad */
  readonly task?: RetrievalTask
  /** Samples to take of each file, from its beginning. @default all */
  readonly limit?: number
  /** Throws at the first bad line. @default false: bad lines are left out */
  readonly strict?: boolean
  /** Called for every bad line, with its file and number. */
  readonly onProblem?: (problem: InvalidDataError) => void
  readonly signal?: AbortSignal
}

/**
 * Reads files of LLM-Embedder's training data, one sample a line; empty lines count and say nothing. Lines of different tasks may be mixed.
 * @throws InvalidDataError for a file that cannot be read or has no usable line, and at a bad line where `strict` asks for it
 */
export async function readSamples(paths: string | readonly string[], options: ReadSamplesOptions = {}): Promise<TaskSample[]> {
  const { limit = Number.MAX_SAFE_INTEGER } = options
  if (!(Number.isInteger(limit) && limit > 0)) throw new InvalidArgumentError('limit', `is ${limit}, not a whole number above 0`)
  const samples: TaskSample[] = []
  // Not spread: a file may have more lines than a call may have arguments.
  for (const path of [paths].flat()) for (const sample of await readFile(path, limit, options)) samples.push(sample)
  return samples
}

async function readFile(
  path: string,
  limit: number,
  { task, strict = false, onProblem, signal }: ReadSamplesOptions,
): Promise<TaskSample[]> {
  const samples: TaskSample[] = []
  let bad: InvalidDataError | undefined
  let line = 0
  for await (const text of lines(path)) {
    signal?.throwIfAborted()
    line++
    if (text.trim() === '') continue
    try {
      samples.push(parseSample(text, { path, line, ...(task && { task }) }).sample)
    } catch (error) {
      if (strict || !(error instanceof InvalidDataError)) throw error
      bad ??= error
      onProblem?.(error)
    }
    if (samples.length >= limit) break
  }
  if (samples.length > 0) return samples
  if (!bad) throw new InvalidDataError(path, undefined, 'holds no samples')
  throw new InvalidDataError(path, undefined, `holds no usable sample; the first bad line: ${bad.message.replace(/\.$/, '')}`)
}

/** Piece by piece: such files reach gigabytes. */
async function* lines(path: string): AsyncGenerator<string> {
  const stream = createReadStream(path, 'utf8')
  try {
    let first = true
    for await (const text of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      yield first ? text.replace(/^\ufeff/, '') : text
      first = false
    }
  } catch (error) {
    throw typeof (error as NodeJS.ErrnoException).code === 'string' && (error as NodeJS.ErrnoException).syscall !== undefined
      ? new InvalidDataError(path, undefined, `cannot be read (${(error as NodeJS.ErrnoException).code})`, error)
      : error
  } finally {
    stream.destroy()
  }
}
