import { resolve } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { PackTrainingProgress, TrainingMethod } from '../../train/index.ts'
import { PilotfishError, type TrainingRefusedError } from '../../errors.ts'
import { palette } from '../display/colour.ts'
import { counted } from '../display/numbers.ts'
import { problemLog, reasonSummary, type ProblemLog } from '../display/problems.ts'
import { progressView, type Progress } from '../display/progress.ts'
import { inputText, percent, trainingText, type TrainingInput } from '../display/training.ts'
import { UsageError, type Environment, type ExitCode } from '../environment.ts'
import { command, jsonOption, nameList, wholeNumber } from '../options.ts'
import { proseOf } from '../sources/prose.ts'
import { stopper } from '../stopper.ts'

interface TrainOptions {
  readonly name: string
  readonly pairs?: string
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

/** Where the pack goes when nothing is said: the bundled one must stay as it is. */
const ownPack = './pilotfish-pack'

export function trainCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('train', 'Train an expert for a domain of your own and put it into a pack.', [
    'pilotfish train --name tax --pairs tax.csv',
    "pilotfish train --name tax --pairs tax.jsonl --out ./my-pack --description 'Tax law'",
    'pilotfish train --name handbook --from-documents ./docs --pack ./my-pack',
    'pilotfish train --name obliqa --pairs sets/obliqa --limit 200 --seed 1',
    'pilotfish train --name tax --pairs tax.csv --pack ./transformer-pack --method lora --rank 16',
  ])
    .requiredOption('--name <name>', 'of the expert: letters, digits, - and _', expertName)
    .option('--pairs <path>', 'CSV, JSON lines or BEIR directory: questions and passages that answer them')
    .option('--from-documents <path...>', 'make questions of the headings and sentences of documents')
    .option('--pack <dir>', 'pack to start from; changed in place without --out (default: what is at --out, else the bundled one)')
    .option('--out <dir>', `where the pack with the expert goes; added to if it is there (default: --pack, else ${ownPack})`)
    .option('--description <text>', 'one line for people: what the expert knows')
    .addOption(
      new Option(
        '--method <kind>',
        'table (for a static base), lora (for a transformer) or adapter (default: the first that fits the base)',
      ).choices(['table', 'lora', 'adapter']),
    )
    .option('--rank <number>', 'of LoRA matrices (default: 8) and adapters (default: 64)', wholeNumber(1, 1024))
    .option('--targets <names>', "layers that LoRA changes, as PEFT's target_modules: query,value (default: all-linear)")
    .option('--steps <number>', 'of each run at most; it stops earlier when unseen questions gain no more', wholeNumber(1))
    .option('--query-column <name>', 'which column or field holds the question')
    .option('--passage-column <name>', 'which column or field holds the passage')
    .option('--split <name>', 'of a BEIR directory: qrels/<name>.tsv', 'train')
    .option('--limit <pairs>', 'take this many pairs, drawn at random', wholeNumber(1))
    .option('--seed <number>', 'equal seeds give equal experts', wholeNumber(0, 2 ** 31), 1)
    .option('--replace', 'let the expert take the place of one of that name')
    .option('--force', 'keep an expert that does not beat the general one')
    .option('--strict', 'stop at the first row that cannot be used')
    .option('-q, --quiet', 'no progress and no summary')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
A few hundred pairs make a useful expert; columns are found by names such as
question and passage. Every question judges an expert that has not seen it (of a
thousand and more, a fifth is set aside for that). No document is embedded again:
indexes made with the old pack open under the new one.

A transformer takes minutes: what is stopped or killed goes on from its last
checkpoint when the same command is given again.`,
    )
    .action(async (options: TrainOptions) => end(await train(options, environment)))
}

async function train(options: TrainOptions, environment: Environment): Promise<ExitCode> {
  if (options.pairs === undefined && options.fromDocuments === undefined)
    throw new UsageError('Give pairs (--pairs FILE) or documents to make them of (--from-documents PATH).')
  const { trainIntoPack } = await import('../../train/index.ts')
  const stages = stageViews(environment, options.quiet === true)
  const log = problemLog((line) => stages.log(line), { strict: options.strict ?? false })
  const stop = stopper(environment)
  const out = options.out ?? (options.pack === undefined ? ownPack : undefined)
  const target = (out ?? options.pack)!
  try {
    const input = await readInput(options, log)
    if (!options.quiet && !options.json) for (const line of inputText(input)) stages.log(line)
    const training = await trainIntoPack({
      name: options.name,
      ...(input.pairs && { pairs: input.pairs }),
      ...(input.madeUp && { madeUp: input.madeUp }),
      ...(options.description !== undefined && { description: options.description }),
      ...(options.pack !== undefined && { pack: options.pack }),
      ...(out !== undefined && { out }),
      ...(options.method && { method: options.method }),
      training: trainingOptions(options),
      checkpoint: `${resolve(target)}.${options.name}.training`,
      replace: options.replace ?? false,
      force: options.force ?? false,
      seed: options.seed,
      signal: stop.signal,
      onProgress: stages.update,
    })
    stages.stop()
    const skipped = log.failures()
    if (options.json)
      environment.stdout.write(
        `${JSON.stringify({ ...training, input: inputFigures(input), skipped, problems: log.list() }, undefined, 2)}\n`,
      )
    else if (!options.quiet) {
      if (skipped > 0) environment.stdout.write(`${counted(skipped, 'row')} skipped: ${reasonSummary(log)}\n`)
      environment.stdout.write(trainingText(training, target, palette(environment.stdout, environment.variables)))
    }
    return 0
  } catch (error) {
    stages.stop()
    if (stop.signal.aborted) {
      stages.log('pilotfish: stopped. The pack is as it was; the same command goes on from the last checkpoint.')
      return stop.exitCode()
    }
    if (!isRefusal(error)) throw error
    const { general, expert } = error.scores
    if (options.json)
      environment.stdout.write(`${JSON.stringify({ name: options.name, refused: true, heldOut: { general, expert } }, undefined, 2)}\n`)
    stages.log(
      `pilotfish: the expert "${options.name}" was not kept: nDCG@10 ${percent(expert)} on held-out questions, where the general one has ${percent(general)}.\n` +
        'Give more pairs or cleaner ones (a few hundred), or keep it anyway with --force. The pack is as it was.',
    )
    return 1
  } finally {
    stages.stop()
    stop.release()
  }
}

async function readInput(options: TrainOptions, log: ProblemLog): Promise<TrainingInput> {
  const { pairsFromDocuments, readPairs } = await import('../../train/index.ts')
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
  if (!fromDocuments) return { pairs, madeUp: undefined }
  const made = await pairsFromDocuments(proseOf(fromDocuments, log.report), { seed, ...(path === undefined && drawn) })
  if (made.queries.length === 0)
    throw new UsageError(
      `No questions can be made of ${fromDocuments.join(', ')}: there are neither headings nor passages of three sentences.`,
    )
  return { pairs, madeUp: made }
}

/** What was said about the training itself. */
function trainingOptions({ rank, targets, steps }: TrainOptions) {
  return {
    ...(rank !== undefined && { rank }),
    ...(targets !== undefined && { targets: targets === 'all-linear' ? ('all-linear' as const) : nameList(targets) }),
    ...(steps !== undefined && { steps }),
  }
}

function inputFigures({ pairs, madeUp }: TrainingInput) {
  return {
    pairs: pairs?.pairs ?? 0,
    questions: pairs?.queries.length ?? 0,
    duplicates: pairs?.duplicates ?? 0,
    madeUp: madeUp?.pairs ?? 0,
  }
}

/** One progress view after another, each for its stage. */
function stageViews(environment: Environment, quiet: boolean) {
  const labels: Record<PackTrainingProgress['stage'], string> = {
    embed: 'Embedding',
    train: 'Training',
    judge: 'Judging',
    score: 'Searching',
    route: 'Teaching the router',
    write: 'Writing',
  }
  let stage: PackTrainingProgress['stage'] | undefined
  let view: Progress = progressView(environment.stderr, { label: '', quiet: true })
  return {
    log: (line: string) => view.log(line),
    stop: () => view.stop(),
    update(progress: PackTrainingProgress): void {
      if (progress.stage !== stage) {
        view.stop()
        stage = progress.stage
        const units = stage === 'train' || stage === 'judge' ? (['steps', 'steps/s'] as const) : (['texts', 'texts/s'] as const)
        view = progressView(environment.stderr, { label: labels[stage], units, quiet: quiet || stage === 'route' || stage === 'write' })
      }
      view.update({ done: progress.done, share: progress.done / Math.max(1, progress.total), ...noteOf(progress) })
    },
  }
}

function noteOf({ loss, score, queriesPerSecond }: PackTrainingProgress): { note?: string } {
  const parts = [
    queriesPerSecond !== undefined && `${Math.round(queriesPerSecond)} questions/s`,
    loss !== undefined && `loss ${loss.toFixed(3)}`,
    score !== undefined && `nDCG@10 ${percent(score)}`,
  ].filter((part) => part !== false)
  return parts.length > 0 ? { note: parts.join(' · ') } : {}
}

function expertName(text: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(text)) return text
  throw new InvalidArgumentError('Use up to 64 letters, digits, - and _.')
}

function isRefusal(error: unknown): error is TrainingRefusedError {
  return PilotfishError.is(error) && error.code === 'TRAINING_REFUSED'
}
