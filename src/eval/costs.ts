import type { Encoder } from '../encoder/encoder.ts'
import { isDense, type Expert } from '../expert/expert.ts'
import type { Route } from '../routing/router.ts'

/** What answering a query takes, or the mean query of a set. */
export interface QueryCost {
  /** Encoders that read the query: the base, once, wherever its vector is needed, and experts that are models of their own. */
  readonly passes: number
  /** Table experts that read it: a sum of rows of a changed token table, microseconds and no model. An adapter needs neither. */
  readonly lookups: number
  /** Vectors that stores were searched with. */
  readonly stores: number
  /** 1 where BM25 was asked besides or alone, else 0. */
  readonly lexical: number
}

export interface CostFacts {
  readonly experts: ReadonlyMap<string, Expert>
  readonly base: Encoder
  /** The route, or BM25's share, was decided by the base vector. */
  readonly routed: boolean
}

/** BM25 alone: no encoder, no vector. */
export const lexicalCost: QueryCost = { passes: 0, lookups: 0, stores: 0, lexical: 1 }

/** The cost of a query that was answered by this route. */
export function costOf(route: Route, { experts, base, routed }: CostFacts): QueryCost {
  const passes = new Set(routed ? [base.id] : [])
  const lookups = new Set<string>()
  const dense = route.experts.map(({ name }) => experts.get(name)).filter((expert) => expert !== undefined && isDense(expert))
  for (const expert of dense) {
    if (expert.kind === 'adapter') passes.add(base.id)
    else (expert.kind === 'table' ? lookups : passes).add(expert.queryEncoder.id)
  }
  const words = route.lexicalWeight > 0 || dense.length < route.experts.length
  return { passes: passes.size, lookups: lookups.size, stores: dense.length, lexical: words ? 1 : 0 }
}

/** Means, each cost weighing the same. `undefined` where there is none. */
export function meanCost(costs: readonly QueryCost[]): QueryCost | undefined {
  if (costs.length === 0) return undefined
  const mean = (of: (cost: QueryCost) => number): number => costs.reduce((sum, cost) => sum + of(cost), 0) / costs.length
  return {
    passes: mean(({ passes }) => passes),
    lookups: mean(({ lookups }) => lookups),
    stores: mean(({ stores }) => stores),
    lexical: mean(({ lexical }) => lexical),
  }
}
