/** How a search finds its candidates. */
export type Plan =
  | { readonly kind: 'scan' }
  /** Ask the graph for `fetch` candidates, keep those the filter allows, and scan instead when they fall short. */
  | { readonly kind: 'graph'; readonly fetch: number }

export interface PlanSizes {
  readonly vectors: number
  /** Vectors the filter allows; all of them without one. */
  readonly allowed: number
  /** Vectors the graph does not hold yet, which are scanned beside it. */
  readonly waiting: number
  readonly dimensions: number
}

// Microseconds, from `npm run bench:store` on two cores; only their ratio decides.
const scanFixed = 0.02
const scanPerElement = 0.0008
const graphFixed = 40
const graphPerCandidate = 1.2
const graphPerCandidateElement = 0.011

/** Chooses what costs less. Both find the same rows, so a wrong guess costs time and nothing else. */
export function choosePlan({ vectors, allowed, waiting, dimensions }: PlanSizes, k: number): Plan {
  const scanCost = (rows: number): number => rows * (scanFixed + scanPerElement * dimensions)
  // To meet k allowed ones among the nearest, about k / selectivity are needed; half more makes falling short rare.
  const fetch = Math.ceil(allowed === vectors ? k : (1.5 * k * vectors) / Math.max(1, allowed) + 16)
  const graphCost = graphFixed + Math.max(128, 1.5 * fetch) * (graphPerCandidate + graphPerCandidateElement * dimensions) + scanCost(waiting)
  return graphCost < scanCost(allowed) ? { kind: 'graph', fetch } : { kind: 'scan' }
}
