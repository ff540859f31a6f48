import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import manifest from '../../../package.json' with { type: 'json' }
import type { EngineEvaluation, Metric } from '../../eval/index.ts'
import { palette, type Palette } from '../display/colour.ts'
import { count } from '../display/numbers.ts'
import { progressView } from '../display/progress.ts'
import { UsageError, type Environment, type ExitCode } from '../environment.ts'
import { openToRead } from '../open-index.ts'
import { command, indexOption, nameList, packOption, wholeNumber } from '../options.ts'
import { listSources } from '../sources/walk.ts'
import { stopper } from '../stopper.ts'

interface EvalOptions {
  readonly data: readonly string[]
  readonly index: string
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
  return command('eval', 'Ask every query of retrieval sets and score the answers against the judgements.', [
    'pilotfish eval --data ./sets --index ./merged   # after: pilotfish add ./sets',
    'pilotfish eval --data sets/medquad --index ./merged --systems routed+bm25,bm25',
    'pilotfish eval --data ./sets --index ./merged --markdown results.md',
  ])
    .requiredOption('--data <dir...>', 'BEIR directories, or directories of these, that were added to the index')
    .addOption(indexOption())
    .addOption(packOption())
    .option('--systems <list>', 'bm25, general, general+bm25, routed, routed+bm25, expert:NAME (default: the first five)', nameList)
    .option('--split <name>', 'whose queries are asked: qrels/<name>.tsv', 'test')
    .addOption(new Option('--metrics <list>', 'ndcg@k, recall@k, mrr@k, map@k').argParser(metricList).default(['ndcg@10'], 'ndcg@10'))
    .option('-k, --top-k <hits>', 'how many hits are asked for (default: the deepest cutoff)', wholeNumber(1, 10_000))
    .option('--json [file]', 'all scores as JSON, to a file or to standard output')
    .option('--markdown <file>', 'tables for a document, to a file')
    .option('-q, --quiet', 'no progress and no table')
    .action(async (options: EvalOptions) => end(await evaluateIndex(options, environment)))
}

async function evaluateIndex(options: EvalOptions, environment: Environment): Promise<ExitCode> {
  const { evaluateEngine, evaluationTable, readBeir } = await import('../../eval/index.ts')
  const directories = (await listSources(options.data, { report: () => {} }))
    .filter(({ kind }) => kind === 'beir')
    .map(({ path }) => dirname(path))
  if (directories.length === 0)
    throw new UsageError(`There is no BEIR directory (corpus.jsonl, queries.jsonl, qrels/) in ${options.data.join(', ')}.`)

  const engine = await openToRead(environment, options.index, options.pack)
  const progress = progressView(environment.stderr, { label: 'Asking', units: ['questions', 'questions/s'], quiet: options.quiet ?? false })
  const stop = stopper(environment)
  try {
    const sets = await Promise.all(directories.map((directory) => readBeir(directory)))
    const evaluation = await evaluateEngine(engine, sets, {
      ...(options.systems && { systems: options.systems }),
      split: options.split,
      metrics: options.metrics,
      ...(options.topK !== undefined && { topK: options.topK }),
      signal: stop.signal,
      onProgress: ({ done, total }) => progress.update({ done, share: done / Math.max(1, total) }),
    })
    progress.stop()

    const json = `${JSON.stringify(evaluation, undefined, 2)}\n`
    if (options.json === true) environment.stdout.write(json)
    else if (options.json !== undefined) await writeFile(options.json, json)
    if (options.markdown !== undefined) {
      const tables = options.metrics.map((metric) => evaluationTable(evaluation, metric))
      await writeFile(options.markdown, `${tables.join('\n')}\n${circumstances(evaluation)}\n`)
    }
    if (options.json !== true && !options.quiet) {
      const colours = palette(environment.stdout, environment.variables)
      environment.stdout.write(
        `${options.metrics.map((metric) => table(evaluation, metric, colours)).join('\n')}\n${colours.dim(circumstances(evaluation))}\n`,
      )
    }
    return 0
  } catch (error) {
    if (!stop.signal.aborted) throw error
    return stop.exitCode()
  } finally {
    progress.stop()
    stop.release()
    await engine.close()
  }
}

/** A row for each set and a column for each system, the best of a row in bold: narrow enough for a terminal. */
function table({ systems, queries, split }: EngineEvaluation, metric: Metric, { bold, dim }: Palette): string {
  const names = Object.keys(systems)
  const widths = names.map((name) => Math.max(name.length, 6) + 2)
  const row = (label: string, queryCount: string, values: readonly (number | undefined)[]): string => {
    const best = Math.max(...values.map((value) => value ?? -1))
    const cells = values.map((value, i) => {
      const cell = (value === undefined ? '–' : (100 * value).toFixed(1)).padStart(widths[i]!)
      return value === best && names.length > 1 ? bold(cell) : cell
    })
    return `${label.padEnd(14)} ${queryCount.padStart(7)}${cells.join('')}`
  }
  const total = Object.values(queries).reduce((sum, each) => sum + each, 0)
  return [
    dim(`${`${metric} ${split}`.padEnd(14)} ${'queries'.padStart(7)}${names.map((name, i) => name.padStart(widths[i]!)).join('')}`),
    ...Object.entries(queries).map(([set, queryCount]) =>
      row(
        set,
        count(queryCount),
        names.map((name) => systems[name]!.sets[set]?.[metric]),
      ),
    ),
    row(
      'mean',
      count(total),
      names.map((name) => systems[name]!.mean[metric]),
    ),
    dim(`${'ms a question'.padEnd(22)}${names.map((name, i) => systems[name]!.milliseconds.toFixed(2).padStart(widths[i]!)).join('')}`),
    '',
  ].join('\n')
}

/** On what it was measured; no figure is worth anything without. */
function circumstances({ documents, split }: EngineEvaluation): string {
  const cores = cpus()
  return `${split} queries over ${count(documents)} documents in one collection; pilotfish ${manifest.version}, Node ${process.versions.node}, ${cores.length} × ${cores[0]?.model.trim() ?? 'unknown processor'}.`
}

function metricList(text: string): Metric[] {
  return nameList(text).map((name) => {
    if (/^(ndcg|recall|mrr|map)@[1-9]\d*$/.test(name) || name === 'mrr' || name === 'map') return name as Metric
    throw new InvalidArgumentError(`${name} is none of ndcg@k, recall@k, mrr@k, map@k, mrr, map.`)
  })
}
