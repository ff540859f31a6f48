import { InvalidArgumentError } from '../errors.ts'
import type { LanguageModel } from '../language-model/language-model.ts'
import type { TaskSample } from '../tasks/sample.ts'
import { isRetrievalTask, retrievalTasks, type RetrievalTask } from '../tasks/task.ts'
import type { CandidateSystem } from './candidate-system.ts'
import { evaluateTask } from './evaluate-task.ts'
import { bm25System, oracleSystem, randomSystem } from './plain-systems.ts'
import { withoutCandidates } from './perplexity.ts'
import { usualCutoffs, type TaskEvaluation, type TaskFigures } from './task-figures.ts'

export interface EvaluateTasksOptions {
  /**
   * What is compared, beside `bm25`, `random` and `oracle`, which are always there; the first is what the others are tested against.
   * Some systems depend on the task: embedders with its instructions.
   */
  readonly systems: readonly CandidateSystem[] | ((task: RetrievalTask) => readonly CandidateSystem[])
  /** Reads candidates and says how likely the answers are; stays the caller's to close. @default none: nothing is said of answers */
  readonly model?: LanguageModel
  /** Candidates that the model is given, and exemplars that vote. @default 1 */
  readonly k?: number
  /** Depth of nDCG and recall. @default 10, 3 for convsearch, 5 for tool */
  readonly cutoffs?: Readonly<Partial<Record<RetrievalTask, number>>>
  /** Of the random order and of lots between equal scores. @default 1 */
  readonly seed?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: TaskEvaluationProgress) => void
}

export interface TaskEvaluationProgress {
  readonly task: RetrievalTask
  /** What is under way: putting candidates in order, or asking the language model. */
  readonly stage: 'ordering' | 'asking'
  /** Samples dealt with in this stage so far, each system's counted. */
  readonly done: number
  /** Of the whole evaluation, in [0, 1]. */
  readonly share: number
}

/**
 * How well systems choose what a language model should read, task by task: rankings of each sample's candidates against what is known to
 * help and against a teacher's rewards, perplexity of the answers and accuracy of labels after the candidates chosen. Each task goes as far
 * as its fields allow; the result says what was left out, and why.
 * @throws InvalidArgumentError, and whatever encoders and the language model throw
 */
export async function evaluateTasks(samples: readonly TaskSample[], options: EvaluateTasksOptions): Promise<TaskEvaluation> {
  const { model, k = 1, seed = 1, cutoffs = {}, signal, onProgress } = options
  if (samples.length === 0) throw new InvalidArgumentError('samples', 'is empty')
  samples.forEach(requireSample)
  for (const [name, value] of Object.entries({ k, ...prefixed(cutoffs) })) {
    if (!(Number.isInteger(value) && value > 0)) throw new InvalidArgumentError(name, `is ${value}, not a whole number above 0`)
  }
  if (!Number.isInteger(seed)) throw new InvalidArgumentError('seed', `is ${seed}, not a whole number`)
  const started = performance.now()
  const present = retrievalTasks.filter((task) => samples.some((sample) => sample.task === task))
  const systems = new Map(present.map((task) => [task, allSystems(options.systems, task)]))

  const tasks: Partial<Record<RetrievalTask, TaskFigures>> = {}
  let before = 0
  for (const task of present) {
    signal?.throwIfAborted()
    const own = samples.filter((sample) => sample.task === task)
    tasks[task] = await evaluateTask(own, systems.get(task)!, {
      k,
      seed,
      cutoff: cutoffs[task] ?? usualCutoffs[task],
      ...(model && { model }),
      ...(signal && { signal }),
      onProgress: ({ stage, done, share }) => onProgress?.({ task, stage, done, share: (before + share * own.length) / samples.length }),
    })
    before += own.length
  }
  return {
    samples: samples.length,
    k,
    seed,
    ...(model && { model: { id: model.id, ...(Number.isFinite(model.window) && { window: model.window }) } }),
    tasks,
    seconds: (performance.now() - started) / 1000,
  }
}

/** Of samples that are made by hand: those that are read have been checked. @throws InvalidArgumentError */
function requireSample({ task, candidates, positives, scores }: TaskSample, place: number): void {
  const fail = (problem: string): never => {
    throw new InvalidArgumentError(`samples[${place}]`, problem)
  }
  if (!isRetrievalTask(task)) fail(`has the task ${JSON.stringify(task)}; there are ${retrievalTasks.join(', ')}`)
  if (candidates.length === 0) fail('has no candidates')
  if (!(Number.isInteger(positives) && positives >= 0 && positives <= candidates.length))
    fail(`says that ${positives} of ${candidates.length} candidates help`)
  if (scores && (scores.length !== candidates.length || !scores.every(Number.isFinite)))
    fail(`has scores that are not a finite number for each of ${candidates.length} candidates`)
}

/** The systems of a task, the plain ones last. @throws InvalidArgumentError for names that are taken */
function allSystems(given: EvaluateTasksOptions['systems'], task: RetrievalTask): readonly CandidateSystem[] {
  const own = typeof given === 'function' ? given(task) : given
  const all = [...own, bm25System(), randomSystem(), oracleSystem()]
  // A system of one's own may stand in a plain one's place: BM25 with other constants.
  const systems = all.filter(({ name }, i) => i < own.length || !own.some((system) => system.name === name))
  const names = systems.map(({ name }) => name)
  const taken = names.find((name, i) => name === withoutCandidates || names.indexOf(name) !== i)
  if (taken !== undefined)
    throw new InvalidArgumentError('systems', `has two called ${JSON.stringify(taken)}, or one with a name that is taken`)
  return systems
}

function prefixed(cutoffs: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(cutoffs).map(([task, value]) => [`cutoffs.${task}`, value]))
}
