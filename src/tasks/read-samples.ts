import { InvalidArgumentError, InvalidDataError } from '../errors.ts'
import { lines } from '../eval/lines.ts'
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
 * Reads files of LLM-Embedder's training data, one sample a line; empty lines count and say nothing; packed files end in .gz. Lines of different tasks may be mixed.
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
  for await (const { line, text } of lines(path)) {
    signal?.throwIfAborted()
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
