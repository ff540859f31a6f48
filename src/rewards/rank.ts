import { fingerprint } from '../encoder/fingerprint.ts'
import { InvalidArgumentError, UnsupportedError } from '../errors.ts'
import type { LanguageModel, Prompt } from '../language-model/language-model.ts'
import type { TaskSample } from '../tasks/sample.ts'
import { hashString } from '../train/random.ts'
import { checkedLikelihoods } from './check-scores.ts'
import { charactersOf, meanLikelihood, usage } from './likelihood.ts'
import { noCost, noCuts, type Reward, type RewardedSample } from './reward.ts'
import { answersOf, promptOf, unscorable } from './templates.ts'

export interface RankRewardOptions {
  /** Outputs drawn for each query. @default 10 */
  readonly samples?: number
  /** Tokens of each at most. @default 32 */
  readonly maxTokens?: number
  /** @default 1 */
  readonly temperature?: number
  /** Equal seeds give equal outputs for equal queries, in whatever order they come. @default 1 */
  readonly seed?: number
}

/**
 * The rank-aware reward of LLM-Embedder, in our reading: its equation is in neither the released code nor the text we have. For a query,
 * N outputs are drawn from the model without any candidate. Desired answer and drawn outputs are ordered by their mean log-likelihood per
 * token, once without a candidate and once with it; the rank of the answer is 1 plus the outputs that are likelier, those that are
 * exactly as likely counting half. The reward is the rank without minus the rank with the candidate: places gained, from −N to N. Of
 * several answers the best-ranked one counts, on both sides. Empty outputs are left out.
 * @throws UnsupportedError for a model that cannot draw texts, InvalidArgumentError
 */
export function rankReward(model: LanguageModel, options: RankRewardOptions = {}): Reward {
  const { samples: count = 10, maxTokens = 32, temperature = 1, seed = 1 } = options
  if (!(Number.isInteger(count) && count > 0)) throw new InvalidArgumentError('samples', `is ${count}, not a whole number above 0`)
  const draw = model.sample
  if (!draw)
    throw new UnsupportedError('This language model can only score texts.', 'The rank-aware reward needs one that draws them, too.')

  const scoreOne = async (sample: TaskSample, signal: AbortSignal | undefined): Promise<RewardedSample> => {
    const reason = unscorable(sample)
    if (reason !== undefined) return { sample, unscorable: reason, tokens: 0, cuts: noCuts }
    const bare = promptOf(sample, undefined)
    const drawn = await draw(bare, { count, maxTokens, temperature, seed: hashString(sample.query, seed), ...(signal && { signal }) })
    const outputs = drawn.filter((text) => text.trim() !== '')
    if (outputs.length === 0) return { sample, unscorable: 'the model draws nothing but empty outputs for it', tokens: 0, cuts: noCuts }
    const answers = answersOf(sample)
    const texts = [...answers, ...outputs]
    const starts = [bare, ...sample.candidates.map((candidate) => promptOf(sample, candidate))]
    const prompts = starts.flatMap((start) => texts.map((answer): Prompt => ({ ...start, answer })))
    const found = checkedLikelihoods(model, await model.likelihoods(prompts, { ...(signal && { signal }) }), prompts.length)
    const ranks = starts.map((_, i) => {
      const likely = found.slice(i * texts.length, (i + 1) * texts.length).map(meanLikelihood)
      return rankOf(Math.max(...likely.slice(0, answers.length)), likely.slice(answers.length))
    })
    return { sample: { ...sample, scores: ranks.slice(1).map((rank) => ranks[0]! - rank) }, ...usage(found) }
  }

  return {
    id: fingerprint('rank', { model: model.id, templates: 1, count, maxTokens, temperature, seed }),
    async score(samples, { signal, onProgress } = {}) {
      const rewarded: RewardedSample[] = []
      for (const sample of samples) {
        rewarded.push(await scoreOne(sample, signal))
        onProgress?.(rewarded.length)
      }
      return rewarded
    },
    cost(sample) {
      if (unscorable(sample) !== undefined) return noCost
      const starts = [undefined, ...sample.candidates].map((candidate) => charactersOf({ ...promptOf(sample, candidate), answer: '' }))
      const answers = answersOf(sample)
      const texts = answers.length + count
      // Of what is drawn nothing is known yet: as long as may be, at four characters a token.
      const said = answers.reduce((sum, { length }) => sum + length, 0) + count * maxTokens * 4
      return {
        prompts: starts.length * texts,
        characters: starts.reduce((sum, characters) => sum + characters * texts + said, 0),
        drawn: count * maxTokens,
      }
    },
  }
}

/** 1 for the likeliest. */
function rankOf(own: number, others: readonly number[]): number {
  return others.reduce((rank, other) => rank + (other > own ? 1 : other === own ? 0.5 : 0), 1)
}
