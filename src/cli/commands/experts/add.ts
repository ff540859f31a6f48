import { InvalidArgumentError, Option, type Command } from 'commander'
import type { AddToPackOptions, AddedExpert, TrainingSet } from '../../../train/index.ts'
import { PilotfishError, type TrainingRefusedError } from '../../../errors.ts'
import { palette } from '../../display/colour.ts'
import { addedText } from '../../display/expert.ts'
import { problemLog, type ProblemLog } from '../../display/problems.ts'
import { progressView, type Progress } from '../../display/progress.ts'
import { percent } from '../../display/training.ts'
import { UsageError, type Environment, type ExitCode } from '../../environment.ts'
import { command, jsonOption, wholeNumber } from '../../options.ts'
import { stopper } from '../../stopper.ts'

interface AddOptions {
  readonly name: string
  readonly pack?: string
  readonly out?: string
  readonly description?: string
  readonly task?: string
  readonly pairs?: readonly string[]
  readonly queryColumn?: string
  readonly passageColumn?: string
  readonly split: string
  readonly limit?: number
  readonly seed: number
  readonly replace?: boolean
  readonly force?: boolean
  readonly dtype?: string
  readonly pooling?: string
  readonly queryPrompt?: string
  readonly documentPrompt?: string
  readonly baseDocuments?: boolean
  readonly ownDocuments?: boolean
  readonly revision?: string
  readonly offline?: boolean
  readonly model?: string
  readonly dimensions?: number
  readonly shorten?: boolean
  readonly protocol?: 'openai' | 'tei'
  readonly apiKeyVariable?: string
  readonly quiet?: boolean
  readonly json?: boolean
}

/** Where the pack goes when nothing is said: the bundled one must stay as it is. */
const ownPack = './pilotfish-pack'

export function addExpertCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('add', 'Put an expert that was made elsewhere into a pack.', [
    'pilotfish experts add ./my-adapter --name law --pack ./my-pack --pairs law.csv',
    'pilotfish experts add ./bge-small-en-v1.5 --name support --pairs tickets.jsonl',
    'pilotfish experts add Xenova/all-MiniLM-L6-v2 --name papers --out ./my-pack',
    'pilotfish experts add --name tools --task tool --pack ./my-pack',
    'pilotfish experts add https://api.openai.com/v1/embeddings --name remote --model text-embedding-3-small --api-key-variable OPENAI_API_KEY',
  ])
    .argument(
      '[source]',
      "directory of a LoRA adapter in PEFT's format or of a model, hub repository of either, or URL of an endpoint; none: the base of the pack, with the instructions of --task",
    )
    .requiredOption('--name <name>', 'of the expert: letters, digits, - and _', expertName)
    .option('--pack <dir>', 'pack to start from; changed in place without --out (default: what is at --out, else the bundled one)')
    .option('--out <dir>', `where the pack with the expert goes; added to if it is there (default: --pack, else ${ownPack})`)
    .option('--description <text>', 'one line for people: what the expert knows')
    .option('--task <name>', 'what it retrieves for: qa, convsearch, chat, lrlm, icl, tool, or a name of your own; see search --task')
    .option('--pairs <path...>', 'CSV, JSON lines or BEIR directories: questions and passages that answer them')
    .option('--query-column <name>', 'which column or field holds the question')
    .option('--passage-column <name>', 'which column or field holds the passage')
    .option('--split <name>', 'of a BEIR directory: qrels/<name>.tsv', 'train')
    .option('--limit <pairs>', 'take this many pairs of each file, drawn at random', wholeNumber(1))
    .option('--seed <number>', 'equal seeds give equal packs', wholeNumber(0, 2 ** 31), 1)
    .option('--replace', 'let the expert take the place of one of that name')
    .option('--force', 'keep an expert that does not beat the general one')
    .option('--dtype <type>', 'variant of an ONNX model: fp32, fp16, q8, int8, … (default: fp32)')
    .option('--pooling <how>', 'of an ONNX model: mean, cls, last or sentence (default: what its files say)')
    .option('--query-prompt <text>', "before questions, or a prompt's name (default: the model's own for queries, else the task's)")
    .option('--document-prompt <text>', "before documents, or a prompt's name (default: the model's own for documents, else the task's)")
    .option('--base-documents', 'the model was trained to search the documents as the base embeds them')
    .addOption(
      new Option('--own-documents', 'the LoRA adapter was trained on both sides, and embeds documents too').conflicts('baseDocuments'),
    )
    .option('--revision <name>', 'of a hub repository: commit, branch or tag (default: main, held to its commit)')
    .option('--offline', 'take a hub repository from the cache only')
    .option('--model <name>', 'behind an endpoint')
    .option('--dimensions <number>', 'of an endpoint (default: it is asked)', wholeNumber(1))
    .option('--shorten', 'ask an endpoint for vectors cut to --dimensions')
    .addOption(new Option('--protocol <name>', 'of an endpoint (default: by the end of its URL)').choices(['openai', 'tei']))
    .option('--api-key-variable <name>', 'environment variable that holds the key of an endpoint')
    .option('-q, --quiet', 'no progress and no summary')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
With --pairs the expert is judged beside the general one, and the router learns
when to ask it; without, it is asked only when named (search --expert NAME), or
for its task (search --task NAME).
Texts are sent to an endpoint whenever its expert is asked, and documents when
they are added.`,
    )
    .action(async (source: string | undefined, options: AddOptions) => end(await add(source, options, environment)))
}

async function add(source: string | undefined, options: AddOptions, environment: Environment): Promise<ExitCode> {
  const { addToPack } = await import('../../../train/index.ts')
  const view = viewOf(environment, options.quiet === true)
  const log = problemLog((line) => view.log(line))
  const stop = stopper(environment)
  const out = options.out ?? (options.pack === undefined ? ownPack : undefined)
  const target = (out ?? options.pack)!
  try {
    const pairs = options.pairs && (await readAll(options.pairs, options, log))
    const added = await addToPack({
      ...(source !== undefined && { source }),
      ...sourceOptions(options),
      name: options.name,
      ...(pairs && { pairs }),
      ...(options.description !== undefined && { description: options.description }),
      ...(options.pack !== undefined && { pack: options.pack }),
      ...(out !== undefined && { out }),
      replace: options.replace ?? false,
      force: options.force ?? false,
      seed: options.seed,
      signal: stop.signal,
      onProgress: ({ stage, done, total }) => stage === 'score' && view.update({ done, share: done / Math.max(1, total) }),
    })
    view.stop()
    report(added, target, options, log, environment)
    return 0
  } catch (error) {
    view.stop()
    if (stop.signal.aborted) {
      view.log('pilotfish: stopped. The pack is as it was.')
      return stop.exitCode()
    }
    if (!(PilotfishError.is(error) && error.code === 'TRAINING_REFUSED')) throw error
    const { general, expert } = (error as TrainingRefusedError).scores
    if (options.json)
      environment.stdout.write(`${JSON.stringify({ name: options.name, refused: true, heldOut: { general, expert } }, undefined, 2)}\n`)
    view.log(
      `pilotfish: the expert "${options.name}" was not added: nDCG@10 ${percent(expert)} on these questions, where the general one has ${percent(general)}.\n` +
        'Add it anyway with --force, or without --pairs, to be asked by name. The pack is as it was.',
    )
    return 1
  } finally {
    view.stop()
    stop.release()
  }
}

function report(added: AddedExpert, target: string, { quiet, json }: AddOptions, log: ProblemLog, environment: Environment): void {
  if (json) environment.stdout.write(`${JSON.stringify({ ...added, skipped: log.failures(), problems: log.list() }, undefined, 2)}\n`)
  else if (!quiet) environment.stdout.write(addedText(added, target, palette(environment.stdout, environment.variables)))
}

/** What was said of the source itself. */
function sourceOptions(options: AddOptions): Pick<AddToPackOptions, 'task' | 'instructions' | 'documents' | 'model' | 'endpoint' | 'hub'> {
  const { task, dtype, pooling, queryPrompt, documentPrompt, baseDocuments, ownDocuments, revision, offline } = options
  const { model, dimensions, shorten, protocol, apiKeyVariable } = options
  const prompts = { ...(queryPrompt !== undefined && { queryPrompt }), ...(documentPrompt !== undefined && { documentPrompt }) }
  const isSaid = queryPrompt !== undefined || documentPrompt !== undefined
  return {
    ...(task !== undefined && { task }),
    ...(isSaid && {
      instructions: {
        ...(queryPrompt !== undefined && { query: queryPrompt }),
        ...(documentPrompt !== undefined && { document: documentPrompt }),
      },
    }),
    ...(ownDocuments && { documents: 'own' as const }),
    model: { ...prompts, ...(dtype && { dtype }), ...(pooling && { pooling }), ...(baseDocuments && { documents: 'base' as const }) },
    endpoint: {
      ...prompts,
      ...(model && { model }),
      ...(dimensions && { dimensions }),
      ...(shorten && { shorten }),
      ...(protocol && { protocol }),
      ...(apiKeyVariable && { apiKeyVariable }),
    },
    hub: { ...(revision && { revision }), ...(offline && { offline }) },
  }
}

/** All files as one collection with its questions. */
async function readAll(paths: readonly string[], options: AddOptions, log: ProblemLog): Promise<TrainingSet> {
  const { readPairs } = await import('../../../train/index.ts')
  const { split, limit, seed, queryColumn, passageColumn } = options
  const columns = { ...(queryColumn !== undefined && { queryColumn }), ...(passageColumn !== undefined && { passageColumn }) }
  const documents: string[] = []
  const queries: TrainingSet['queries'][number][] = []
  for (const path of paths) {
    const file = await readPairs(path, { split, seed, ...(limit !== undefined && { limit }), ...columns, onProblem: log.report })
    const first = documents.length
    documents.push(...file.documents)
    queries.push(...file.queries.map((query) => ({ ...query, positives: query.positives.map((place) => place + first) })))
  }
  if (queries.length === 0) throw new UsageError(`There are no questions in ${paths.join(', ')}.`)
  return { documents, queries }
}

/** A bar that begins with the first text that is searched. */
function viewOf(environment: Environment, quiet: boolean): Progress {
  let view: Progress = progressView(environment.stderr, { label: '', quiet: true })
  let begun = false
  return {
    log: (line) => view.log(line),
    stop: () => view.stop(),
    update(state) {
      if (!begun) view = progressView(environment.stderr, { label: 'Judging', units: ['texts', 'texts/s'], quiet })
      begun = true
      view.update(state)
    },
  }
}

function expertName(text: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(text)) return text
  throw new InvalidArgumentError('Use up to 64 letters, digits, - and _.')
}
