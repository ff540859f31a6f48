import { InvalidDataError } from '../errors.ts'
import type { TaskSample } from './sample.ts'
import { isRetrievalTask, retrievalTasks, type RetrievalTask } from './task.ts'

export interface ParseSampleOptions {
  /** Where the line comes from, for errors. */
  readonly path: string
  /** Counted from 1. */
  readonly line: number
  /** Of lines that name no task. */
  readonly task?: RetrievalTask
}

/** A line as it came, and what it says. */
export interface ParsedSample {
  readonly sample: TaskSample
  /** Every field of the line, those that nobody here reads included. */
  readonly record: Readonly<Record<string, unknown>>
}

/**
 * Reads one line of LLM-Embedder's training data: `query`, `pos` and `neg` (for chat also `history`), `teacher_scores` over all of them,
 * `answers`, `context`, `task`. A line without any answer or score is as good as one with.
 * @throws InvalidDataError that names the line
 */
export function parseSample(text: string, { path, line, task: usual }: ParseSampleOptions): ParsedSample {
  const fail = (problem: string, cause?: unknown): never => {
    throw new InvalidDataError(path, line, problem, cause)
  }
  const record = parseObject(text, fail)
  const task = record.task ?? usual
  if (!isRetrievalTask(task))
    return fail(
      task === undefined
        ? 'has no "task"'
        : `has the task ${JSON.stringify(task).slice(0, 40)}, which is none of ${retrievalTasks.join(', ')}`,
    )
  if (typeof record.query !== 'string' || record.query.trim() === '') return fail('has a "query" that is missing, empty or no text')

  const texts = (name: string): readonly string[] => {
    const value = record[name] ?? []
    if (!Array.isArray(value)) return fail(`has "${name}" that is no list of texts`)
    const wrong = value.findIndex((item) => typeof item !== 'string')
    return wrong < 0 ? (value as string[]) : fail(`has an item in "${name}" that is no text (number ${wrong + 1})`)
  }
  const history = task === 'chat' && record.pos === undefined && record.neg === undefined
  if (history ? record.history === undefined : record.pos === undefined && record.neg === undefined)
    return fail(task === 'chat' ? 'has neither "history" nor "pos" or "neg"' : 'has neither "pos" nor "neg"')
  const positives = history ? [] : texts('pos')
  const candidates = history ? texts('history') : [...positives, ...texts('neg')]
  if (candidates.length === 0) return fail('has no candidates')
  const context = record.context ?? undefined
  if (context !== undefined && typeof context !== 'string') return fail('has a "context" that is no text')

  const scores = readScores(record.teacher_scores, candidates.length, fail)
  const sample: TaskSample = {
    task,
    id: idOf(record) ?? String(line),
    query: record.query,
    candidates,
    positives: positives.length,
    answers: texts('answers'),
    line,
    ...(scores && { scores }),
    ...(context !== undefined && { context }),
  }
  return { sample, record }
}

type Fail = (problem: string, cause?: unknown) => never

function parseObject(text: string, fail: Fail): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    // Python writes these; they are no JSON.
    const foreign = /[[,:]\s*(NaN|-?Infinity)\b/.exec(text)?.[1]
    return fail(foreign ? `is not JSON: it has ${foreign} where a number must stand` : 'is not JSON', error)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail('is no JSON object')
  return value as Record<string, unknown>
}

function readScores(value: unknown, candidates: number, fail: Fail): readonly number[] | undefined {
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value)) return fail('has "teacher_scores" that is no list of numbers')
  if (value.length !== candidates) return fail(`has ${value.length} teacher scores for ${candidates} candidates`)
  // JSON has no NaN: what writes it as null, or 1e999, has lost the number.
  const wrong = value.findIndex((score) => typeof score !== 'number' || !Number.isFinite(score))
  if (wrong >= 0) return fail(`has a teacher score that is no finite number (number ${wrong + 1}: ${JSON.stringify(value[wrong])})`)
  return value as number[]
}

function idOf({ query_id: query, qid }: Readonly<Record<string, unknown>>): string | undefined {
  const id = query ?? qid
  return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined
}
