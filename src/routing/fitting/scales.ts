import type { Calibration, SimilarityScale } from '../calibration.ts'
import { askOne, outcomes } from './outcomes.ts'
import { meanOverGroups, type Found, type HeldOutQuery, type QueryGroup } from './queries.ts'

/** Calibrated scores, and BM25's best share for each expert's own queries. */
export interface FittedScales {
  readonly calibration: Calibration
  readonly lexicalWeights: ReadonlyMap<string, number>
}

/** Gentle slopes fuse best: scores stay close to linear in the cosine. */
const slope = 3
const halves = [3, 5, 7, 10, 15]
const shares = Array.from({ length: 21 }, (_, i) => i / 20)

/**
 * Finds where each expert's cosines lie, then the lexical scale and the BM25 shares under which held-out queries, asked of
 * their own expert, score best.
 * @param experts In the order of the candidates' similarities.
 */
export function fitScales(groups: readonly QueryGroup[], experts: readonly string[]): FittedScales {
  const domains = [...new Set(groups.map(({ expert }) => expert))]
  const all = groups.flatMap(({ queries }) => queries)
  const scale = (expert: string): SimilarityScale => {
    const own = groups.filter((group) => group.expert === expert).flatMap(({ queries }) => queries)
    return { centre: centreOf(own.length > 0 ? own : all, experts.indexOf(expert)), slope }
  }
  const scales = Object.fromEntries(experts.map((expert) => [expert, scale(expert)]))
  const average = Object.values(scales).reduce((sum, { centre }) => sum + centre, 0) / experts.length
  const similarity = { default: { centre: rounded(average), slope }, experts: scales }

  const attempts = halves.map((half) => {
    const calibration: Calibration = { similarity, lexical: { half } }
    const fits = domains.map((expert) => ({ expert, ...fitShare(groups.filter((group) => group.expert === expert), expert, experts, calibration) }))
    return { calibration, fits, score: fits.reduce((sum, { score }) => sum + score, 0) }
  })
  const best = attempts.reduce((most, attempt) => (attempt.score > most.score ? attempt : most))
  return { calibration: best.calibration, lexicalWeights: new Map(best.fits.map(({ expert, share }) => [expert, share])) }
}

/** BM25's best share when queries are asked of one expert, and the mean nDCG@10 it gives, each group weighing the same. */
export function fitShare(groups: readonly QueryGroup[], expert: string, experts: readonly string[], calibration: Calibration): { share: number; score: number } {
  const outcome = outcomes(experts, calibration)
  const curve = shares.map((share) => meanOverGroups(groups.map(searched), (query) => outcome(query, askOne(expert, share))))
  // Neighbours have a say: a lone peak on a few hundred queries is luck.
  const smooth = curve.map((score, i) => 2 * score + (curve[i - 1] ?? score) + (curve[i + 1] ?? score))
  const at = smooth.indexOf(Math.max(...smooth))
  return { share: shares[at]!, score: curve[at]! }
}

function searched({ queries }: QueryGroup): HeldOutQuery[] {
  return queries.filter(({ found }) => found.length > 0)
}

/** Half way between the median best right document and the median tenth best wrong one. */
function centreOf(queries: readonly HeldOutQuery[], expert: number): number {
  const right: number[] = []
  const wrong: number[] = []
  for (const found of queries.flatMap((query) => query.found)) {
    const { rights, wrongs } = divided(found, expert)
    if (rights.length > 0) right.push(rights[0]!)
    if (wrongs.length >= 10) wrong.push(wrongs[9]!)
  }
  return rounded((median(right) + median(wrong)) / 2)
}

function divided({ result, score }: Found, expert: number): { rights: number[]; wrongs: number[] } {
  const cosines = result.candidates.map(({ id, similarities }) => ({ cosine: similarities[expert]!, right: score([id]) > 0 }))
  cosines.sort((a, b) => b.cosine - a.cosine)
  return { rights: cosines.filter(({ right }) => right).map(({ cosine }) => cosine), wrongs: cosines.filter(({ right }) => !right).map(({ cosine }) => cosine) }
}

function median(values: number[]): number {
  return values.length === 0 ? 0.5 : values.sort((a, b) => a - b)[values.length >> 1]!
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
