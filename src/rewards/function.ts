import { LanguageModelFailedError, PilotfishError } from '../errors.ts'
import type { TaskSample } from '../tasks/sample.ts'
import { checkScores } from './check-scores.ts'
import { noCuts, type Reward, type RewardedSample } from './reward.ts'

/**
 * Any teacher: a function that gives each candidate of a sample a score, higher is better, or `undefined` for a sample it has nothing to
 * say about.
 * @param id What tells its scores from those of others: change it with the function.
 * @throws when scoring, InvalidScoreError for a score that is no finite number and for too many or too few of them, LanguageModelFailedError
 * for what the function throws
 */
export function functionReward(
  id: string,
  score: (
    sample: TaskSample,
    options: { readonly signal?: AbortSignal },
  ) => readonly number[] | undefined | Promise<readonly number[] | undefined>,
): Reward {
  return {
    id,
    async score(samples, { signal, onProgress } = {}) {
      const rewarded: RewardedSample[] = []
      for (const sample of samples) {
        signal?.throwIfAborted()
        const scores = await call(() => score(sample, { ...(signal && { signal }) }), id, signal)
        if (scores) checkScores(id, scores, sample.candidates.length)
        rewarded.push(
          scores
            ? { sample: { ...sample, scores: [...scores] }, tokens: 0, cuts: noCuts }
            : { sample, unscorable: `"${id}" gives it no scores`, tokens: 0, cuts: noCuts },
        )
        onProgress?.(rewarded.length)
      }
      return rewarded
    },
  }
}

async function call<T>(action: () => T | Promise<T>, id: string, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await action()
  } catch (error) {
    signal?.throwIfAborted()
    if (PilotfishError.is(error)) throw error
    throw new LanguageModelFailedError(id, error instanceof Error ? error.message : String(error), error)
  }
}
