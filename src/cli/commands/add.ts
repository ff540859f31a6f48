import type { Command } from 'commander'
import type { AddResult, Engine } from '../../index.ts'
import { palette } from '../display/colour.ts'
import { count, counted, duration } from '../display/numbers.ts'
import { problemLog, reasonSummary, type ProblemLog } from '../display/problems.ts'
import { progressView } from '../display/progress.ts'
import { UsageError, type Environment, type ExitCode } from '../environment.ts'
import { command, indexOption, jsonOption, nameList, packOption, wholeNumber } from '../options.ts'
import { stopper } from '../stopper.ts'
import { textSplitter } from '../sources/split.ts'
import { removeStaleParts } from '../sources/stale.ts'
import { documentStream, type StreamCounts } from '../sources/stream.ts'
import { listSources } from '../sources/walk.ts'

interface AddCommandOptions {
  readonly index: string
  readonly pack?: string
  readonly root?: string
  readonly extensions?: readonly string[]
  readonly chunkSize: number
  readonly chunkOverlap?: number
  /** `true`: also retrieval sets; `false`: nothing; absent: all but retrieval sets. */
  readonly split?: boolean
  readonly batchSize: number
  readonly reembed?: boolean
  readonly strict?: boolean
  readonly quiet?: boolean
  readonly json?: boolean
}

export function addCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('add', 'Add files to an index, or bring it up to date with them: unchanged documents are skipped.', [
    'pilotfish add ./docs README.md --index ./knowledge',
    'pilotfish add faq.jsonl --index ./knowledge --chunk-size 800',
    'pilotfish add ./beir-sets --index ./knowledge --json > summary.json',
  ])
    .argument('<path...>', 'text or Markdown files, JSON lines, BEIR directories, or directories of these')
    .addOption(indexOption())
    .addOption(packOption())
    .option('--root <dir>', 'what document ids are relative to (default: the working directory)')
    .option('--extensions <list>', 'only files with these extensions, as in md,txt,jsonl (default: every text file)', extensionList)
    .option('--chunk-size <characters>', 'split documents longer than this', wholeNumber(50, 1_000_000), 1000)
    .option('--chunk-overlap <characters>', 'what neighbouring parts share (default: a tenth of the size)', wholeNumber(0, 1_000_000))
    .option('--split', 'split BEIR documents too (by default their ids stay those of the judgements)')
    .option('--no-split', 'store long documents whole')
    .option('--batch-size <documents>', 'documents per transaction', wholeNumber(1, 100_000), 512)
    .option('--reembed', 'embed what the index holds again where the pack has changed')
    .option('--strict', 'stop at the first line or file that cannot be used')
    .option('-q, --quiet', 'no progress and no summary')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
JSON lines hold {"id", "title", "text", "metadata"}, all but "text" optional;
other fields become metadata. Files are called after their path, and the parts
of a long one path#1, path#2 and so on. Documents of a BEIR directory are called
set/id after the directory's name, and have {"set"} in their metadata.`,
    )
    .action(async (paths: string[], options: AddCommandOptions) => end(await add(paths, options, environment)))
}

async function add(paths: readonly string[], options: AddCommandOptions, environment: Environment): Promise<ExitCode> {
  const started = performance.now()
  const splitter =
    options.split === false
      ? undefined
      : textSplitter({ chunkSize: options.chunkSize, chunkOverlap: options.chunkOverlap ?? Math.floor(options.chunkSize / 10) })

  let progress = progressView(environment.stderr, { label: 'Indexing', quiet: true })
  const log = problemLog((line) => progress.log(line), { strict: options.strict ?? false })
  const sources = await listSources(paths, {
    ...(options.root !== undefined && { root: options.root }),
    ...(options.extensions && { extensions: options.extensions }),
    report: log.report,
  })
  if (sources.length === 0 && log.failures() === 0) throw new UsageError(`There is nothing to add in ${paths.join(', ')}.`)
  const bytes = sources.reduce((sum, source) => sum + source.bytes, 0)

  const stop = stopper(environment, () => progress.log('pilotfish: finishing the running batch (once more to stop at once)'))
  let engine: Engine | undefined
  try {
    progress = progressView(environment.stderr, { label: 'Embedding again', quiet: options.quiet === true || options.reembed !== true })
    engine = await environment.open({
      directory: options.index,
      ...(options.pack !== undefined && { pack: options.pack }),
      ...(options.reembed && {
        reembed: true,
        onProgress: ({ done, total }) => progress.update({ done, share: done / (total || 1) }),
      }),
      signal: stop.signal,
    })
    progress.stop()
    progress = progressView(environment.stderr, { label: 'Indexing', quiet: options.quiet ?? false })

    const { documents: before } = await engine.info()
    const stream = documentStream(sources, {
      report: log.report,
      ...(splitter && { split: splitter }),
      splitAll: options.split === true,
      stopped: stop.requested,
    })
    const result = await engine.add(stream.documents, {
      batchSize: options.batchSize,
      signal: stop.signal,
      onProgress: ({ done }) => progress.update({ done, share: bytes === 0 ? 1 : stream.counts.bytes / bytes }),
    })
    const outdated = before === 0 ? 0 : await removeStaleParts(engine, stream.partsOf)
    const { documents: stored } = await engine.info()
    progress.stop()
    await engine.close()

    const summary = summarise({ result, counts: stream.counts, outdated, stored, log, started, interrupted: stop.requested() })
    if (options.json) environment.stdout.write(`${JSON.stringify(summary, undefined, 2)}\n`)
    else if (!options.quiet) environment.stdout.write(summaryText(summary, log, options.index, environment))
    if (!stop.requested()) return log.failures() > 0 ? 1 : 0
    progress.log('pilotfish: interrupted. What was finished is stored; run the same command again to go on where it stopped.')
    return stop.exitCode()
  } catch (error) {
    if (!stop.signal.aborted) throw error
    progress.log('pilotfish: stopped. Finished batches are stored; run the same command again to go on where it stopped.')
    return stop.exitCode()
  } finally {
    progress.stop()
    stop.release()
    await engine?.close()
  }
}

interface SummaryFacts {
  readonly result: AddResult
  readonly counts: StreamCounts
  readonly outdated: number
  readonly stored: number
  readonly log: ProblemLog
  readonly started: number
  readonly interrupted: boolean
}

function summarise({ result, counts, outdated, stored, log, started, interrupted }: SummaryFacts) {
  const seconds = (performance.now() - started) / 1000
  const done = result.added + result.updated + result.unchanged
  return {
    added: result.added,
    updated: result.updated,
    unchanged: result.unchanged,
    truncated: result.truncated,
    /** Documents that were cut, the parts they came in, and parts of an earlier version that were removed. */
    split: counts.split,
    parts: counts.parts,
    outdated,
    skipped: log.failures(),
    leftOut: log.harmless(),
    problems: log.list(),
    stored,
    seconds: Number(seconds.toFixed(3)),
    documentsPerSecond: Number((done / Math.max(seconds, 1e-3)).toFixed(1)),
    peakMemoryMb: Math.round(process.resourceUsage().maxRSS / 1024),
    interrupted,
  }
}

function summaryText(summary: ReturnType<typeof summarise>, log: ProblemLog, index: string, environment: Environment): string {
  const { bold, dim, yellow } = palette(environment.stdout, environment.variables)
  const { added, updated, unchanged, truncated, split, parts, outdated, skipped, leftOut, stored, seconds } = summary
  const line = (name: string, text: string): string => `  ${dim(name.padEnd(10))} ${text}`
  const lines = [
    `${bold(counted(added + updated + unchanged, 'document'))} in ${duration(seconds)}, ${count(summary.documentsPerSecond)} docs/s; ${index} holds ${count(stored)}`,
    line('added', count(added)),
    line('updated', count(updated)),
    line('unchanged', count(unchanged)),
    ...(split > 0 ? [line('split', `${counted(split, 'long document')} into ${counted(parts, 'part')}`)] : []),
    ...(outdated > 0 ? [line('removed', `${counted(outdated, 'part')} of earlier versions`)] : []),
    ...(truncated > 0 ? [line('truncated', `${count(truncated)} longer than the encoder reads (BM25 sees all of them)`)] : []),
    ...(skipped > 0 ? [line('skipped', yellow(`${count(skipped)}: ${reasonSummary(log)}`))] : []),
    ...(leftOut > 0 ? [line('left out', `${count(leftOut)} empty or special files`)] : []),
    line('memory', `${count(summary.peakMemoryMb)} MB at the peak`),
  ]
  return `${lines.join('\n')}\n`
}

function extensionList(text: string): string[] {
  return nameList(text).map((name) => name.replace(/^\*?\./, '').toLowerCase())
}
