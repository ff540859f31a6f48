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
  /** Candidates the graph looks at to find so many. */
  readonly breadth: (fetch: number) => number
}

/** Chooses what costs less on this machine, as the searches of one space have shown. */
export interface Planner {
  /** @param ahead Only asks what will probably be chosen. */
  choose(sizes: PlanSizes, k: number, ahead?: boolean): Plan
  /** Tells what a search that went as planned took. */
  took(plan: Plan, sizes: PlanSizes, k: number, milliseconds: number): void
}

// Microseconds on one machine with both in its caches: where a planner begins. How they grow is the same everywhere; how large they are is measured.
const scanAlone = 20
const scanPerRow = 0.004
const scanPerElement = 0.00005
const comparePerElement = 0.0015
const graphPerDimension = 0.25
const graphPerCandidate = 0.5
const graphPerElement = 0.0045

/** How far machines may differ from that one, either way; what lies beyond was a pause of the process. */
const largestFactor = 16
/** Weight of one search in the running estimates, once there are a few: about the last dozen count. */
const weight = 1 / 12
/** How many searches the constants count as. */
const constantsCount = 2
/** A scan finds everything: it may cost a little more than the graph. */
const exactness = 1.1
/** The graph must cost less than this share of a scan to take over from it: two that cost about the same do not take turns. */
const patience = 0.75

/** A scan that costs up to so many times as much as the graph is tried now and then: what it takes here shows only so. */
const tryable = 2
/** After so many searches for the first time, then after twice as many, and so on. */
const [firstTry, rarestTry] = [8, 256]

/** Either plan finds what is asked for, the scan all of it and the graph nearly all, so a wrong guess costs little but time. */
export function planner(): Planner {
  /** What each plan takes here, relative to what the constants say: in logarithms, so that one slow search counts no more than a fast one. */
  const factors = { scan: 0, graph: 0 }
  const seen = { scan: 0, graph: 0 }
  let last: Plan['kind'] = 'graph'
  const isTurnToTry = (): boolean => {
    const searches = seen.scan + seen.graph
    return searches >= firstTry && (searches % rarestTry === 0 || (searches & (searches - 1)) === 0)
  }

  return {
    choose(sizes, k, ahead = false) {
      const fetch = fetched(sizes, k)
      const graph = graphCost(sizes, fetch) * Math.exp(factors.graph)
      const scan = scanCost(sizes.allowed, sizes.dimensions, k) * Math.exp(factors.scan)
      const other = last === 'graph' ? scan < graph * exactness : graph < scan * patience
      const kind = other ? (last === 'graph' ? 'scan' : 'graph') : last
      // A filter is one question of many: it does not sway what others are asked by.
      if (sizes.allowed === sizes.vectors) last = kind
      if (kind === 'graph' && !ahead && scan < graph * tryable && isTurnToTry()) return { kind: 'scan' }
      return kind === 'graph' ? { kind, fetch } : { kind }
    },
    took(plan, sizes, k, milliseconds) {
      const expected = plan.kind === 'graph' ? graphCost(sizes, plan.fetch) : scanCost(sizes.allowed, sizes.dimensions, k)
      const factor = Math.log(Math.max(1e-6, milliseconds * 1000) / expected)
      const counts = Math.max(weight, 1 / (constantsCount + ++seen[plan.kind]))
      if (Math.abs(factor) <= Math.log(largestFactor)) factors[plan.kind] += counts * (factor - factors[plan.kind])
    },
  }
}

/** To meet k allowed ones among the nearest, about k / selectivity are needed; half more makes falling short rare. */
function fetched({ vectors, allowed }: PlanSizes, k: number): number {
  return Math.ceil(allowed === vectors ? k : (1.5 * k * vectors) / Math.max(1, allowed) + 16)
}

/** A look at every bound, and a comparison at full length of the few that could be among the best. */
function scanCost(rows: number, dimensions: number, k: number): number {
  const compared = Math.min(rows, k * (2 + Math.log(Math.max(1, rows / k))))
  return scanAlone + rows * (scanPerRow + scanPerElement * dimensions) + compared * comparePerElement * dimensions
}

function graphCost({ waiting, dimensions, breadth }: PlanSizes, fetch: number): number {
  return (
    graphPerDimension * dimensions +
    breadth(fetch) * (graphPerCandidate + graphPerElement * dimensions) +
    scanCost(waiting, dimensions, fetch)
  )
}
