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

// Microseconds on a busy two-core machine (bench/store.ts shows them as ratios); only their ratio decides.
const scanPerRow = 0.03
const scanPerElement = 0.0014
const graphPerDimension = 0.25
const graphPerCandidate = 0.5
const graphPerElement = 0.0045
/** What the graph looks at even for a single hit (`searchBreadth` of graph.ts). */
const least = 128

/** Chooses what costs less. Both find the same rows, so a wrong guess costs time and nothing else. */
export function choosePlan({ vectors, allowed, waiting, dimensions }: PlanSizes, k: number): Plan {
  const scanCost = (rows: number): number => rows * (scanPerRow + scanPerElement * dimensions)
  // To meet k allowed ones among the nearest, about k / selectivity are needed; half more makes falling short rare.
  const fetch = Math.ceil(allowed === vectors ? k : (1.5 * k * vectors) / Math.max(1, allowed) + 16)
  const breadth = Math.max(least, 1.5 * fetch)
  const graphCost = graphPerDimension * dimensions + breadth * (graphPerCandidate + graphPerElement * dimensions) + scanCost(waiting)
  return graphCost < scanCost(allowed) ? { kind: 'graph', fetch } : { kind: 'scan' }
}
