import type { RetrievalTask } from './task.ts'

/** A query with the candidates a language model could be given for it: one line of LLM-Embedder's training data. */
export interface TaskSample {
  readonly task: RetrievalTask
  /** Its `query_id` or `qid`, else the number of its line. */
  readonly id: string
  readonly query: string
  /** Those known to help first, then the others; for chat the earlier turns in their order. */
  readonly candidates: readonly string[]
  /** How many of the first candidates are known to help; 0 where nobody says. */
  readonly positives: number
  /** One reward for each candidate, higher is better. Absent in lines that no teacher has scored. */
  readonly scores?: readonly number[]
  /** What the language model should say; empty where nobody says. */
  readonly answers: readonly string[]
  /** Text right before the query that is not cut off from it (lrlm). */
  readonly context?: string
  /** Where it was read, counted from 1. */
  readonly line: number
}
