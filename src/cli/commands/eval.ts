import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { BeirSet, Comparison, EvaluatePackOptions, Metric } from '../../eval/index.ts'
import { palette } from '../display/colour.ts'
import { costsTable, factsLine, notesOf, routesTable, scoresTable, significanceNote } from '../display/comparison.ts'
import { progressView } from '../display/progress.ts'
import { UsageError, type Environment, type ExitCode } from '../environment.ts'
import { machine, versions } from '../machine.ts'
import { openToRead } from '../open-index.ts'
import { command, nameList, packOption, wholeNumber } from '../options.ts'
import { badLines, type BadLines } from '../bad-lines.ts'
import { listSources } from '../sources/walk.ts'
import { stopper } from '../stopper.ts'

interface EvalOptions {
  readonly data: readonly string[]
  readonly merged?: boolean
  readonly index?: string
  readonly pack?: string
  readonly systems?: readonly string[]
  readonly split: string
  readonly metrics?: readonly Metric[]
  readonly topK?: number
  readonly routerData?: readonly string[]
  readonly routerQueries?: number
  readonly out?: string
  readonly fresh?: boolean
  readonly report?: string
  readonly runs?: string
  readonly run?: readonly string[]
  readonly skipBad?: boolean
  /** A directory, `false` for none. @default the usual one */
  readonly cache?: string | false
  /** A file, or `true` for standard output. */
  readonly json?: string | true
  readonly markdown?: string
  readonly quiet?: boolean
}

/** What needs a collection in memory. */
const withoutIndex = ['merged', 'routerData', 'routerQueries', 'out', 'fresh', 'report', 'runs', 'run'] as const

export function evalCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('eval', 'Ask every query of retrieval sets in many ways and score the answers against the judgements.', [
    'pilotfish eval --data ./sets                     # each set alone, over its own documents',
    'pilotfish eval --data ./sets --merged --json results.json --markdown results.md',
    'pilotfish eval --data ./sets --merged --out results --report report.html',
    'pilotfish eval --data sets/cosqa --pack ./my-pack --systems general,routed,routed+bm25',
    'pilotfish eval --data ./sets --index ./merged    # after: pilotfish add ./sets --index ./merged',
  ])
    .requiredOption('--data <dir...>', 'BEIR directories, or directories of these')
    .option('--merged', 'all sets in one collection, where documents of other sets are wrong answers')
    .addOption(packOption())
    .option('-i, --index <dir>', 'ask this index, to which the sets were added, in place of collections in memory')
    .option(
      '--systems <list>',
      'bm25, general, general+bm25, routed, routed+bm25, expert:NAME, and without an index multi-task, router:NAME, oracle:set, oracle:query (default: all; with an index the first five)',
      nameList,
    )
    .option('--split <name>', 'whose queries are asked: qrels/<name>.tsv', 'test')
    .addOption(new Option('--metrics <list>', 'ndcg@k, recall@k, mrr@k, map@k (default: ndcg@10,recall@100,mrr@10)').argParser(metricList))
    .option('-k, --top-k <hits>', 'how many hits are asked for (default: the deepest cutoff)', wholeNumber(1, 10_000))
    .option('--router-data <dir...>', "sets whose train queries the paper's routers learn from (default: those of --data)")
    .option(
      '--router-queries <count>',
      'train queries of a set that are searched for routers to learn from, at most (default: 300)',
      wholeNumber(3, 100_000),
    )
    .option('-o, --out <dir>', 'results directory for pilotfish report; an evaluation that is cut off goes on from there')
    .option('--fresh', 'with --out: forget what an evaluation left that was cut off')
    .option('--report <file>', 'one HTML file with tables, plots and every question')
    .option('--runs <dir>', 'write what every system answered as TREC run files')
    .option('--run <file...>', 'score these TREC run files (.gz too) beside the systems')
    .option('--skip-bad', 'go on past lines that cannot be understood, and list them')
    .option('--cache <dir>', 'where embeddings of documents are kept (default: pilotfish/embeddings in the cache directory)')
    .option('--no-cache', 'keep no embeddings')
    .option('--json [file]', 'all scores as JSON, to a file or to standard output')
    .option('--markdown <file>', 'tables for a document, to a file')
    .option('-q, --quiet', 'no progress and no table')
    .action(async (options: EvalOptions) => end(await evaluateSets(options, environment)))
}

async function evaluateSets(options: EvalOptions, environment: Environment): Promise<ExitCode> {
  const misplaced = options.index === undefined ? undefined : withoutIndex.find((name) => options[name] !== undefined)
  if (misplaced !== undefined) {
    const flag = `--${misplaced.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    throw new UsageError(`An index is one collection as it is, asked by its own engine: leave ${flag} out, or --index.`)
  }
  if (options.fresh && options.out === undefined)
    throw new UsageError('--fresh forgets what lies in a results directory: name it with --out.')
  const directories = await beirDirectories(options.data)
  const teachers = options.routerData && (await beirDirectories(options.routerData))

  const stop = stopper(environment)
  const bad = badLines(options.skipBad ?? false)
  try {
    const { readBeir } = await import('../../eval/index.ts')
    const read = (directory: string): Promise<BeirSet> => readBeir(directory, bad.hook)
    const sets = await Promise.all(directories.map(read))
    const comparison = await (options.index === undefined
      ? askPack(sets, teachers && (await Promise.all(teachers.map(read))), options, bad, environment, stop.signal)
      : askIndex(sets, options, environment, stop.signal))
    await show(comparison, bad, options, environment)
    return 0
  } catch (error) {
    if (!stop.signal.aborted) throw error
    return stop.exitCode()
  } finally {
    stop.release()
  }
}

/** BEIR directories among these and below them. @throws UsageError */
export async function beirDirectories(paths: readonly string[]): Promise<string[]> {
  const sources = await listSources(paths, { report: () => {} })
  const directories = sources.filter(({ kind }) => kind === 'beir').map(({ path }) => dirname(path))
  if (directories.length === 0)
    throw new UsageError(`There is no BEIR directory (corpus.jsonl, queries.jsonl, qrels/) in ${paths.join(', ')}.`)
  return directories
}

/** Writes what was found where it is wanted. */
async function show(comparison: Comparison, bad: BadLines, options: EvalOptions, environment: Environment): Promise<void> {
  const { comparisonTable, costsTable: costsMarkdown } = await import('../../eval/index.ts')
  const metrics = Object.keys(Object.values(comparison.systems)[0]!.mean) as Metric[]
  const facts = factsLine(comparison)
  const notes = [...notesOf(comparison), ...bad.lines()]
  for (const note of notes) environment.stderr.write(`${note}\n`)

  const json = `${JSON.stringify({ ...comparison, ...circumstances(options, metrics, bad) }, undefined, 2)}\n`
  if (options.json === true) environment.stdout.write(json)
  else if (options.json !== undefined) await writeFile(options.json, json)
  if (options.markdown !== undefined) {
    const tables = [...metrics.map((metric) => comparisonTable(comparison, metric)), costsMarkdown(comparison)]
    const ends = [significanceNote(comparison), facts, ...notes]
    await writeFile(options.markdown, `${[...tables, ...ends].filter((part) => part !== '').join('\n')}\n`)
  }
  if (options.json !== true && !options.quiet) {
    const colours = palette(environment.stdout, environment.variables)
    const width = environment.stdout.columns ?? 100
    const tables = metrics.map((metric) => scoresTable(comparison, metric, width, colours))
    const parts = [...tables, costsTable(comparison, colours), routesTable(comparison, colours)].filter((table) => table !== '')
    environment.stdout.write(`${parts.join('\n')}\n${colours.dim(facts)}\n`)
  }
}

const units = { documents: ['documents', 'docs/s'], questions: ['questions', 'questions/s'], results: ['steps', 'steps/s'] } as const

async function askPack(
  sets: readonly BeirSet[],
  teachers: readonly BeirSet[] | undefined,
  options: EvalOptions,
  bad: BadLines,
  environment: Environment,
  signal: AbortSignal,
): Promise<Comparison> {
  const { defaultMetrics, evaluatePack, writeReport } = await import('../../eval/index.ts')
  const { merged = false, fresh = false, routerQueries, runs, run, report, cache = usualCache(environment) } = options
  const progress = progressView(environment.stderr, { label: 'Evaluating', quiet: options.quiet ?? false })
  const temporary = report !== undefined && options.out === undefined ? await mkdtemp(join(tmpdir(), 'pilotfish-results-')) : undefined
  const out = options.out ?? temporary
  const how: EvaluatePackOptions = {
    ...asked(options),
    merged,
    fresh,
    ...(teachers && { routerData: teachers }),
    ...(routerQueries !== undefined && { routerQueries }),
    ...(out !== undefined && { out }),
    ...(runs !== undefined && { runs }),
    ...(run && { readRuns: run }),
    ...(cache !== false && { cache }),
    ...bad.hook,
    details: () => circumstances(options, options.metrics ?? defaultMetrics, bad),
    signal,
    onProgress: ({ stage, done, share }) => progress.update({ done, share, units: units[stage] }),
  }
  try {
    const comparison = await evaluatePack(options.pack, sets, how)
    if (report !== undefined) await writeReport([out!], report)
    return comparison
  } finally {
    progress.stop()
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true })
  }
}

async function askIndex(
  sets: readonly BeirSet[],
  options: EvalOptions,
  environment: Environment,
  signal: AbortSignal,
): Promise<Comparison> {
  const { evaluateEngine } = await import('../../eval/index.ts')
  const engine = await openToRead(environment, options.index!, options.pack)
  const progress = progressView(environment.stderr, { label: 'Asking', units: units.questions, quiet: options.quiet ?? false })
  try {
    return await evaluateEngine(engine, sets, {
      ...asked(options),
      signal,
      onProgress: ({ done, total }) => progress.update({ done, share: done / Math.max(1, total) }),
    })
  } finally {
    progress.stop()
    await engine.close()
  }
}

function asked({ systems, split, metrics, topK }: EvalOptions) {
  return { split, ...(metrics && { metrics }), ...(systems && { systems }), ...(topK !== undefined && { topK }) }
}

/** Beside the models that were fetched. */
export function usualCache({ variables }: Environment): string {
  return join(variables.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'pilotfish', 'embeddings')
}

/** What a figure is worth nothing without. */
function circumstances(
  { data, merged, index, pack, split, routerData, run }: EvalOptions,
  metrics: readonly Metric[],
  bad: BadLines,
): object {
  const further = {
    ...(index !== undefined && { index }),
    ...(pack !== undefined && { pack }),
    ...(routerData && { routerData }),
    ...(run && { run }),
  }
  return {
    command: { data, merged: merged ?? false, metrics, split, ...further },
    versions,
    machine: machine(),
    ...(bad.found().length > 0 && { skipped: bad.found() }),
  }
}

function metricList(text: string): Metric[] {
  return nameList(text).map((name) => {
    if (/^(ndcg|recall|mrr|map)@[1-9]\d*$/.test(name) || name === 'mrr' || name === 'map') return name as Metric
    throw new InvalidArgumentError(`${name} is none of ndcg@k, recall@k, mrr@k, map@k, mrr, map.`)
  })
}
