import { resolve } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { PackTrainingProgress } from '../../train/index.ts'
import { PilotfishError, type TrainingRefusedError } from '../../errors.ts'
import { palette } from '../display/colour.ts'
import { counted } from '../display/numbers.ts'
import { problemLog, reasonSummary } from '../display/problems.ts'
import { stageViews } from '../display/stages.ts'
import { inputText, percent, trainingText } from '../display/training.ts'
import type { Environment, ExitCode } from '../environment.ts'
import { command, jsonOption, nameList, wholeNumber } from '../options.ts'
import { stopper } from '../stopper.ts'
import { trainingLog } from '../training-log.ts'
import { boundTo, checkUsage, inputFigures, readInput, type TrainOptions } from './train/inputs.ts'

/** Where the pack goes when nothing is said: the bundled one must stay as it is. */
const ownPack = './pilotfish-pack'

export function trainCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('train', 'Train an expert for a domain of your own and put it into a pack.', [
    'pilotfish train --name tax --pairs tax.csv',
    "pilotfish train --name tax --pairs tax.jsonl --out ./my-pack --description 'Tax law'",
    'pilotfish train --name handbook --from-documents ./docs --pack ./my-pack',
    'pilotfish train --name obliqa --pairs sets/obliqa --limit 200 --seed 1',
    'pilotfish train --name tax --pairs tax.csv --pack ./transformer-pack --method lora --rank 16',
    'pilotfish train --name answers --samples qa.scored.jsonl --log steps.jsonl',
  ])
    .requiredOption('--name <name>', 'of the expert: letters, digits, - and _', expertName)
    .option('--pairs <path>', 'CSV, JSON lines or BEIR directory: questions and passages that answer them')
    .option('--samples <file...>', "in place of pairs: LLM-Embedder's training data of one task, learned as its released recipe says")
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
    .option('--task <name>', 'bind the expert to a task: "search --task" asks it (default: that of the samples)')
    .addOption(
      new Option('--instructions <where>', 'of one of the six tasks: its texts before queries, before queries and documents, or nowhere')
        .choices(['queries', 'both', 'none'])
        .default('none'),
    )
    .option('--rank <number>', 'of LoRA matrices (default: 8) and adapters (default: 64)', wholeNumber(1, 1024))
    .option('--targets <names>', "layers that LoRA changes, as PEFT's target_modules: query,value (default: all-linear)")
    .option('--steps <number>', 'of each run at most; it stops earlier when unseen questions gain no more', wholeNumber(1))
    .option('--query-column <name>', 'which column or field holds the question')
    .option('--passage-column <name>', 'which column or field holds the passage')
    .option('--split <name>', 'of a BEIR directory: qrels/<name>.tsv', 'train')
    .option('--limit <pairs>', 'take this many pairs, drawn at random, or the first samples of each file', wholeNumber(1))
    .option('--seed <number>', 'equal seeds give equal experts', wholeNumber(0, 2 ** 31), 1)
    .option('--replace', 'let the expert take the place of one of that name')
    .option('--log <file>', 'a JSON line for each training step: loss, rate, pace')
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
  checkUsage(options)
  const { trainIntoPack } = await import('../../train/index.ts')
  const stages = stageViews(environment.stderr, views, { quiet: options.quiet === true })
  const log = problemLog((line) => stages.log(line), { strict: options.strict ?? false })
  const stop = stopper(environment)
  const out = options.out ?? (options.pack === undefined ? ownPack : undefined)
  const target = (out ?? options.pack)!
  const broken = new AbortController()
  try {
    const input = await readInput(options, log, stop.signal)
    const { task, instruction } = boundTo(options, input)
    if (!options.quiet && !options.json) for (const line of inputText(input)) stages.log(line)
    const stepLog = await trainingLog(options.log, () => broken.abort())
    const pairs = input.samples?.set ?? input.pairs
    const training = await trainIntoPack({
      name: options.name,
      ...(pairs && { pairs: { ...pairs, ...instruction } }),
      ...(task !== undefined && { task }),
      ...(input.madeUp && { madeUp: { ...input.madeUp, ...instruction } }),
      ...(options.description !== undefined && { description: options.description }),
      ...(options.pack !== undefined && { pack: options.pack }),
      ...(out !== undefined && { out }),
      ...(options.method && { method: options.method }),
      training: trainingOptions(options),
      checkpoint: `${resolve(target)}.${options.name}.training`,
      replace: options.replace ?? false,
      force: options.force ?? false,
      seed: options.seed,
      signal: AbortSignal.any([stop.signal, broken.signal]),
      ...(options.log !== undefined && { onLog: stepLog.write }),
      onProgress: (progress) => stages.update(progress.stage, { ...progress, ...noteOf(progress) }),
    }).finally(stepLog.close)
    stages.stop()
    const skipped = log.failures()
    if (options.json)
      environment.stdout.write(
        `${JSON.stringify({ ...training, input: inputFigures(input), skipped, problems: log.list() }, undefined, 2)}\n`,
      )
    else if (!options.quiet) {
      if (skipped > 0) environment.stdout.write(`${counted(skipped, 'row')} skipped: ${reasonSummary(log)}\n`)
      const ownDocuments = instruction.instruction?.document !== undefined
      environment.stdout.write(trainingText(training, { pack: target, ownDocuments }, palette(environment.stdout, environment.variables)))
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

/** What was said about the training itself. */
function trainingOptions({ rank, targets, steps }: TrainOptions) {
  return {
    ...(rank !== undefined && { rank }),
    ...(targets !== undefined && { targets: targets === 'all-linear' ? ('all-linear' as const) : nameList(targets) }),
    ...(steps !== undefined && { steps }),
  }
}

const texts = ['texts', 'texts/s'] as const
const steps = ['steps', 'steps/s'] as const
const views = {
  embed: { label: 'Embedding', units: texts },
  train: { label: 'Training', units: steps },
  judge: { label: 'Judging', units: steps },
  score: { label: 'Searching', units: texts },
  route: { label: 'Teaching the router' },
  write: { label: 'Writing' },
} as const

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
