import type { Calibration } from '../calibration.ts'
import { fusion } from '../convex-fusion.ts'
import type { Fusion } from '../fusion.ts'
import type { Route } from '../router.ts'
import type { Found, HeldOutQuery } from './queries.ts'

/** Whom to ask, with what share of BM25. */
export type Asking = Pick<Route, 'experts' | 'lexicalWeight'>

/** What asking so would have scored (nDCG@10): the searches were made once, for every expert. */
export type Outcome = (query: HeldOutQuery, asking: Asking) => number

/** @param experts In the order of the candidates' similarities. */
export function outcomes(experts: readonly string[], calibration: Calibration): Outcome {
  const fuse = fusion(calibration)
  return ({ found }, asking) => found.reduce((sum, one) => sum + scoreOf(one, asking, experts, fuse), 0) / Math.max(1, found.length)
}

/** One expert alone. */
export function askOne(expert: string, lexicalWeight: number): Asking {
  return { experts: [{ name: expert, weight: 1 }], lexicalWeight }
}

function scoreOf({ result, score }: Found, asking: Asking, experts: readonly string[], fuse: Fusion): number {
  const places = asking.experts.map(({ name }) => experts.indexOf(name))
  const candidates = result.candidates.map((candidate) => ({
    ...candidate,
    similarities: places.map((place) => candidate.similarities[place]!),
  }))
  const route: Route = { decision: 'expert', scores: [], confidence: 1, margin: 1, ...asking }
  return score(
    fuse({ ...result, candidates }, route)
      .slice(0, 10)
      .map(({ id }) => id),
  )
}
