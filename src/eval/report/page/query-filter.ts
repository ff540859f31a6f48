import type { Queries } from './data.ts'

/** Who a query is compared under: the router as it is, the general expert, the best that an oracle could do. */
export interface Compared {
  readonly routed: string | undefined
  readonly general: string | undefined
  readonly oracle: string | undefined
}

/** Whether a query was routed so: a decision, or `asked:NAME`. */
export function onRoute(queries: Queries, query: number, route: string): boolean {
  if (!route.startsWith('asked:')) return queries.decision(query) === route
  return queries.decision(query) !== 'fallback' && queries.asked(query)[0]?.expert === route.slice('asked:'.length)
}

/** Whether what became of a query is of this kind. `best` is the oracle that `oracle` means. */
export function hasOutcome(
  queries: Queries,
  query: number,
  outcome: string,
  { routed, general }: Compared,
  best: string | undefined,
): boolean {
  const own = routed === undefined ? undefined : queries.score(query, routed)
  if (outcome === 'oracle') return own !== undefined && best !== undefined && (queries.score(query, best) ?? 0) > own
  if (outcome === 'disagree') {
    const firsts = new Set(queries.columns.experts.flatMap((expert) => queries.hits(query, expert)[0]?.document ?? []))
    return firsts.size > 1
  }
  if (outcome === 'none') return !queries.columns.experts.some((expert) => queries.hits(query, expert).some(({ grade }) => grade > 0))
  const base = general === undefined ? undefined : queries.score(query, general)
  if (own === undefined || base === undefined) return false
  return outcome === 'differs' ? own !== base : outcome === 'better' ? own > base : own < base
}

/** What queries are ordered by, the smallest first. */
export function sortKey(queries: Queries, query: number, order: string, { routed, general }: Compared, best: string | undefined): number {
  if (order === 'doubt') return queries.columns.confidence[query]!
  const own = (routed && queries.score(query, routed)) || 0
  if (order === 'oracle') return own - ((best && queries.score(query, best)) || 0)
  const gain = own - ((general && queries.score(query, general)) || 0)
  return order === 'gain' ? -gain : gain
}

/** A first question that shows something: one that routing answers and the general expert does not. */
export function mostTelling(queries: Queries, { routed, general }: Compared): number {
  if (!routed || !general) return 0
  let best = 0
  let most = -Infinity
  for (let query = 0; query < queries.count; query++) {
    const gain = (queries.score(query, routed) ?? 0) - (queries.score(query, general) ?? 0)
    if (gain > most) [best, most] = [query, gain]
  }
  return best
}
