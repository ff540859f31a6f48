import { writeFile } from 'node:fs/promises'
import { Argument, InvalidArgumentError, type Command } from 'commander'
import type { BeirSet, StudyName, StudyProgress } from '../../eval/index.ts'
import { badLines } from '../bad-lines.ts'
import { progressView } from '../display/progress.ts'
import type { Environment, ExitCode } from '../environment.ts'
import { command, jsonOption, nameList, packOption, wholeNumber } from '../options.ts'
import { stopper } from '../stopper.ts'
import { beirDirectories, usualCache } from './eval.ts'

interface StudyCommandOptions {
  readonly data: readonly string[]
  readonly routerData?: readonly string[]
  readonly merged?: boolean
  readonly pack?: string
  readonly split: string
  readonly seed: number
  readonly queries?: number
  readonly routerQueries: number
  readonly experts?: readonly string[]
  readonly sizes?: readonly number[]
  readonly repeats: number
  readonly skipBad?: boolean
  /** A directory; `true` for the usual one. */
  readonly cache: string | boolean
  readonly out?: string
  readonly markdown?: string
  readonly json?: boolean
  readonly quiet?: boolean
}

/** As `studyNames` has them: the command line must be built without loading what it does not need. */
const names: readonly StudyName[] = ['experts', 'pilots', 'aggregation', 'leave-one-out', 'add-expert', 'training-size']

export function studyCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('study', 'Vary one thing and measure what becomes of routing: the studies of the RouterRetriever paper.', [
    'pilotfish study experts --data ./sets --merged --out results',
    'pilotfish study leave-one-out --data ./sets --queries 200',
    'pilotfish study training-size --data sets/banking77 --sizes 25,50,100 --repeats 3',
  ])
    .addArgument(new Argument('<name>', 'what is varied').choices(names))
    .requiredOption('--data <dir...>', 'BEIR directories, or directories of these')
    .option('--router-data <dir...>', 'whose train queries routers learn from (default: --data)')
    .option('--merged', 'all sets in one collection, where documents of other sets are wrong answers')
    .addOption(packOption())
    .option('--split <name>', 'whose queries are asked: qrels/<name>.tsv', 'test')
    .option('--seed <number>', 'fixes the order of experts and every draw', wholeNumber(0, 2 ** 31), 1)
    .option('--queries <number>', 'queries of each set, at most (default: all)', wholeNumber(1))
    .option('--router-queries <number>', 'train queries of each set that routers learn from, at most', wholeNumber(1), 300)
    .option('--experts <list>', 'leave-one-out, training-size: these experts only', nameList)
    .option('--sizes <list>', 'training-size: train queries; pilots: pilots per group', numberList)
    .option('--repeats <number>', 'training-size: trainings of each size', wholeNumber(1), 3)
    .option('--skip-bad', 'go on past lines that cannot be understood, and list them')
    .option('--cache <dir>', 'where embeddings of documents are kept (default: pilotfish/embeddings in the cache directory)')
    .option('--no-cache', 'keep no embeddings')
    .option('-o, --out <dir>', 'results directory, where a report finds it as studies/NAME.json')
    .option('--markdown <file>', 'tables for a document, of each set too, to a file')
    .option('-q, --quiet', 'no progress and no table')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Studies:
  experts        experts arrive one by one: routed, the paper's routers, oracles
  pilots         pilots per group of train queries, for mean and max
  aggregation    mean or nearest pilot, and what hygiene does for both
  leave-one-out  each expert taken away in turn: what becomes of its sets
  add-expert     experts join by example queries alone: what changes for others
  training-size  an expert trained anew on 25, 50, … queries`,
    )
    .action(async (name: StudyName, options: StudyCommandOptions) => end(await study(name, options, environment)))
}

const units: Readonly<Record<StudyProgress['stage'], readonly [string, string]>> = {
  documents: ['documents', 'docs/s'],
  questions: ['questions', 'questions/s'],
  trainings: ['experts', 'experts/s'],
}

async function study(name: StudyName, options: StudyCommandOptions, environment: Environment): Promise<ExitCode> {
  const { readBeir, runStudy, saveStudy, studyTable } = await import('../../eval/index.ts')
  const progress = progressView(environment.stderr, { label: 'Studying', quiet: options.quiet ?? false })
  const stop = stopper(environment)
  const bad = badLines(options.skipBad ?? false)
  try {
    const { split, merged = false, seed, queries, routerQueries, pack, experts, sizes, repeats } = options
    const read = async (paths: readonly string[]): Promise<BeirSet[]> =>
      Promise.all((await beirDirectories(paths)).map((directory) => readBeir(directory, bad.hook)))
    const sets = await read(options.data)
    const routerData = options.routerData && (await read(options.routerData))
    const cache = options.cache === true ? usualCache(environment) : options.cache
    const result = await runStudy(name, sets, {
      split,
      merged,
      seed,
      routerQueries,
      repeats,
      ...(queries !== undefined && { queries }),
      ...(pack !== undefined && { pack }),
      ...(experts && { experts }),
      ...(sizes && { sizes }),
      ...(routerData && { routerData }),
      ...(cache !== false && { cache }),
      signal: stop.signal,
      onProgress: ({ stage, done, share }) => progress.update({ done, share, units: units[stage] }),
    })
    progress.stop()
    for (const line of bad.lines()) progress.log(line)
    if (options.out !== undefined) {
      const path = await saveStudy(options.out, result)
      if (!options.quiet && !options.json) progress.log(`Saved as ${path}`)
    }
    if (options.markdown !== undefined) await writeFile(options.markdown, studyTable(result, { sets: true }))
    if (options.json) environment.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`)
    else if (!options.quiet) environment.stdout.write(studyTable(result))
    return 0
  } catch (error) {
    if (!stop.signal.aborted) throw error
    return stop.exitCode()
  } finally {
    progress.stop()
    stop.release()
  }
}

function numberList(text: string): number[] {
  return nameList(text).map((part) => {
    if (/^[1-9]\d*$/.test(part)) return Number(part)
    throw new InvalidArgumentError('Give whole numbers above 0, joined by commas.')
  })
}
