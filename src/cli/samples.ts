import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { TaskSample } from '../tasks/sample.ts'
import { isRetrievalTask, taskInstructions, type RetrievalTask, type TaskInstruction } from '../tasks/task.ts'
import { problemOf, type ProblemLog } from './display/problems.ts'

/** Whether a file's first line is a sample that names its task. False for what cannot be read: whoever reads it says why. */
export async function holdsSamples(path: string): Promise<boolean> {
  const stream = createReadStream(path, 'utf8')
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line.trim() === '') continue
      const value = JSON.parse(line.replace(/^\ufeff/, '')) as unknown
      return typeof value === 'object' && value !== null && 'task' in value && 'query' in value
    }
    return false
  } catch {
    return false
  } finally {
    stream.destroy()
  }
}

/** Reads files of samples; bad lines go to the log, which throws where it is to be strict. @param how.task Of lines that name none. */
export async function readSampleFiles(
  paths: readonly string[],
  how: {
    readonly task?: RetrievalTask | undefined
    readonly limit?: number | undefined
    readonly log: ProblemLog
    readonly signal: AbortSignal
  },
): Promise<TaskSample[]> {
  const { readSamples } = await import('../index.ts')
  const { task, limit, log, signal } = how
  return readSamples(paths, {
    ...(task && { task }),
    ...(limit !== undefined && { limit }),
    onProblem: (error) => log.report(problemOf(error)),
    signal,
  })
}

/** Where the texts of a task go. */
export type InstructionsAt = 'queries' | 'both' | 'none'

/** What a set of a task puts before its texts, in the form in which samples are given theirs; undefined for tasks without instructions. */
export function instructionOf(task: string | undefined, at: InstructionsAt): { query: string; document?: string } | undefined {
  if (at === 'none' || !isRetrievalTask(task)) return undefined
  const { query, key }: TaskInstruction = taskInstructions[task]
  return at === 'both' ? { query, document: key } : { query }
}
