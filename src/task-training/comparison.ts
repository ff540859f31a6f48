import { randomisationTest } from '../eval/significance.ts'

/**
 * Ways to answer that are compared. `task known`: the caller says which task a question is of; `routed`: the router finds out. `experts`: one expert a
 * task; `multi-task`: one for all, with the task's instruction where there are any.
 */
export const taskSystems = [
  'bm25',
  'general',
  'multi-task, task known',
  'experts, task known',
  'multi-task, routed',
  'experts, routed',
  'general + BM25',
  'multi-task, routed + BM25',
  'experts, routed + BM25',
] as const
export type TaskSystem = (typeof taskSystems)[number]

/** nDCG@10 of every question of a set, under every system. */
export interface TaskScores {
  readonly task: string
  readonly set: string
  readonly documents: number
  readonly scores: Readonly<Record<TaskSystem, Float64Array>>
  /** Share of the questions whose first choice is the task's expert. */
  readonly routedRight: number
}

/** Both ways at equal budget, on questions that neither has learned from. */
export interface TaskComparison {
  readonly sets: readonly {
    readonly task: string
    readonly set: string
    readonly questions: number
    readonly documents: number
    readonly routedRight: number
    /** Mean nDCG@10, in [0, 1]; rewards are gains where a teacher gave any. */
    readonly scores: Readonly<Record<TaskSystem, number>>
    /** Routed experts minus routed multi-task expert, and the chance of it (paired randomisation, two-sided). */
    readonly difference: { readonly mean: number; readonly p: number }
  }[]
  /** Means over sets, each weighing the same. */
  readonly overall: Readonly<Record<TaskSystem, number>>
  readonly difference: { readonly mean: number; readonly p: number }
}

export function compareTasks(sets: readonly TaskScores[]): TaskComparison {
  const pairs = sets.map(({ scores }) => ({ first: scores['experts, routed'], second: scores['multi-task, routed'] }))
  const { mean: overallP, sets: chances } = randomisationTest(pairs)
  const rows = sets.map(({ task, set, documents, routedRight, scores }, i) => {
    const means = forAll((system) => meanOf(scores[system]))
    return {
      task,
      set,
      questions: scores.general.length,
      documents,
      routedRight,
      scores: means,
      difference: { mean: means['experts, routed'] - means['multi-task, routed'], p: chances[i]! },
    }
  })
  const overall = forAll((system) => meanOf(rows.map(({ scores }) => scores[system])))
  return { sets: rows, overall, difference: { mean: overall['experts, routed'] - overall['multi-task, routed'], p: overallP } }
}

function forAll(value: (system: TaskSystem) => number): Record<TaskSystem, number> {
  return Object.fromEntries(taskSystems.map((system) => [system, value(system)])) as Record<TaskSystem, number>
}

function meanOf(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  return sum / Math.max(1, values.length)
}
