import { lines } from '../eval/lines.ts'
import { InvalidDataError } from '../errors.ts'
import { parseSample, type ParsedSample } from '../tasks/parse-sample.ts'
import type { RetrievalTask } from '../tasks/task.ts'

export interface RewardLineOptions {
  /** JSON lines in LLM-Embedder's format; packed when the name ends in .gz. */
  readonly data: string
  /** Of lines that name no task. */
  readonly task?: RetrievalTask
  /** Lines to read from the beginning, blank ones not counted. @default all */
  readonly limit?: number
}

/** A line of the data, understood or not. */
export type RewardLine = { readonly line: number; readonly text: string } & (ParsedSample | { readonly error: InvalidDataError })

/** @throws InvalidDataError for a file that cannot be read */
export async function* readRewardLines({ data, task, limit = Infinity }: RewardLineOptions): AsyncGenerator<RewardLine> {
  let count = 0
  for await (const { line, text } of lines(data)) {
    if (++count > limit) return
    try {
      yield { line, text, ...parseSample(text, { path: data, line, ...(task && { task }) }) }
    } catch (error) {
      if (!(error instanceof InvalidDataError)) throw error
      yield { line, text, error }
    }
  }
}

/** A line that is left out. */
export interface RewardProblem {
  readonly file: string
  readonly line: number
  /** Completes a sentence: "has no candidates". */
  readonly reason: string
}

export function problemOf({ line, error }: { readonly line: number; readonly error: InvalidDataError }): RewardProblem {
  return { file: error.path, line, reason: error.message.slice(`${error.path}, line ${line}, `.length).replace(/\.$/, '') }
}
