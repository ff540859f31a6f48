import type { Encoder } from '../encoder/encoder.ts'
import { instructionEncoder } from '../encoder/instruction.ts'
import { InvalidArgumentError } from '../errors.ts'
import { isRetrievalTask, retrievalTasks, taskInstructions, type RetrievalTask, type TaskInstruction } from './task.ts'

/** The two sides of a task: its queries, and the keys (documents) that are searched. */
export interface TaskEncoders {
  readonly query: Encoder
  readonly key: Encoder
}

/** Any encoder with a task's instructions before its texts. Closing either leaves the base open. @throws InvalidArgumentError for no task of the six */
export function taskEncoders(base: Encoder, task: RetrievalTask): TaskEncoders {
  const { query, key } = instructionsOf(task)
  return { query: instructionEncoder(base, query), key: instructionEncoder(base, key) }
}

/** @throws InvalidArgumentError that names the tasks */
export function instructionsOf(task: RetrievalTask): TaskInstruction {
  if (isRetrievalTask(task)) return taskInstructions[task]
  throw new InvalidArgumentError('task', `is ${JSON.stringify(task)}`, `There are ${retrievalTasks.join(', ')}.`)
}
