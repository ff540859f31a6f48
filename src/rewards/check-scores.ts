import { InvalidScoreError } from '../errors.ts'
import type { LanguageModel, Likelihood } from '../language-model/language-model.ts'

/** Refuses what cannot be written as scores, whoever the teacher is. @throws InvalidScoreError */
export function checkScores(teacher: string, scores: unknown, candidates: number): void {
  if (!Array.isArray(scores) || scores.length !== candidates)
    throw new InvalidScoreError(
      `"${teacher}"`,
      0,
      `gives ${Array.isArray(scores) ? `${scores.length} scores` : 'something that is no list'} for ${candidates} candidates`,
    )
  const wrong = scores.findIndex((score) => typeof score !== 'number' || !Number.isFinite(score))
  if (wrong >= 0)
    throw new InvalidScoreError(`"${teacher}"`, wrong, `gives candidate number ${wrong + 1} the score ${String(scores[wrong])}`)
}

/** The answer of a language model that may be anybody's. @throws InvalidScoreError */
export function checkedLikelihoods({ id }: LanguageModel, found: readonly Likelihood[], prompts: number): readonly Likelihood[] {
  if (!Array.isArray(found) || found.length !== prompts)
    throw new InvalidScoreError(
      `"${id}"`,
      0,
      `gives ${Array.isArray(found) ? `${found.length} likelihoods` : 'something that is no list'} for ${prompts} prompts`,
    )
  const wrong = found.findIndex((one) => !Number.isFinite(one?.logLikelihood) || !(one.tokens >= 0) || !one.cut)
  if (wrong >= 0)
    throw new InvalidScoreError(
      `"${id}"`,
      wrong,
      `gives prompt number ${wrong + 1} the log-likelihood ${String(found[wrong]?.logLikelihood)}`,
    )
  return found
}
