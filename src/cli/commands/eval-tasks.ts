import { Option, type Command } from 'commander'
import type { TaskEvaluation, TaskSetComparisons, TaskSets } from '../../eval/index.ts'
import type { OnnxDType } from '../../index.ts'
import { retrievalTasks, type RetrievalTask } from '../../tasks/task.ts'
import type { TaskSample } from '../../tasks/sample.ts'
import type { LanguageModel } from '../../train/index.ts'
import { badLines } from '../bad-lines.ts'
import { progressView } from '../display/progress.ts'
import type { Environment, ExitCode } from '../environment.ts'
import { command, packOption, wholeNumber } from '../options.ts'
import { stopper } from '../stopper.ts'
import { checkUsage, openModel, readAll, setsOf, taskSets, type Circumstances, type EvalTasksOptions } from './eval-tasks/inputs.ts'
import { show } from './eval-tasks/results.ts'
import { usualCache } from './eval.ts'

const dtypes = ['fp32', 'fp16', 'q8', 'int8', 'uint8', 'q4', 'q4f16', 'bnb4'] as const satisfies readonly OnnxDType[]

export function evalTasksCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('eval-tasks', 'Measure, task by task, how well a pack chooses what a language model should read.', [
    'pilotfish eval-tasks --samples chat.json lrlm.json icl.json --pack ./my-pack',
    'pilotfish eval-tasks --samples chat.json --model ./models/SmolLM2-135M --k 1',
    'pilotfish eval-tasks --exemplars train.jsonl --questions test.jsonl --k 8 --model ./models/SmolLM2-135M',
    'pilotfish eval-tasks --sets tool=sets/toollens,sets/metatool --sets convsearch=sets/mtrag-un --out results',
  ])
    .option('--samples <file...>', "LLM-Embedder's training data: query, pos, neg or history, teacher_scores, answers, task on a line")
    .addOption(new Option('--task <name>', 'the task of samples that name none').choices([...retrievalTasks]))
    .option('--exemplars <file>', 'labelled texts to learn from: text, label on a line')
    .option('--questions <file>', 'labelled texts to find exemplars for')
    .option('--limit <count>', 'samples of each file, and questions, at most (default: all)', wholeNumber(1))
    .option(
      '--model <source>',
      'causal language model that reads what is chosen: a directory, a hub repository, or the URL of a /v1/completions endpoint',
    )
    .option('--model-name <name>', 'the model behind an endpoint')
    .option('--api-key-variable <name>', 'environment variable that holds the key of an endpoint')
    .option('--window <tokens>', "read at most, answer included (default: the model's positions, at most 4096)", wholeNumber(1))
    .addOption(new Option('--dtype <type>', 'which variant of an ONNX model (default: fp32)').choices(dtypes))
    .option('--offline', 'never fetch a model')
    .option('--k <count>', 'candidates that the model is given, and exemplars that vote', wholeNumber(1, 1000), 1)
    .option('--cutoff <k>', 'depth of nDCG and recall (default: 10; 3 for convsearch, 5 for tool)', wholeNumber(1, 1000))
    .option('--seed <number>', 'fixes the random order and lots between equal scores', wholeNumber(0, 2 ** 31), 1)
    .option('--sets <task=dirs>', 'BEIR directories that stand for a task, joined by commas; may be given several times', taskSets)
    .option('--split <name>', 'whose queries of --sets are asked: qrels/<name>.tsv', 'test')
    .option('--merged', 'all sets of a task in one collection, where documents of other sets are wrong answers')
    .addOption(packOption())
    .option('--skip-bad', 'go on past lines that cannot be understood, and list them')
    .option('--cache <dir>', 'where embeddings of documents are kept (default: pilotfish/embeddings in the cache directory)')
    .option('--no-cache', 'keep no embeddings')
    .option('-o, --out <dir>', 'write task-evaluation.json and task-evaluation.md there')
    .option('--json [file]', 'all figures as JSON, to a file or to standard output')
    .option('-q, --quiet', 'no progress and no table')
    .action(async (options: EvalTasksOptions) => end(await evalTasks(options, environment)))
}

async function evalTasks(options: EvalTasksOptions, environment: Environment): Promise<ExitCode> {
  checkUsage(options)
  const stop = stopper(environment)
  const bad = badLines(options.skipBad ?? false)
  const progress = progressView(environment.stderr, { label: 'Evaluating', quiet: options.quiet ?? false, units: units.ordering })
  try {
    const under: Circumstances = { options, environment, signal: stop.signal, bad, progress }
    // Files are read before anything that takes long.
    const samples = await readAll(under)
    const sets = await setsOf(under)
    const judged = samples.length > 0 ? await judgeSamples(samples, under, sets === undefined ? 1 : 0.5) : undefined
    const retrieval = sets && (await askSets(sets, under, judged === undefined ? 0 : 0.5))
    progress.stop()
    await show({ ...(judged && { judged }), ...(retrieval && { retrieval }) }, under)
    return 0
  } catch (error) {
    if (!stop.signal.aborted) throw error
    return stop.exitCode()
  } finally {
    progress.stop()
    stop.release()
  }
}

const units = {
  ordering: ['samples', 'samples/s'],
  asking: ['answers', 'answers/s'],
  documents: ['documents', 'docs/s'],
  questions: ['questions', 'questions/s'],
  results: ['steps', 'steps/s'],
} as const

async function judgeSamples(samples: readonly TaskSample[], under: Circumstances, part: number): Promise<TaskEvaluation> {
  const { evaluateTasks, loadPack, packCandidateSystems } = await import('../../eval/index.ts')
  const { bundledPack } = await import('../../index.ts')
  const { options, signal, progress } = under
  const { k, seed, cutoff } = options
  const pack = await loadPack(options.pack ?? bundledPack())
  let model: LanguageModel | undefined
  try {
    model = await openModel(under)
    return await evaluateTasks(samples, {
      systems: packCandidateSystems(pack),
      ...(model && { model }),
      k,
      seed,
      cutoffs: cutoffsOf(cutoff),
      signal,
      onProgress: ({ task, stage, done, share }) => progress.update({ done, share: share * part, units: units[stage], note: task }),
    })
  } finally {
    await model?.close()
    await pack.close()
  }
}

async function askSets(
  sets: TaskSets,
  { options, environment, bad, signal, progress }: Circumstances,
  from: number,
): Promise<TaskSetComparisons> {
  const { evaluateTaskSets } = await import('../../eval/index.ts')
  const { split, merged = false, cutoff } = options
  const cache = options.cache === true ? usualCache(environment) : options.cache
  return evaluateTaskSets(options.pack, sets, {
    split,
    merged,
    cutoffs: cutoffsOf(cutoff),
    ...(cache !== false && { cache }),
    ...bad.hook,
    signal,
    onProgress: ({ task, stage, done, share }) =>
      progress.update({ done, share: from + share * (1 - from), units: units[stage], note: task }),
  })
}

function cutoffsOf(cutoff: number | undefined): Partial<Record<RetrievalTask, number>> {
  return cutoff === undefined ? {} : Object.fromEntries(retrievalTasks.map((task) => [task, cutoff]))
}
