import { access, constants } from 'node:fs/promises'
import { resolve } from 'node:path'
import { InvalidArgumentError, InvalidDataError, ScoringStoppedError } from '../errors.ts'
import type { RetrievalTask } from '../tasks/task.ts'
import { checkScores } from './check-scores.ts'
import { estimateReward, isOfOneLine, type RewardEstimate } from './estimate.ts'
import { problemOf, readRewardLines, type RewardLineOptions, type RewardProblem } from './lines.ts'
import { noCost, type Reward, type RewardedSample } from './reward.ts'
import { openScoredOutput, scoredLine, type ScoredOutput } from './scored-output.ts'
import { scoringTally, type ScoredTask, type Tally } from './tally.ts'

export interface ScoreFileOptions extends RewardLineOptions {
  /** Where the same lines go with `teacher_scores`. Beside it lies `<out>.reward.json`, which says what scored them. */
  readonly out: string
  readonly reward: Reward
  /** Stop at the first line that cannot be used or scored, instead of leaving it out. @default false */
  readonly strict?: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ScoringProgress) => void
  /** A line that is left out, and why. */
  readonly onProblem?: (problem: RewardProblem) => void
  /** Called before the first line is scored, unless all are: takes a short probe of the model. */
  readonly onEstimate?: (estimate: RewardEstimate) => void
  /** For the estimate. */
  readonly pricePerMillionTokens?: number
}

export interface ScoringProgress {
  /** Lines dealt with, those of earlier calls included. */
  readonly done: number
  /** How much of the work is done, by length, in [0, 1]. */
  readonly share: number
  /** `undefined` before there is something to go by. */
  readonly secondsLeft: number | undefined
}

export interface ScoredFile {
  /** Lines that an earlier call had written. */
  readonly kept: number
  /** Lines this call wrote, and those it left out. */
  readonly written: number
  readonly skipped: number
  /** Of what this call wrote. */
  readonly tasks: Readonly<Partial<Record<RetrievalTask, ScoredTask>>>
  readonly seconds: number
}

/**
 * Scores the candidates of every line of a file, line by line: each is on the disk before the next is scored. A call that was stopped or
 * killed is gone on with by the same call. Lines keep all their fields; those the reward has no use for go through as they came.
 * @throws InvalidDataError for a file that cannot be read or written, for an output of another reward or other data, and in strict mode
 * for the first bad line; ScoringStoppedError when the model fails: what was scored before is kept
 */
export async function scoreFile(options: ScoreFileOptions): Promise<ScoredFile> {
  const { data, out, reward, signal } = options
  if (resolve(data) === resolve(out)) throw new InvalidArgumentError('out', `is the file that is read: ${out}`)
  const start = performance.now()
  signal?.throwIfAborted()
  await access(data, constants.R_OK).catch((error) => {
    throw new InvalidDataError(data, undefined, 'cannot be read', error)
  })
  const output = await openScoredOutput(out, data, reward.id)
  try {
    const tally = scoringTally()
    const done = await scoreLines(options, output, tally, await workLeft(options, output))
    return {
      kept: output.kept,
      written: done.written,
      skipped: done.skipped,
      tasks: tally.tasks(),
      seconds: (performance.now() - start) / 1000,
    }
  } finally {
    await output.close()
  }
}

/** What there is to do after an earlier call, announced when somebody wants to know. */
async function workLeft(options: ScoreFileOptions, { lastLine }: ScoredOutput): Promise<RewardEstimate> {
  const { onEstimate, onProblem: _said, ...what } = options
  const estimate = await estimateReward({ ...what, after: lastLine, probe: onEstimate !== undefined })
  if (estimate.samples > 0) onEstimate?.(estimate)
  return estimate
}

async function scoreLines(options: ScoreFileOptions, output: ScoredOutput, tally: Tally, work: RewardEstimate) {
  const { data, out, reward, strict = false, signal, onProgress, onProblem } = options
  const start = performance.now()
  let [written, skipped, characters, prompts] = [0, 0, 0, 0]
  const report = (): void => {
    const share = work.characters > 0 ? characters / work.characters : work.prompts > 0 ? prompts / work.prompts : 1
    const seconds = (performance.now() - start) / 1000
    onProgress?.({
      done: output.kept + written + skipped,
      share: Math.min(1, share),
      secondsLeft: share > 0 ? Math.max(0, seconds / share - seconds) : undefined,
    })
  }
  const skip = (line: number, error: InvalidDataError): void => {
    if (strict) throw error
    skipped++
    onProblem?.(problemOf({ line, error }))
  }

  report()
  for await (const item of readRewardLines(options)) {
    signal?.throwIfAborted()
    const { line, text } = item
    if (line <= output.lastLine) continue
    if ('error' in item) {
      skip(line, item.error)
      continue
    }
    let rewarded: RewardedSample
    try {
      rewarded = (await reward.score([item.sample], { ...(signal && { signal }) }))[0]!
      if (rewarded.unscorable === undefined) checkScores(reward.id, rewarded.sample.scores, item.sample.candidates.length)
    } catch (error) {
      signal?.throwIfAborted()
      if (isOfOneLine(error)) {
        skip(line, new InvalidDataError(data, line, `cannot be scored: ${error.message.replace(/\.$/, '')}`, error))
        continue
      }
      throw new ScoringStoppedError(data, line, out, output.kept + written, error instanceof Error ? error : new Error(String(error)))
    }
    await output.append(rewarded.unscorable === undefined ? scoredLine(text, rewarded.sample.scores!) : text)
    tally.add(rewarded)
    written++
    const cost = reward.cost?.(item.sample) ?? { ...noCost, prompts: item.sample.candidates.length }
    characters += cost.characters
    prompts += cost.prompts
    report()
  }
  return { written, skipped }
}
