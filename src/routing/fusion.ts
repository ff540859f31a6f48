import type { StoreResult } from '../store/store.ts'
import type { Route } from './router.ts'

/** Orders what a search found. Pure; part of the pack's calibration, so scores compare across queries. */
export type Fusion = (result: StoreResult, route: Route) => FusedHit[]

/** A candidate with its final score. */
export interface FusedHit {
  readonly id: string
  /** What the list is ordered by, in [0, 1]; higher is better. */
  readonly score: number
  /** Cosine in [-1, 1] under the routed expert (the best one, when two were fused). 0 where the route has no dense expert. */
  readonly similarity: number
  /** Raw BM25, 0 or more. */
  readonly lexical: number
  /** The expert under which the hit scored best. */
  readonly expert: string
}
