import type { RouteCounts } from './comparison.ts'
import type { QueryCost } from './costs.ts'
import type { Metric, Scores } from './evaluate.ts'
import type { SetOwner } from './oracles.ts'
import type { QueryRecord } from './results.ts'

/** Everything an evaluation keeps of one set; plain data, so that it can be put down and taken up again. */
export interface SetResult {
  readonly set: string
  /** Ids of the judged queries, in the order of all lists below. */
  readonly queries: readonly string[]
  /** By system, then by metric: a score a query. */
  readonly scores: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>
  /** Per query, on average; by system. */
  readonly costs: Readonly<Record<string, QueryCost>>
  /** Of systems that route. */
  readonly accuracy: Readonly<Record<string, RoutingAccuracy>>
  readonly routes?: RouteCounts
  readonly owner?: SetOwner
  /** Where they are wanted. */
  readonly records?: readonly RecordedQuery[]
}

/** How often a router put the right expert first, in [0, 1]. */
export interface RoutingAccuracy {
  /** An expert that scores as well as the best on the query, by what oracles choose by; where all experts were asked. */
  readonly best?: number
  /** The expert that the set belongs to; where that is known. */
  readonly owner?: number
}

/** A query's record without what is known elsewhere. */
export type RecordedQuery = Omit<QueryRecord, 'set' | 'scores' | 'place'>

/** Scores by query as lists by metric. */
export function columnsOf(scores: ReadonlyMap<string, Scores>, metrics: readonly Metric[]): Record<string, number[]> {
  return Object.fromEntries(metrics.map((metric) => [metric, Array.from(scores.values(), (score) => score[metric]!)]))
}
