import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { Option, type Command } from 'commander'
import { InvalidDataError } from '../../errors.ts'
import type { Reward, ScoreFileOptions } from '../../train/index.ts'
import { retrievalTasks, type RetrievalTask } from '../../tasks/task.ts'
import { problemLog } from '../display/problems.ts'
import { progressView, type Progress } from '../display/progress.ts'
import { estimateText, scoredText } from '../display/reward.ts'
import { palette } from '../display/colour.ts'
import { UsageError, type Environment, type ExitCode } from '../environment.ts'
import { command, jsonOption, numberBetween, wholeNumber } from '../options.ts'
import { stopper } from '../stopper.ts'

interface RewardCommandOptions {
  readonly data: string
  readonly model: string
  readonly out?: string
  readonly kind: 'likelihood' | 'rank' | 'cross-encoder'
  readonly samples?: number
  readonly maxTokens?: number
  readonly seed: number
  readonly window?: number
  readonly dtype?: Dtype
  readonly threads?: number
  readonly modelName?: string
  readonly apiKeyVariable?: string
  readonly concurrency?: number
  readonly price?: number
  readonly task?: RetrievalTask
  readonly limit?: number
  readonly estimate?: boolean
  readonly offline?: boolean
  readonly strict?: boolean
  readonly quiet?: boolean
  readonly json?: boolean
}

const dtypes = ['fp32', 'fp16', 'q8', 'int8', 'uint8', 'q4', 'q4f16', 'bnb4'] as const
type Dtype = (typeof dtypes)[number]

export function rewardCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('reward', 'Let a language model score the candidates of training samples.', [
    'pilotfish reward --data qa.jsonl --model onnx-community/Qwen3-0.6B-ONNX --out qa.scored.jsonl',
    'pilotfish reward --data qa.jsonl --model ./my-model --estimate',
    'pilotfish reward --data chat.jsonl --model ./my-model --kind rank --samples 10 --out chat.scored.jsonl',
    'pilotfish reward --data tool.jsonl --kind cross-encoder --model Xenova/ms-marco-MiniLM-L-6-v2 --out tool.scored.jsonl',
    'pilotfish reward --data qa.jsonl --model http://localhost:8000/v1/completions --model-name llama --out qa.scored.jsonl',
  ])
    .requiredOption('--data <file>', "JSON lines in LLM-Embedder's format: query, pos and neg or history, answers, task")
    .requiredOption('--model <source>', 'directory or hub repository with an ONNX model, or the URL of a /v1/completions endpoint')
    .option('--out <file>', 'where the same lines go, with teacher_scores; added to if it is there')
    .addOption(
      new Option('--kind <kind>', "what a score is: likelihood of the answer, places it gains in rank, or a cross-encoder's verdict")
        .choices(['likelihood', 'rank', 'cross-encoder'])
        .default('likelihood'),
    )
    .option('--samples <number>', 'rank: outputs drawn for each query (default: 10)', wholeNumber(1, 1000))
    .option('--max-tokens <number>', 'rank: tokens of each output at most (default: 32)', wholeNumber(1))
    .option('--seed <number>', 'rank: equal seeds draw equal outputs', wholeNumber(0, 2 ** 31), 1)
    .option('--window <tokens>', "read at most, answer included (default: the model's positions, at most 4096)", wholeNumber(1))
    .addOption(new Option('--dtype <type>', 'which variant of an ONNX model (default: fp32)').choices(dtypes))
    .option('--threads <number>', 'for an ONNX model (default: half of the processor, at most 4)', wholeNumber(1, 1024))
    .option('--model-name <name>', 'the model behind an endpoint')
    .option('--api-key-variable <name>', 'environment variable that holds the key of an endpoint')
    .option('--concurrency <number>', 'requests to an endpoint at a time (default: 4)', wholeNumber(1, 1000))
    .option('--price <amount>', 'of a million tokens, for the estimate', numberBetween(0, 1e9))
    .addOption(new Option('--task <task>', 'of lines that name none').choices(retrievalTasks))
    .option('--limit <lines>', 'read this many lines from the beginning', wholeNumber(1))
    .option('--estimate', 'only say what it takes: prompts, tokens, time')
    .option('--offline', 'never fetch a model')
    .option('--strict', 'stop at the first line that cannot be used')
    .option('-q, --quiet', 'no progress and no summary')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Every line is on the disk before the next is scored: what is stopped or killed
goes on when the same command is given again. Lines that a language model has no
use for (no answers; tools) go through as they came, and are counted.`,
    )
    .action(async (options: RewardCommandOptions) => end(await reward(options, environment)))
}

async function reward(options: RewardCommandOptions, environment: Environment): Promise<ExitCode> {
  const { data, out, estimate = false, strict = false, quiet = false, json = false } = options
  if (out === undefined && !estimate)
    throw new UsageError('Say where the scored lines go (--out FILE), or ask for an estimate (--estimate).')
  const { estimateReward, scoreFile } = await import('../../train/index.ts')
  const colours = palette(environment.stdout, environment.variables)
  const stop = stopper(environment)
  const progress = progressView(environment.stderr, { label: 'Scoring', units: ['lines', 'lines/s'], quiet: quiet || estimate })
  const log = problemLog((line) => progress.log(line), {})
  const what = {
    data,
    signal: stop.signal,
    ...(options.task && { task: options.task }),
    ...(options.limit !== undefined && { limit: options.limit }),
    ...(options.price !== undefined && { pricePerMillionTokens: options.price }),
  }
  let model: Opened | undefined
  try {
    // Before a model is fetched that may be large.
    await access(data, constants.R_OK).catch((error: unknown) => {
      throw new InvalidDataError(data, undefined, 'cannot be read', error)
    })
    model = await openReward(options, stop.signal, fetching(environment, quiet))
    if (estimate) {
      const found = await estimateReward({ ...what, reward: model.reward, onProblem: log.report })
      environment.stdout.write(json ? `${JSON.stringify(found, undefined, 2)}\n` : estimateText(found))
      return 0
    }
    const how: ScoreFileOptions = {
      ...what,
      out: out!,
      reward: model.reward,
      strict,
      onProblem: log.report,
      onProgress: ({ done, share }) => progress.update({ done, share }),
      ...(!quiet && { onEstimate: (found) => progress.log(estimateText(found).trimEnd()) }),
    }
    const scored = await scoreFile(how)
    progress.stop()
    if (scored.kept + scored.written + scored.skipped === 0) throw new InvalidDataError(data, undefined, 'holds no samples')
    if (json) environment.stdout.write(`${JSON.stringify({ ...scored, reward: model.reward.id, problems: log.list() }, undefined, 2)}\n`)
    else if (!quiet) environment.stdout.write(scoredText(scored, log, out!, colours))
    return 0
  } catch (error) {
    progress.stop()
    if (!stop.signal.aborted) throw error
    progress.log(
      estimate ? 'pilotfish: stopped.' : `pilotfish: stopped. What was scored is in ${out}; the same command goes on from there.`,
    )
    return stop.exitCode()
  } finally {
    progress.stop()
    await model?.close()
    stop.release()
  }
}

interface Opened {
  readonly reward: Reward
  close(): Promise<void>
}

/** Shows how far a model's files are fetched. */
function fetching(environment: Environment, quiet: boolean): Fetching {
  let view: Progress | undefined
  return {
    update({ done, total }) {
      view ??= progressView(environment.stderr, { label: 'Fetching', units: ['MB', 'MB/s'], quiet })
      view.update({ done: done / 1e6, share: total ? done / total : 0 })
    },
    stop: () => view?.stop(),
  }
}

interface Fetching {
  update(progress: { readonly done: number; readonly total: number | undefined }): void
  stop(): void
}

async function openReward(options: RewardCommandOptions, signal: AbortSignal, fetched: Fetching): Promise<Opened> {
  try {
    return await open(options, signal, fetched)
  } finally {
    fetched.stop()
  }
}

async function open(options: RewardCommandOptions, signal: AbortSignal, fetched: Fetching): Promise<Opened> {
  const { causalLanguageModel, crossEncoderReward, endpointLanguageModel, likelihoodReward, rankReward } =
    await import('../../train/index.ts')
  const { model, kind, window, dtype, threads, offline, modelName, apiKeyVariable, concurrency, samples, maxTokens, seed } = options
  const isUrl = /^https?:\/\//.test(model)
  if (kind === 'cross-encoder' && isUrl) throw new UsageError('A cross-encoder is a model of its own, not an endpoint: give its directory.')
  if (isUrl && modelName === undefined) throw new UsageError('Name the model behind the endpoint (--model-name NAME).')
  const local = {
    signal,
    onProgress: fetched.update,
    ...(window !== undefined && { window }),
    ...(dtype && { dtype }),
    ...(threads !== undefined && { threads }),
    ...(offline && { offline }),
  }
  if (kind === 'cross-encoder') {
    const reward = await crossEncoderReward(model, local)
    return { reward, close: () => reward.close() }
  }
  const languageModel = isUrl
    ? endpointLanguageModel({
        url: model,
        model: modelName!,
        ...(window !== undefined && { window }),
        ...(apiKeyVariable !== undefined && { apiKeyVariable }),
        ...(concurrency !== undefined && { concurrency }),
      })
    : await causalLanguageModel(model, local)
  const reward =
    kind === 'rank'
      ? rankReward(languageModel, { seed, ...(samples !== undefined && { samples }), ...(maxTokens !== undefined && { maxTokens }) })
      : likelihoodReward(languageModel)
  return { reward, close: () => languageModel.close() }
}
