import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import manifest from '../../../package.json' with { type: 'json' }
import type { BeirSet, Comparison, Metric, PackComparison } from '../../eval/index.ts'
import { palette } from '../display/colour.ts'
import { routesTable, scoresTable } from '../display/comparison.ts'
import { count, duration } from '../display/numbers.ts'
import { progressView } from '../display/progress.ts'
import { UsageError, type Environment, type ExitCode } from '../environment.ts'
import { openToRead } from '../open-index.ts'
import { command, nameList, packOption, wholeNumber } from '../options.ts'
import { listSources } from '../sources/walk.ts'
import { stopper } from '../stopper.ts'

interface EvalOptions {
  readonly data: readonly string[]
  readonly merged?: boolean
  readonly index?: string
  readonly pack?: string
  readonly systems?: readonly string[]
  readonly split: string
  readonly metrics: readonly Metric[]
  readonly topK?: number
  /** A file, or `true` for standard output. */
  readonly json?: string | true
  readonly markdown?: string
  readonly quiet?: boolean
}

export function evalCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('eval', 'Ask every query of retrieval sets in many ways and score the answers against the judgements.', [
    'pilotfish eval --data ./sets                     # each set alone, over its own documents',
    'pilotfish eval --data ./sets --merged --json results.json --markdown results.md',
    'pilotfish eval --data sets/cosqa --pack ./my-pack --systems general,routed,routed+bm25',
    'pilotfish eval --data ./sets --index ./merged    # after: pilotfish add ./sets --index ./merged',
  ])
    .requiredOption('--data <dir...>', 'BEIR directories, or directories of these')
    .option('--merged', 'all sets in one collection, where documents of other sets are wrong answers')
    .addOption(packOption())
    .option('-i, --index <dir>', 'ask this index, to which the sets were added, in place of collections in memory')
    .option(
      '--systems <list>',
      'bm25, general, general+bm25, routed, routed+bm25, expert:NAME, and without an index router:NAME, oracle:set, oracle:query (default: all; with an index the first five)',
      nameList,
    )
    .option('--split <name>', 'whose queries are asked: qrels/<name>.tsv', 'test')
    .addOption(new Option('--metrics <list>', 'ndcg@k, recall@k, mrr@k, map@k').argParser(metricList).default(['ndcg@10'], 'ndcg@10'))
    .option('-k, --top-k <hits>', 'how many hits are asked for (default: the deepest cutoff)', wholeNumber(1, 10_000))
    .option('--json [file]', 'all scores as JSON, to a file or to standard output')
    .option('--markdown <file>', 'tables for a document, to a file')
    .option('-q, --quiet', 'no progress and no table')
    .action(async (options: EvalOptions) => end(await evaluateSets(options, environment)))
}

async function evaluateSets(options: EvalOptions, environment: Environment): Promise<ExitCode> {
  if (options.index !== undefined && options.merged)
    throw new UsageError('An index is one collection as it is: leave --merged out, or --index.')
  const { comparisonTable, readBeir } = await import('../../eval/index.ts')
  const directories = (await listSources(options.data, { report: () => {} }))
    .filter(({ kind }) => kind === 'beir')
    .map(({ path }) => dirname(path))
  if (directories.length === 0)
    throw new UsageError(`There is no BEIR directory (corpus.jsonl, queries.jsonl, qrels/) in ${options.data.join(', ')}.`)

  const stop = stopper(environment)
  try {
    const sets = await Promise.all(directories.map((directory) => readBeir(directory)))
    const comparison = await (options.index === undefined ? askPack : askIndex)(sets, options, environment, stop.signal)
    const facts = circumstances(comparison)

    const json = `${JSON.stringify({ ...comparison, ...conditions(options) }, undefined, 2)}\n`
    if (options.json === true) environment.stdout.write(json)
    else if (options.json !== undefined) await writeFile(options.json, json)
    if (options.markdown !== undefined) {
      const tables = options.metrics.map((metric) => comparisonTable(comparison, metric))
      await writeFile(options.markdown, `${tables.join('\n')}\n${facts}\n`)
    }
    if (options.json !== true && !options.quiet) {
      const colours = palette(environment.stdout, environment.variables)
      const width = environment.stdout.columns ?? 100
      const tables = [...options.metrics.map((metric) => scoresTable(comparison, metric, width, colours)), routesTable(comparison, colours)]
      environment.stdout.write(`${tables.filter((table) => table !== '').join('\n')}\n${colours.dim(facts)}\n`)
    }
    return 0
  } catch (error) {
    if (!stop.signal.aborted) throw error
    return stop.exitCode()
  } finally {
    stop.release()
  }
}

const units = { documents: ['documents', 'docs/s'], questions: ['questions', 'questions/s'] } as const

async function askPack(sets: readonly BeirSet[], options: EvalOptions, environment: Environment, signal: AbortSignal): Promise<Comparison> {
  const { evaluatePack } = await import('../../eval/index.ts')
  const progress = progressView(environment.stderr, { label: 'Evaluating', quiet: options.quiet ?? false })
  try {
    return await evaluatePack(options.pack, sets, {
      ...asked(options),
      merged: options.merged ?? false,
      signal,
      onProgress: ({ stage, done, share }) => progress.update({ done, share, units: units[stage] }),
    })
  } finally {
    progress.stop()
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
  return { split, metrics, ...(systems && { systems }), ...(topK !== undefined && { topK }) }
}

/** What a figure is worth nothing without. */
function conditions({ data, merged, index, pack, metrics, split }: EvalOptions) {
  return {
    command: { data, merged: merged ?? false, metrics, split, ...(index !== undefined && { index }), ...(pack !== undefined && { pack }) },
    versions: { pilotfish: manifest.version, node: process.versions.node },
    machine: machine(),
  }
}

/** The same in a line. */
function circumstances(comparison: Comparison): string {
  const { documents, split, seconds } = comparison
  const { pack, merged } = comparison as Partial<PackComparison>
  const where = pack && !merged ? ', each set alone' : ' in one collection'
  return (
    `${split} queries over ${count(documents)} documents${where}, ${duration(seconds)}; ${pack ? `pack ${pack.name} ${pack.version}, ` : ''}` +
    `pilotfish ${manifest.version}, Node ${process.versions.node}, ${machine()}.`
  )
}

function machine(): string {
  const cores = cpus()
  return `${cores.length} × ${cores[0]?.model.trim() ?? 'unknown processor'}`
}

function metricList(text: string): Metric[] {
  return nameList(text).map((name) => {
    if (/^(ndcg|recall|mrr|map)@[1-9]\d*$/.test(name) || name === 'mrr' || name === 'map') return name as Metric
    throw new InvalidArgumentError(`${name} is none of ndcg@k, recall@k, mrr@k, map@k, mrr, map.`)
  })
}
