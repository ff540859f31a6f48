import type { Metric, Scores } from './evaluate.ts'

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

/** The scores as a Markdown table of percentages: a row for each system, a column for each set. */
export function comparisonTable({ systems, queries }: Pick<Comparison, 'systems' | 'queries'>, metric: Metric = 'ndcg@10'): string {
  const sets = Object.keys(queries)
  const percent = (value: number | undefined): string => (value === undefined ? '–' : (100 * value).toFixed(1))
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    row([metric, 'mean', ...sets]),
    row(['---', ...['mean', ...sets].map(() => '---:')]),
    ...Object.entries(systems).map(([name, { mean, sets: bySet }]) =>
      row([name, percent(mean[metric]), ...sets.map((set) => percent(bySet[set]?.[metric]))]),
    ),
    '',
  ].join('\n')
}
