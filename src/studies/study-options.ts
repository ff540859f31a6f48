import type { BeirSet } from '../eval/beir.ts'
import type { LoadedPack } from '../load-pack.ts'

/** What can be varied, one thing at a time. */
export const studyNames = ['experts', 'pilots', 'aggregation', 'leave-one-out', 'add-expert', 'training-size'] as const

export type StudyName = (typeof studyNames)[number]

export interface StudyOptions {
  /** A directory, or an open pack, which stays the caller's to close. @default the bundled one */
  readonly pack?: string | LoadedPack
  /** Whose queries are asked. @default 'test' */
  readonly split?: string
  /** All sets in one collection, otherwise each alone. @default false */
  readonly merged?: boolean
  /** Fixes the order of experts and every draw. @default 1 */
  readonly seed?: number
  /** Judged queries of each set, at most, drawn by the seed. @default all */
  readonly queries?: number
  /** Sets whose train queries routers learn from. @default the sets that are asked */
  readonly routerData?: readonly BeirSet[]
  /** Train queries that routers learn from, at most, of each set. @default 300 */
  readonly routerQueries?: number
  /** `leave-one-out`, `training-size`: these experts only. @default every expert that a set belongs to */
  readonly experts?: readonly string[]
  /** `training-size`: train queries of each training; `pilots`: pilots per group. */
  readonly sizes?: readonly number[]
  /** `training-size`: trainings of each size, with other draws and seeds. @default 3 */
  readonly repeats?: number
  /** Directory where embeddings of documents are kept, for this study and others. @default none */
  readonly cache?: string
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: StudyProgress) => void
}

export interface StudyProgress {
  /** What is counted: documents embedded, questions answered or experts trained. */
  readonly stage: 'documents' | 'questions' | 'trainings'
  readonly done: number
  readonly total: number
  /** Of the whole study, in [0, 1]. */
  readonly share: number
}
