import type { AdapterExpertOptions, TableExpertOptions, TrainingLogEntry } from '../train/expert/expert.ts'
import type { TrainingQuery, TrainingSet } from '../train/expert/pairs.ts'
import type { LoraOptions } from '../train/lora/lora.ts'
import type { TrainingMethod } from '../pack-training/train-into-pack.ts'
import type { TaskComparison } from './comparison.ts'

/** A set of questions of one task. */
export type TaskTraining = TrainingSet & {
  /** Its name, and that of its expert: letters, digits, `-` and `_`. Several sets may be of one task, behind one instruction. */
  readonly task: string
  /** What the set is called in the comparison. @default `task` */
  readonly set?: string
  /** Questions that are only reported on: nothing is learned from them, and nothing decided. @default none */
  readonly test?: readonly TrainingQuery[]
}

export interface TrainExpertsOptions {
  /**
   * A set for each task, or several, as `setsFromSamples` makes them of samples, or from `readPairs`. Held-out questions (a fifth, at most 600, where none are given) are
   * halved: one half decides when training stops and teaches the router, the other one judges.
   */
  readonly tasks: readonly TaskTraining[]
  /** Directory of the pack whose base is trained on. @default the bundled one */
  readonly pack?: string
  /** Directory for a pack with the base and what won; its experts are named after their tasks, and its router picks tasks. @default none is written */
  readonly out?: string
  /** @default 'table' on a static base, else 'lora' */
  readonly method?: TrainingMethod
  /** Training steps of the multi-task expert; the experts of the tasks have as many together. @default 400 for each task, 200 with LoRA */
  readonly steps?: number
  /** Batches of one task each. @default true */
  readonly homogeneous?: boolean
  /** Tasks whose loss is still high get larger steps. @default true */
  readonly selfPaced?: boolean
  /** Settings of the trainings, where the defaults do not suit. */
  readonly training?: Pick<
    AdapterExpertOptions,
    'rates' | 'batchSize' | 'temperature' | 'hardNegatives' | 'candidates' | 'negatives' | 'dropout' | 'tied' | 'rank' | 'foreign'
  > &
    Pick<TableExpertOptions, 'pull'> &
    LoraOptions
  /**
   * Directory for files that a training which is cut off goes on from when it is started again with the same inputs; they are gone once all is done.
   * @default none
   */
  readonly checkpoint?: string
  /** Seconds of work that a kill may cost. @default 10 */
  readonly checkpointEvery?: number
  /** @default 1 */
  readonly seed?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: TrainExpertsProgress) => void
  /** Told of every training step: which expert, of which tasks its batch was, at which pace. */
  readonly onLog?: (entry: TrainingLogEntry & { readonly expert: string }) => void
}

export interface TrainExpertsProgress {
  /** `train` counts steps of all trainings; `judge` questions. */
  readonly stage: 'train' | 'judge' | 'write'
  /** Whose training it is: a task's name, or `multi-task`. */
  readonly expert?: string
  readonly done: number
  readonly total: number
  /** Seconds left of this stage; undefined until there is a pace. */
  readonly eta: number | undefined
  readonly loss?: number
}

/** What was trained, and which of the two ways is worth more. */
export interface TrainedExperts {
  /** What did better on the judging questions: the router over one expert a task, or over the multi-task expert's instructions. */
  readonly winner: 'routed' | 'multi-task'
  readonly comparison: TaskComparison
  /** The same on the test questions, of sets that have any. */
  readonly test?: TaskComparison
  /** Directory of the pack, where one was written. */
  readonly pack?: string
  readonly method: TrainingMethod
  /** Steps that were kept, of the multi-task expert and of each task's. */
  readonly steps: Readonly<Record<string, number>>
  readonly seconds: number
}
