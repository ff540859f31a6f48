import type { Calibration, SimilarityScale } from '../calibration.ts'
import type { LexicalShares } from '../kinds.ts'
import { askOne, outcomes } from './outcomes.ts'
import { isSearched, meanOverGroups, type Found, type HeldOutQuery, type QueryGroup } from './queries.ts'

/** Calibrated scores, and BM25's best share for each expert's own queries. */
export interface FittedScales {
  readonly calibration: Calibration
  readonly lexicalWeights: ReadonlyMap<string, LexicalShares>
}

/** Gentle slopes fuse best: scores stay close to linear in the cosine. */
export const slope = 3
/** From 7 to 30 held-out queries score within 0.1 points; one value keeps shares comparable between packs. */
const half = 15
export const shares = Array.from({ length: 21 }, (_, i) => i / 20)
/** No kind of question is left to BM25 more than this: people's own documents do not repeat their questions as closely as a test set's do. */
const mostOfAKind = 0.8
/** Shares within 0.1 points of the best are as good as the best: of those the one nearest the common share is taken. */
const indifference = 0.001

/**
 * Finds where each expert's cosines lie, then the BM25 shares under which held-out queries, asked of their own expert, score best: one an expert, and one for each kind
 * of question it is asked.
 * @param experts In the order of the candidates' similarities.
 */
export function fitScales(groups: readonly QueryGroup[], experts: readonly string[]): FittedScales {
  const all = groups.flatMap(({ queries }) => queries)
  const scale = (expert: string): SimilarityScale => {
    const own = groups.filter((group) => group.expert === expert).flatMap(({ queries }) => queries)
    return { centre: centreOf(own.length > 0 ? own : all, experts.indexOf(expert)), slope }
  }
  const scales = Object.fromEntries(experts.map((expert) => [expert, scale(expert)]))
  const average = Object.values(scales).reduce((sum, { centre }) => sum + centre, 0) / experts.length
  const calibration: Calibration = { similarity: { default: { centre: rounded(average), slope }, experts: scales }, lexical: { half } }

  const domains = [...new Set(groups.map(({ expert }) => expert))].map((expert) => {
    const own = groups.filter((group) => group.expert === expert)
    const kinds = own.filter(isSearched).map((group) => shareCurve([group], expert, experts, calibration))
    return { expert, curve: shareCurve(own, expert, experts, calibration), kinds: kinds.length > 1 ? kinds : [] }
  })
  const common = highest(shares.map((_, i) => domains.reduce((sum, { curve }) => sum + curve[i]!, 0)))
  const lexicalWeights = domains.map(({ expert, curve, kinds }): [string, LexicalShares] => {
    const overall = nearestToBest(curve, common)
    return [
      expert,
      { lexicalWeight: shares[overall]!, kinds: kinds.map((one) => Math.min(mostOfAKind, shares[nearestToBest(one, overall)]!)) },
    ]
  })
  return { calibration, lexicalWeights: new Map(lexicalWeights) }
}

/** Mean nDCG@10 when queries are asked of one expert, at every share of BM25; each group weighs the same. */
function shareCurve(groups: readonly QueryGroup[], expert: string, experts: readonly string[], calibration: Calibration): number[] {
  const outcome = outcomes(experts, calibration)
  return shares.map((share) => meanOverGroups(groups.map(searched), (query) => outcome(query, askOne(expert, share))))
}

function nearestToBest(curve: readonly number[], common: number): number {
  const good = [...curve.keys()].filter((i) => curve[i]! >= Math.max(...curve) - indifference)
  return good.reduce((nearest, i) => (Math.abs(i - common) < Math.abs(nearest - common) ? i : nearest))
}

function highest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values))
}

function searched({ queries }: QueryGroup): HeldOutQuery[] {
  return queries.filter(({ found }) => found.length > 0)
}

/** Half way between the median best right document and the median tenth best wrong one. */
export function centreOf(queries: readonly HeldOutQuery[], expert: number): number {
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
  return {
    rights: cosines.filter(({ right }) => right).map(({ cosine }) => cosine),
    wrongs: cosines.filter(({ right }) => !right).map(({ cosine }) => cosine),
  }
}

function median(values: number[]): number {
  return values.length === 0 ? 0.5 : values.sort((a, b) => a - b)[values.length >> 1]!
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
