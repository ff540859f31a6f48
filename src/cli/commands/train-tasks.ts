import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { TrainedExperts, TrainingMethod } from '../../train/index.ts'
import { palette } from '../display/colour.ts'
import { counted } from '../display/numbers.ts'
import { problemLog, reasonSummary } from '../display/problems.ts'
import { stageViews, type Stages } from '../display/stages.ts'
import { taskInputFigures, taskInputText, type TaskInputs } from '../display/task-inputs.ts'
import { taskTrainingText } from '../display/task-training.ts'
import { UsageError, type Environment, type ExitCode } from '../environment.ts'
import { command, jsonOption, wholeNumber } from '../options.ts'
import type { InstructionsAt } from '../samples.ts'
import { stopper } from '../stopper.ts'
import { trainingLog } from '../training-log.ts'
import { readTaskSets, type NamedPaths } from './train-tasks/inputs.ts'

interface TrainTasksOptions {
  readonly samples?: readonly string[]
  readonly task?: NamedPaths
  readonly test?: NamedPaths
  readonly out: string
  readonly pack?: string
  readonly method?: TrainingMethod
  readonly steps?: number
  readonly instructions?: InstructionsAt
  readonly bothSides?: boolean
  readonly mixedBatches?: boolean
  readonly selfPacing: boolean
  readonly log?: string
  readonly limit?: number
  readonly seed: number
  readonly strict?: boolean
  readonly quiet?: boolean
  readonly json?: boolean
}

export function trainTasksCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command(
    'train-tasks',
    'Train experts for what a language model retrieves, and keep what does better: one for all tasks, or one a task.',
    [
      'pilotfish train-tasks --samples qa.scored.jsonl chat.scored.jsonl tool.jsonl --out ./task-pack',
      'pilotfish train-tasks --task tool=sets/toollens --task tool=sets/metatool --task qa=sets/fm2 --out ./task-pack',
      'pilotfish train-tasks --samples qa.scored.jsonl --task tax=tax.csv --test tax=tax-test.csv --out ./task-pack --log steps.jsonl',
      'pilotfish train-tasks --samples chat.jsonl lrlm.jsonl --pack ./transformer-pack --method lora --both-sides --out ./task-pack',
    ],
  )
    .option('--samples <file...>', "LLM-Embedder's training data: query, pos, neg or history, teacher_scores, task on a line")
    .option(
      '--task <name=path...>',
      'pairs of a task, one of the six or your own: CSV, JSON lines or BEIR directory; several paths are several sets',
      namedPath,
    )
    .option('--test <name=path...>', 'questions that are only reported on, of a set or a task: samples or pairs', namedPath)
    .requiredOption('--out <dir>', 'where the pack with the base and the experts goes')
    .option('--pack <dir>', 'pack whose base is trained on (default: the bundled one)')
    .addOption(
      new Option(
        '--method <kind>',
        'table (for a static base), lora (for a transformer) or adapter (default: the first that fits the base)',
      ).choices(['table', 'adapter', 'lora']),
    )
    .option('--steps <number>', 'of each way, all tasks together (default: 400 a task, 200 with lora)', wholeNumber(1))
    .addOption(
      new Option(
        '--instructions <where>',
        "the tasks' texts before queries, before queries and documents, or nowhere (default: queries for a transformer, none for a static base, which has many questions to learn before they help)",
      ).choices(['queries', 'both', 'none']),
    )
    .option('--both-sides', 'documents learn as well: experts then embed them themselves; not for tables')
    .option('--mixed-batches', 'batches of all tasks, which are easier to tell apart, at one pace')
    .option('--no-self-pacing', 'equal steps for all tasks, however high their loss still is')
    .option('--log <file>', 'a JSON line for each training step: expert, tasks in the batch, loss, rate, pace')
    .option('--limit <number>', 'samples of each file (its first) and pairs of each path and split (drawn), at most', wholeNumber(1))
    .option('--seed <number>', 'equal seeds give equal experts', wholeNumber(0, 2 ** 31), 1)
    .option('--strict', 'stop at the first line that cannot be used')
    .option('-q, --quiet', 'no progress and no summary')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Of each set a fifth is held out (a BEIR directory brings its dev split): one half
decides when training stops and teaches the router, the other half judges. Give
fifty questions a set or more. "pilotfish reward" scores the candidates of
samples; without scores they learn by contrast.`,
    )
    .action(async (options: TrainTasksOptions) => end(await trainTasks(options, environment)))
}

async function trainTasks(given: TrainTasksOptions, environment: Environment): Promise<ExitCode> {
  const { out, strict = false, quiet = false, json = false } = given
  if (!given.samples && !given.task) throw new UsageError('Give samples (--samples FILE) or pairs (--task NAME=PATH).')
  // Before files are read that may be large.
  if (existsSync(join(out, 'pack.json')))
    throw new UsageError(`There is a pack in ${out} already. Name a new directory: the pack will hold the experts of the tasks alone.`)
  const options = { ...given, instructions: given.instructions ?? (await usualInstructions(given.pack)) }
  const stages = stageViews(environment.stderr, views, { quiet })
  const log = problemLog(stages.log, { strict, shown: 1000 })
  const stop = stopper(environment)
  try {
    const inputs = await readTaskSets(options, log, stop.signal)
    if (!quiet && !json) for (const line of taskInputText(inputs)) stages.log(line)
    const tasks = [...new Set(inputs.sets.map(({ task }) => task))]
    if (tasks.length < 2) throw tooFewTasks(tasks)
    const trained = await train(inputs, options, stages, stop.signal)
    stages.stop()
    const [skipped, { stdout, variables }] = [log.failures(), environment]
    if (json) {
      const found = { ...trained, input: taskInputFigures(inputs), skipped, problems: log.list() }
      stdout.write(`${JSON.stringify(found, undefined, 2)}\n`)
    } else if (!quiet) {
      if (skipped > 0) stdout.write(`${counted(skipped, 'line')} skipped: ${reasonSummary(log)}\n`)
      const ownDocuments = options.instructions === 'both' || options.bothSides === true
      const use = { pack: out, tasks, ownDocuments, width: stdout.columns ?? 100 }
      stdout.write(taskTrainingText(trained, use, palette(stdout, variables)))
    }
    return 0
  } catch (error) {
    stages.stop()
    if (!stop.signal.aborted) throw error
    stages.log('pilotfish: stopped. No pack was written.')
    return stop.exitCode()
  } finally {
    stages.stop()
    stop.release()
  }
}

async function usualInstructions(directory: string | undefined): Promise<InstructionsAt> {
  const [{ bundledPack }, { loadPack }] = await Promise.all([import('../../index.ts'), import('../../eval/index.ts')])
  const pack = await loadPack(directory ?? bundledPack())
  await pack.close()
  return pack.model ? 'none' : 'queries'
}

function tooFewTasks([task]: readonly string[]): UsageError {
  if (task === undefined) return new UsageError('No sample teaches anything: pilotfish reward scores their candidates.')
  return new UsageError(`There is something to learn for one task only, ${task}: pilotfish train is for that.`)
}

const views = {
  train: { label: 'Training', units: ['steps', 'steps/s'] },
  judge: { label: 'Judging', units: ['questions', 'questions/s'] },
  write: { label: 'Writing' },
} as const

async function train(
  { sets }: TaskInputs,
  options: TrainTasksOptions,
  stages: Stages<keyof typeof views>,
  stopped: AbortSignal,
): Promise<TrainedExperts> {
  const { trainExperts } = await import('../../train/index.ts')
  const { out, pack, method, steps, bothSides = false, mixedBatches = false, selfPacing, seed } = options
  const broken = new AbortController()
  const log = await trainingLog(options.log, () => broken.abort())
  try {
    return await trainExperts({
      tasks: sets,
      out,
      ...(pack !== undefined && { pack }),
      ...(method && { method }),
      ...(steps !== undefined && { steps }),
      homogeneous: !mixedBatches,
      selfPaced: selfPacing && !mixedBatches,
      ...(bothSides && { training: { tied: true } }),
      seed,
      signal: AbortSignal.any([stopped, broken.signal]),
      onLog: log.write,
      onProgress({ stage, done, total, expert, loss }) {
        const note = [expert, loss !== undefined && `loss ${loss.toFixed(3)}`].filter((part) => typeof part === 'string').join(' · ')
        stages.update(stage, { done, total, ...(note !== '' && { note }) })
      },
    })
  } finally {
    // What could not be logged is told in place of the abortion it caused.
    await log.close()
  }
}

/** `tool=path` after what was given before. */
function namedPath(text: string, before: NamedPaths = new Map()): NamedPaths {
  const [name, ...rest] = text.split('=')
  const path = rest.join('=')
  if (!name || path === '') throw new InvalidArgumentError('Write NAME=PATH.')
  return new Map([...before, [name, [...(before.get(name) ?? []), path]]])
}
