import type { Calibration, SimilarityScale } from '../calibration.ts'
import { askOne, outcomes } from './outcomes.ts'
import type { HeldOutQuery } from './queries.ts'
import { centreOf, shares, slope } from './scales.ts'

/** How an expert that joins a calibrated pack is fused with the others and with BM25. */
export interface NewcomerScale {
  readonly scale: SimilarityScale
  /** BM25's share for its queries, in [0, 1]. */
  readonly lexicalWeight: number
}

/**
 * Fits one expert's scale and BM25 share to what its held-out queries find among its own documents; nothing of the others
 * changes. A few dozen queries cannot tell shares that score alike apart: of those within one standard error of the best,
 * the one nearest `expected` is taken.
 * @param experts In the order of the candidates' similarities; `expert` is one of them.
 */
export function fitNewcomerScale(
  queries: readonly HeldOutQuery[],
  expert: string,
  experts: readonly string[],
  calibration: Calibration,
  expected: number,
): NewcomerScale & { readonly calibration: Calibration } {
  const scale: SimilarityScale = { centre: centreOf(queries, experts.indexOf(expert)), slope }
  const { similarity } = calibration
  const fitted: Calibration = { ...calibration, similarity: { ...similarity, experts: { ...similarity.experts, [expert]: scale } } }
  const outcome = outcomes(experts, fitted)
  const curves = shares.map((share) => queries.map((query) => outcome(query, askOne(expert, share))))
  const means = curves.map(mean)
  const best = means.indexOf(Math.max(...means))
  const near = shares.filter((_, i) => means[best]! - means[i]! <= standardError(curves[best]!, curves[i]!))
  const lexicalWeight = near.reduce((nearest, share) => (Math.abs(share - expected) < Math.abs(nearest - expected) ? share : nearest))
  return { scale, lexicalWeight, calibration: fitted }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}

/** Of the mean difference of paired scores. */
function standardError(a: readonly number[], b: readonly number[]): number {
  const differences = a.map((value, i) => value - b[i]!)
  const middle = mean(differences)
  const variance = mean(differences.map((difference) => (difference - middle) ** 2))
  return Math.sqrt(variance / Math.max(1, a.length - 1))
}
