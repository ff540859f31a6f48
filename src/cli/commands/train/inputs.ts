import type { TrainingMethod, TrainingSet } from '../../../train/index.ts'
import { isRetrievalTask, retrievalTasks } from '../../../tasks/task.ts'
import type { ProblemLog } from '../../display/problems.ts'
import { lossOf, unusedFigures } from '../../display/task-inputs.ts'
import type { TrainingInput } from '../../display/training.ts'
import { UsageError } from '../../environment.ts'
import { instructionOf, readSampleFiles, type InstructionsAt } from '../../samples.ts'
import { proseOf } from '../../sources/prose.ts'

export interface TrainOptions {
  readonly name: string
  readonly pairs?: string
  readonly samples?: readonly string[]
  readonly task?: string
  readonly instructions: InstructionsAt
  readonly log?: string
  readonly fromDocuments?: readonly string[]
  readonly pack?: string
  readonly out?: string
  readonly description?: string
  readonly method?: TrainingMethod
  readonly rank?: number
  readonly targets?: string
  readonly steps?: number
  readonly queryColumn?: string
  readonly passageColumn?: string
  readonly split: string
  readonly limit?: number
  readonly seed: number
  readonly replace?: boolean
  readonly force?: boolean
  readonly strict?: boolean
  readonly quiet?: boolean
  readonly json?: boolean
}

export function checkUsage({ pairs, samples, fromDocuments, task, instructions }: TrainOptions): void {
  if (pairs === undefined && samples === undefined && fromDocuments === undefined)
    throw new UsageError(
      'Give pairs (--pairs FILE) or documents to make them of (--from-documents PATH), or samples of a task (--samples FILE).',
    )
  if (pairs !== undefined && samples !== undefined) throw new UsageError('Samples stand in place of pairs: give --samples or --pairs.')
  if (instructions !== 'none' && samples === undefined && !isRetrievalTask(task))
    throw new UsageError(`--instructions are those of one of the six tasks: give --task, one of ${retrievalTasks.join(', ')}.`)
}

/** Reads what is to be learned from. @throws InvalidDataError, UsageError */
export async function readInput(options: TrainOptions, log: ProblemLog, signal: AbortSignal): Promise<TrainingInput> {
  const { pairsFromDocuments, readPairs } = await import('../../../train/index.ts')
  const { pairs: path, queryColumn, passageColumn, split, limit, seed, fromDocuments } = options
  const drawn = limit !== undefined && { limit }
  const pairs =
    path === undefined
      ? undefined
      : await readPairs(path, {
          split,
          seed,
          ...drawn,
          ...(queryColumn !== undefined && { queryColumn }),
          ...(passageColumn !== undefined && { passageColumn }),
          onProblem: log.report,
        })
  const samples = options.samples && (await readTaskSamples(options.samples, options, log, signal))
  if (!fromDocuments) return { pairs, samples, madeUp: undefined }
  const made = await pairsFromDocuments(proseOf(fromDocuments, log.report), { seed, ...(path === undefined && !samples && drawn) })
  if (made.queries.length === 0)
    throw new UsageError(
      `No questions can be made of ${fromDocuments.join(', ')}: there are neither headings nor passages of three sentences.`,
    )
  return { pairs, samples, madeUp: made }
}

/** Samples of one task, as a set that is learned by its recipe. */
async function readTaskSamples(
  paths: readonly string[],
  { task, limit }: TrainOptions,
  log: ProblemLog,
  signal: AbortSignal,
): Promise<NonNullable<TrainingInput['samples']>> {
  const { setsFromSamples } = await import('../../../train/index.ts')
  if (task !== undefined && !isRetrievalTask(task))
    throw new UsageError(`Samples are of one of the tasks ${retrievalTasks.join(', ')}, not of "${task}": give pairs.`)
  const samples = await readSampleFiles(paths, { task, limit, log, signal })
  const tasks = [...new Set(samples.map((sample) => sample.task))]
  const own = task ?? tasks[0]!
  if (!tasks.includes(own) || (task === undefined && tasks.length > 1))
    throw new UsageError(
      `The samples are of ${tasks.join(', ')}: name one of them (--task), or train for several tasks (pilotfish train-tasks).`,
    )
  const { sets, unused } = setsFromSamples(
    samples.filter((sample) => sample.task === own),
    { instructions: 'none' },
  )
  const [set] = sets
  if (!set)
    throw new UsageError(
      `None of ${unused.length} samples teaches anything: ${unused[0]!.reason}. pilotfish reward scores their candidates.`,
    )
  return { task: own, set, unused }
}

/** The task of the expert, and what it puts before texts. */
export function boundTo(
  { task: named, instructions }: TrainOptions,
  { samples }: TrainingInput,
): { readonly task: string | undefined; readonly instruction: Pick<TrainingSet, 'instruction'> } {
  const task = named ?? samples?.task
  const instruction = instructionOf(task, instructions)
  return { task, instruction: instruction ? { instruction } : {} }
}

/** What was read, for JSON. */
export function inputFigures({ pairs, samples, madeUp }: TrainingInput) {
  return {
    pairs: pairs?.pairs ?? 0,
    questions: (samples?.set ?? pairs)?.queries.length ?? 0,
    duplicates: pairs?.duplicates ?? 0,
    madeUp: madeUp?.pairs ?? 0,
    ...(samples && {
      samples: { task: samples.task, learnsBy: lossOf(samples.set), unused: unusedFigures(samples) },
    }),
  }
}
