import type { RetrievalTask } from '../tasks/task.ts'
import type { TruncatedTexts } from './candidate-system.ts'

/** What can be measured of a task, in the order it is reported. */
export const taskMeasures = ['ndcg', 'recall', 'rewardNdcg', 'perplexity', 'nearestLabel', 'majorityLabel', 'likeliestLabel'] as const

/**
 * - `ndcg`, `recall`: against the candidates that are known to help;
 * - `rewardNdcg`: nDCG with a teacher's rewards as gains, 0 for a query's worst candidate and 1 for its best;
 * - `perplexity`: of the answers after the k candidates a system puts first, lower is better;
 * - `nearestLabel`, `majorityLabel`, `likeliestLabel`: how often the best of k exemplars, the most of them, or a language model that reads
 *   them gives the label.
 * All but `perplexity` are in [0, 1], higher is better.
 */
export type TaskMeasure = (typeof taskMeasures)[number]

/** What systems are worth in each task, and what could not be said. */
export interface TaskEvaluation {
  readonly samples: number
  /** Candidates that the language model is given, and exemplars that vote. */
  readonly k: number
  readonly seed: number
  /** The language model that was asked. */
  readonly model?: { readonly id: string; readonly window?: number }
  readonly tasks: Readonly<Partial<Record<RetrievalTask, TaskFigures>>>
  readonly seconds: number
}

export interface TaskFigures {
  readonly samples: number
  /** Depth of `ndcg`, `recall` and `rewardNdcg`. */
  readonly cutoff: number
  readonly measures: Readonly<Record<TaskMeasure, Judged>>
  /** By name. `none` is the language model without any candidate. */
  readonly systems: Readonly<Record<string, SystemFigures>>
  /** The system that the others are tested against. */
  readonly against?: string
}

/** Which samples a measure could be taken of: the same for every system. */
export interface Judged {
  readonly samples: number
  /** Samples that are left out, by the reason. */
  readonly left: Readonly<Record<string, number>>
}

export interface SystemFigures {
  readonly scores: Readonly<Partial<Record<TaskMeasure, number>>>
  /** Against the system that all are compared with. */
  readonly tests?: Readonly<Partial<Record<TaskMeasure, TaskDifference>>>
  /** Texts of which the encoder read only the beginning, each time they were looked at. */
  readonly truncated?: TruncatedTexts
  /** Tokens that the language model's window left no room for, in prompts that ask for answers. */
  readonly cut?: { readonly key: number; readonly after: number }
  /** Tokens of exemplars that it left no room for, in prompts that ask for labels. */
  readonly cutExemplars?: number
}

/** How far a system is ahead on the same samples. */
export interface TaskDifference {
  /** Of the means over samples; for `perplexity` of the log-likelihood a token in nats, so that higher is better here too. */
  readonly difference: number
  /** Paired randomisation test, two-sided. */
  readonly p: number
}

/** Depths that the papers report, ten where they report none. */
export const usualCutoffs: Readonly<Record<RetrievalTask, number>> = { qa: 10, convsearch: 3, chat: 10, lrlm: 10, icl: 10, tool: 5 }
