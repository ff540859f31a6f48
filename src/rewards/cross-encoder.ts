import { fingerprint } from '../encoder/fingerprint.ts'
import type { LocalModelOptions } from '../language-model/model-worker.ts'
import { pairModel } from '../language-model/pair-model.ts'
import { noCuts, type Reward } from './reward.ts'

export type CrossEncoderRewardOptions = LocalModelOptions

/**
 * What a cross-encoder says of each candidate: an ONNX classifier of text pairs in the layout of transformers.js, from a directory or a hub
 * repository, given the query first and the candidate second. Its only logit is the score, or its last one where it has several. It needs
 * no answers, so it scores every task. A pair that is too long loses the candidate's end. Close it when you are done.
 * @throws MissingPackageError, ModelNotFoundError, InvalidModelError, InvalidArgumentError, DownloadError, OfflineError
 */
export async function crossEncoderReward(
  source: string,
  options: CrossEncoderRewardOptions = {},
): Promise<Reward & { close(): Promise<void> }> {
  const model = await pairModel(source, options)
  return {
    id: fingerprint('cross-encoder', { model: model.id }),
    async score(samples, { signal, onProgress } = {}) {
      let total = 0
      const ends = samples.map(({ candidates }) => (total += candidates.length))
      if (total === 0) return samples.map((sample) => ({ sample: { ...sample, scores: [] }, tokens: 0, cuts: noCuts }))
      const pairs = samples.flatMap(({ query, candidates }) => candidates.map((candidate) => [query, candidate] as const))
      const found = await model.score(pairs, {
        ...(signal && { signal }),
        ...(onProgress && { onProgress: (done) => onProgress(ends.filter((end) => end <= done).length) }),
      })
      return samples.map((sample, i) => {
        const range = [ends[i]! - sample.candidates.length, ends[i]!] as const
        const cut = found.cut.slice(...range)
        return {
          sample: { ...sample, scores: [...found.scores.subarray(...range)] },
          tokens: found.tokens.slice(...range).reduce((sum, tokens) => sum + tokens, 0),
          cuts: { prompts: cut.filter((tokens) => tokens > 0).length, key: cut.reduce((sum, tokens) => sum + tokens, 0), after: 0 },
        }
      })
    },
    cost: ({ query, candidates }) => ({
      prompts: candidates.length,
      characters: candidates.reduce((sum, candidate) => sum + query.length + candidate.length, 0),
      drawn: 0,
    }),
    close: () => model.close(),
  }
}
