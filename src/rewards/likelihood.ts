import type { LanguageModel, Likelihood, Prompt } from '../language-model/language-model.ts'
import { fingerprint } from '../encoder/fingerprint.ts'
import type { TaskSample } from '../tasks/sample.ts'
import { checkedLikelihoods } from './check-scores.ts'
import { noCost, noCuts, type Reward, type RewardedSample } from './reward.ts'
import { answersOf, promptOf, unscorable } from './templates.ts'

/**
 * The reward of LLM-Embedder's released code: the mean log-likelihood per token, in nats, that a language model gives the answer after a
 * candidate and the query, each in its task's template. Of several answers the likeliest counts: any of them will do. Whoever makes the
 * model closes it.
 */
export function likelihoodReward(model: LanguageModel): Reward {
  const promptsOf = (sample: TaskSample): Prompt[] =>
    sample.candidates.flatMap((candidate) => answersOf(sample).map((answer) => ({ ...promptOf(sample, candidate), answer })))

  return {
    id: fingerprint('likelihood', { model: model.id, templates: 1 }),
    async score(samples, { signal, onProgress } = {}) {
      const asked = samples.map((sample) => (unscorable(sample) === undefined ? promptsOf(sample) : []))
      // Where each sample's last prompt is answered, so that progress counts samples.
      let total = 0
      const ends = asked.map((prompts) => (total += prompts.length))
      const likelihoods = await model.likelihoods(asked.flat(), {
        ...(signal && { signal }),
        ...(onProgress && { onProgress: (done) => onProgress(ends.filter((end) => end <= done).length) }),
      })
      const found = checkedLikelihoods(model, likelihoods, total)
      return samples.map((sample, i): RewardedSample => {
        const reason = unscorable(sample)
        if (reason !== undefined) return { sample, unscorable: reason, tokens: 0, cuts: noCuts }
        const mine = found.slice(ends[i]! - asked[i]!.length, ends[i])
        const answers = answersOf(sample).length
        const scores = sample.candidates.map((_, c) => Math.max(...mine.slice(c * answers, (c + 1) * answers).map(meanLikelihood)))
        return { sample: { ...sample, scores }, ...usage(mine) }
      })
    },
    cost(sample) {
      if (unscorable(sample) !== undefined) return noCost
      const prompts = promptsOf(sample)
      return { prompts: prompts.length, characters: prompts.reduce((sum, prompt) => sum + charactersOf(prompt), 0), drawn: 0 }
    },
  }
}

/** Per token; an answer without tokens is certain. */
export function meanLikelihood({ logLikelihood, tokens }: Likelihood): number {
  return tokens === 0 ? 0 : logLikelihood / tokens
}

export function charactersOf({ before, key, after, answer }: Prompt): number {
  return before.length + key.length + after.length + answer.length
}

/** What was read and cut for a sample. */
export function usage(found: readonly Likelihood[]): Pick<RewardedSample, 'tokens' | 'cuts'> {
  const sum = (of: (one: Likelihood) => number): number => found.reduce((total, one) => total + of(one), 0)
  return {
    tokens: sum(({ read, tokens }) => read ?? tokens),
    cuts: {
      prompts: sum(({ cut }) => Number(cut.key + cut.after > 0)),
      key: sum(({ cut }) => cut.key),
      after: sum(({ cut }) => cut.after),
    },
  }
}
