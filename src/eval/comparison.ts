import type { Interval } from './bootstrap.ts'
import type { QueryCost } from './costs.ts'
import type { Metric, Scores } from './evaluate.ts'
import type { RoutingAccuracy } from './set-result.ts'

/** Scores in [0, 1] of several systems over several sets. */
export interface Comparison {
  readonly split: string
  /** Documents that were searched. */
  readonly documents: number
  /** Judged queries by set. */
  readonly queries: Readonly<Record<string, number>>
  readonly systems: Readonly<Record<string, SystemScores>>
  /** Where queries were sent, by set. */
  readonly routes: Readonly<Record<string, RouteCounts>>
  /** From the first document or question to the last score. */
  readonly seconds: number
}

export interface SystemScores {
  /** Mean over sets: each set weighs the same. */
  readonly mean: Scores
  readonly sets: Readonly<Record<string, Scores>>
  /** 95 % bootstrap intervals, queries drawn anew within each set. */
  readonly intervals?: Spread<Interval>
  /** What it is ahead by, of `general` and of whatever else it was compared with. */
  readonly significance?: Readonly<Record<string, Spread<Difference>>>
  /** Per query: mean over sets, each weighing the same, and of each set. */
  readonly cost?: QueryCost & { readonly sets: Readonly<Record<string, QueryCost>> }
  /** Of a system that routes: mean over sets, and of each set. */
  readonly accuracy?: RoutingAccuracy & { readonly sets: Readonly<Record<string, RoutingAccuracy>> }
}

/** Something that is known of the mean over sets and of each set, by metric. */
export interface Spread<T> {
  readonly mean: Readonly<Record<string, T>>
  readonly sets: Readonly<Record<string, Readonly<Record<string, T>>>>
}

/** How far one system is ahead of another on the same queries. */
export interface Difference {
  readonly difference: number
  /** 95 % bootstrap interval of the difference. */
  readonly interval: Interval
  /** Paired randomisation test, two-sided. */
  readonly p: number
}

/** What the default router did with a set's queries. */
export interface RouteCounts {
  /** How often each expert came first, queries that fell back aside. */
  readonly experts: Readonly<Record<string, number>>
  /** Queries that went to the general expert, being far from all others. */
  readonly fallback: number
  /** Queries that asked two experts. */
  readonly fused: number
  /** Mean share of BM25 that the routes gave, in [0, 1]; when `routed+bm25` was asked. */
  readonly lexicalWeight?: number
}

/** Mean over sets, each weighing the same. */
export function meanOverSets(sets: Readonly<Record<string, Scores>>, metrics: readonly Metric[]): Scores {
  const all = Object.values(sets)
  return Object.fromEntries(
    metrics.map((metric) => [metric, all.reduce((sum, scores) => sum + scores[metric]!, 0) / Math.max(1, all.length)]),
  ) as Scores
}
