import { PilotfishError } from '../errors.ts'
import { problemOf, readRewardLines, type RewardLineOptions, type RewardProblem } from './lines.ts'
import { noCost, type Reward } from './reward.ts'

/** What scoring a file takes. */
export interface RewardEstimate {
  /** Lines there are to score; those that the reward has no use for are left aside. */
  readonly samples: number
  /** Texts the model is given. */
  readonly prompts: number
  readonly characters: number
  /** Tokens the model reads and writes: measured on the first sample and taken for the others by their length; else 4 characters each. */
  readonly tokens: number
  /** `undefined` where nothing was measured. */
  readonly seconds: number | undefined
  /** Where `pricePerMillionTokens` was given. */
  readonly price?: number
  /** Lines that cannot be understood. */
  readonly bad: number
}

export interface EstimateOptions extends RewardLineOptions {
  readonly reward: Reward
  /** Lines to leave out at the beginning, as they are scored already. @default 0 */
  readonly after?: number
  /** Score some candidates of the first sample to see how long it takes. @default true */
  readonly probe?: boolean
  readonly pricePerMillionTokens?: number
  readonly signal?: AbortSignal
  /** A line that cannot be understood. */
  readonly onProblem?: (problem: RewardProblem) => void
}

/** Candidates that are scored to see how long it takes. */
const probed = 8

/**
 * Reads the whole file, and times the model on a few candidates of the first sample that it can score.
 * @throws InvalidDataError for a file that cannot be read, and whatever the reward throws
 */
export async function estimateReward(options: EstimateOptions): Promise<RewardEstimate> {
  const { reward, after = 0, probe = true, pricePerMillionTokens, signal, onProblem } = options
  const sum = { samples: 0, prompts: 0, characters: 0, drawn: 0, bad: 0 }
  let measured: { readonly seconds: number; readonly tokens: number; readonly characters: number } | undefined
  for await (const item of readRewardLines(options)) {
    signal?.throwIfAborted()
    if ('error' in item) {
      sum.bad++
      onProblem?.(problemOf(item))
      continue
    }
    if (item.line <= after) continue
    const { sample } = item
    const cost = reward.cost?.(sample) ?? { ...noCost, prompts: sample.candidates.length }
    if (cost.prompts === 0) continue
    sum.samples++
    sum.prompts += cost.prompts
    sum.characters += cost.characters
    sum.drawn += cost.drawn
    if (!probe || measured || !reward.cost) continue
    const first = { ...sample, candidates: sample.candidates.slice(0, 1) }
    const few = { ...sample, candidates: sample.candidates.slice(0, probed) }
    try {
      // The first pass of a model takes longer than those that follow.
      await reward.score([first], { ...(signal && { signal }) })
      const start = performance.now()
      const [scored] = await reward.score([few], { ...(signal && { signal }) })
      measured = { seconds: (performance.now() - start) / 1000, tokens: scored!.tokens, characters: reward.cost(few).characters }
    } catch (error) {
      // Another sample tells as much.
      if (!isOfOneLine(error)) throw error
    }
  }
  const { drawn, ...totals } = sum
  const share = measured && measured.characters > 0 ? sum.characters / measured.characters : 0
  const tokens = Math.round(measured && measured.tokens > 0 ? measured.tokens * share : sum.characters / 4) + drawn
  return {
    ...totals,
    tokens,
    seconds: measured ? measured.seconds * share : undefined,
    ...(pricePerMillionTokens !== undefined && { price: (tokens * pricePerMillionTokens) / 1e6 }),
  }
}

/** Whether an error is about the line that was scored, so that others may do. */
export function isOfOneLine(error: unknown): error is Error {
  return PilotfishError.is(error) && ['PROMPT_TOO_LONG', 'INVALID_SCORE', 'MISSING_TOKEN'].includes(error.code)
}
