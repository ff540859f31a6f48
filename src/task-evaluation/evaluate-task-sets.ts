import { InvalidArgumentError } from '../errors.ts'
import type { BeirSet } from '../eval/beir.ts'
import { evaluatePack, type EvaluatePackOptions, type PackComparison } from '../evaluate-pack.ts'
import { bundledPack, generalName, loadPack, type LoadedPack } from '../load-pack.ts'
import { expertSystem, multiTaskExpert, multiTaskName } from '../pack-systems.ts'
import { isRetrievalTask, retrievalTasks, type RetrievalTask } from '../tasks/task.ts'
import { usualCutoffs } from './task-figures.ts'

/** BEIR sets by the task whose retrieval they stand for. */
export type TaskSets = Readonly<Partial<Record<RetrievalTask, readonly BeirSet[]>>>

/** What was found on each task's sets. */
export type TaskSetComparisons = Readonly<Partial<Record<RetrievalTask, PackComparison>>>

export interface EvaluateTaskSetsOptions extends Pick<
  EvaluatePackOptions,
  'split' | 'merged' | 'blockSize' | 'cache' | 'onBadLine' | 'signal'
> {
  /** Depth of nDCG and recall. @default 10, 3 for convsearch, 5 for tool */
  readonly cutoffs?: Readonly<Partial<Record<RetrievalTask, number>>>
  /** Names as `packSystems` lists them. @default `taskSystems` of the pack */
  readonly systems?: readonly string[]
  readonly onProgress?: (progress: TaskSetsProgress) => void
}

export interface TaskSetsProgress {
  readonly task: RetrievalTask
  readonly stage: 'documents' | 'questions' | 'results'
  readonly done: number
  /** Of the whole evaluation, in [0, 1]; each task counts as much as it has sets. */
  readonly share: number
}

/** What is asked of a task's sets unless somebody says otherwise: BM25, the general expert, the router alone and with BM25 as the engine answers, and the experts bound to the task. */
export function taskSystems(pack: LoadedPack, task: RetrievalTask): string[] {
  const multiTask = multiTaskExpert(pack)
  const bound = pack.experts.filter((expert) => expert.task === task && expert.name !== generalName && expert.name !== multiTask)
  const dense = bound.filter(({ kind }) => kind !== 'lexical')
  return [
    'bm25',
    generalName,
    'routed',
    'routed+bm25',
    ...(multiTask === undefined ? [] : [multiTaskName]),
    ...dense.map(({ name }) => expertSystem(name)),
  ]
}

/**
 * Retrieval task by task over BEIR sets, with the depth that the papers report for each: how far BM25, the general expert, the router and the
 * experts bound to a task get, with paired tests against the general expert.
 * @param pack A directory, or an open pack, which stays the caller's to close.
 * @throws InvalidArgumentError, InvalidDataError, InvalidPackError, UnknownExpertError
 */
export async function evaluateTaskSets(
  pack: string | LoadedPack | undefined,
  sets: TaskSets,
  { cutoffs = {}, systems, onProgress, ...options }: EvaluateTaskSetsOptions = {},
): Promise<TaskSetComparisons> {
  const wrong = Object.keys(sets).find((task) => !isRetrievalTask(task))
  if (wrong !== undefined)
    throw new InvalidArgumentError('sets', `names the task ${JSON.stringify(wrong)}`, `There are ${retrievalTasks.join(', ')}.`)
  const tasks = retrievalTasks.filter((task) => (sets[task]?.length ?? 0) > 0)
  if (tasks.length === 0) throw new InvalidArgumentError('sets', 'is empty')
  for (const [task, value] of Object.entries(cutoffs)) {
    if (!(Number.isInteger(value) && value > 0))
      throw new InvalidArgumentError(`cutoffs.${task}`, `is ${value}, not a whole number above 0`)
  }
  const total = tasks.reduce((sum, task) => sum + sets[task]!.length, 0)
  const loaded = typeof pack === 'object' ? pack : await loadPack(pack ?? bundledPack())
  try {
    const found: Partial<Record<RetrievalTask, PackComparison>> = {}
    let before = 0
    for (const task of tasks) {
      const own = sets[task]!
      const depth = cutoffs[task] ?? usualCutoffs[task]
      found[task] = await evaluatePack(loaded, own, {
        ...options,
        metrics: [`ndcg@${depth}`, `recall@${depth}`],
        systems: systems ?? taskSystems(loaded, task),
        onProgress: ({ stage, done, share }) => onProgress?.({ task, stage, done, share: (before + share * own.length) / total }),
      })
      before += own.length
    }
    return found
  } finally {
    if (loaded !== pack) await loaded.close()
  }
}
