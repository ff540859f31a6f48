import { InvalidArgumentError } from 'commander'
import type { BeirSet, ReadExemplarsOptions, TaskSets } from '../../../eval/index.ts'
import type { TaskSample } from '../../../tasks/sample.ts'
import { isRetrievalTask, retrievalTasks, type RetrievalTask } from '../../../tasks/task.ts'
import type { OnnxDType } from '../../../index.ts'
import type { LanguageModel } from '../../../train/index.ts'
import type { BadLines } from '../../bad-lines.ts'
import type { Progress } from '../../display/progress.ts'
import { UsageError, type Environment } from '../../environment.ts'
import { nameList } from '../../options.ts'
import { beirDirectories } from '../eval.ts'

export interface EvalTasksOptions {
  readonly samples?: readonly string[]
  readonly task?: RetrievalTask
  readonly exemplars?: string
  readonly questions?: string
  readonly limit?: number
  readonly model?: string
  readonly modelName?: string
  readonly apiKeyVariable?: string
  readonly window?: number
  readonly dtype?: OnnxDType
  readonly offline?: boolean
  readonly k: number
  readonly cutoff?: number
  readonly seed: number
  readonly sets?: ReadonlyMap<RetrievalTask, readonly string[]>
  readonly split: string
  readonly merged?: boolean
  readonly pack?: string
  readonly skipBad?: boolean
  /** A directory, `false` for none, `true` for the usual one. */
  readonly cache: string | boolean
  readonly out?: string
  /** A file, or `true` for standard output. */
  readonly json?: string | true
  readonly quiet?: boolean
}

export interface Circumstances {
  readonly options: EvalTasksOptions
  readonly environment: Environment
  readonly signal: AbortSignal
  readonly bad: BadLines
  readonly progress: Progress
}

export function checkUsage({ samples, sets, exemplars, questions, model, ...others }: EvalTasksOptions): void {
  if (!samples && !sets && exemplars === undefined && questions === undefined)
    throw new UsageError('Give --samples, --exemplars with --questions, or --sets.')
  if ((exemplars === undefined) !== (questions === undefined))
    throw new UsageError('--exemplars are found for --questions: give both, or neither.')
  const ofModel = { '--model-name': others.modelName, '--window': others.window, '--dtype': others.dtype, '--offline': others.offline }
  const idle = Object.entries(ofModel).find(([, value]) => value !== undefined)
  if (model === undefined && idle) throw new UsageError(`${idle[0]} is about a language model: give --model, or leave it out.`)
  if (model !== undefined && isUrl(model) && others.modelName === undefined)
    throw new UsageError('Name the model behind the endpoint (--model-name NAME).')
  if (model !== undefined && !samples && exemplars === undefined)
    throw new UsageError('--model reads what is chosen for --samples or --questions: give one of them, or leave it out.')
}

export async function readAll({ options, bad, signal }: Circumstances): Promise<TaskSample[]> {
  const { exemplarSamples, readExemplars } = await import('../../../eval/index.ts')
  const { readSamples } = await import('../../../index.ts')
  const { samples, task, exemplars, questions, limit, skipBad = false } = options
  const limited = limit === undefined ? {} : { limit }
  const read = samples
    ? await readSamples(samples, {
        strict: !skipBad,
        ...limited,
        ...(task && { task }),
        ...(bad.hook.onBadLine && { onProblem: bad.hook.onBadLine }),
        signal,
      })
    : []
  if (exemplars === undefined || questions === undefined) return read
  const how: ReadExemplarsOptions = { ...bad.hook, signal }
  return [...read, ...exemplarSamples(await readExemplars(exemplars, how), await readExemplars(questions, { ...how, ...limited }))]
}

export async function setsOf({ options: { sets }, bad }: Circumstances): Promise<TaskSets | undefined> {
  if (!sets) return undefined
  const { readBeir } = await import('../../../eval/index.ts')
  const found: Partial<Record<RetrievalTask, BeirSet[]>> = {}
  for (const [task, paths] of sets)
    found[task] = await Promise.all((await beirDirectories(paths)).map((directory) => readBeir(directory, bad.hook)))
  return found
}

export async function openModel({ options, signal, progress }: Circumstances): Promise<LanguageModel | undefined> {
  const { model, modelName, apiKeyVariable, window, dtype, offline } = options
  if (model === undefined) return undefined
  const { causalLanguageModel, endpointLanguageModel } = await import('../../../train/index.ts')
  const limited = window === undefined ? {} : { window }
  if (isUrl(model))
    return endpointLanguageModel({ url: model, model: modelName!, ...limited, ...(apiKeyVariable !== undefined && { apiKeyVariable }) })
  let told = false
  return causalLanguageModel(model, {
    ...limited,
    ...(dtype && { dtype }),
    ...(offline && { offline }),
    signal,
    onProgress: ({ file }) => {
      if (!told && !options.quiet) progress.log(`Fetching ${file} and other files of ${model} …`)
      told = true
    },
  })
}

function isUrl(model: string): boolean {
  return /^https?:\/\//.test(model)
}

/** `tool=a,b` after what was given before. */
export function taskSets(
  text: string,
  before: ReadonlyMap<RetrievalTask, readonly string[]> = new Map(),
): ReadonlyMap<RetrievalTask, readonly string[]> {
  const [task, ...rest] = text.split('=')
  if (!isRetrievalTask(task) || rest.length === 0)
    throw new InvalidArgumentError(`Write TASK=DIR,DIR with one of the tasks ${retrievalTasks.join(', ')}.`)
  return new Map([...before, [task, [...(before.get(task) ?? []), ...nameList(rest.join('='))]]])
}
