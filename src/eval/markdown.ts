import type { Comparison } from './comparison.ts'
import type { Metric } from './evaluate.ts'

/** p below which a difference is marked. */
export const significant = 0.05

/** Marks a score that differs from the general expert's by more than chance. */
export const significanceMark = '†'

/**
 * The scores as a Markdown table of percentages: a row for each system, a column for each set. † marks scores that differ from
 * `general` with p < 0.05.
 */
export function comparisonTable({ systems, queries }: Pick<Comparison, 'systems' | 'queries'>, metric: Metric = 'ndcg@10'): string {
  const sets = Object.keys(queries)
  const rows = Object.entries(systems).map(([name, { mean, sets: bySet, significance }]) => {
    const tested = significance?.general
    return [
      name,
      scored(mean[metric], tested?.mean[metric]?.p),
      ...sets.map((set) => scored(bySet[set]?.[metric], tested?.sets[set]?.[metric]?.p)),
    ]
  })
  return table([metric, 'mean', ...sets], rows)
}

/** What queries cost, and how often routers were right, as a Markdown table. Empty where no system says. */
export function costsTable({ systems }: Pick<Comparison, 'systems'>): string {
  const share = (value: number | undefined): string => (value === undefined ? '–' : `${(100 * value).toFixed(1)} %`)
  const rows = Object.entries(systems)
    .filter(([, { cost, accuracy }]) => cost || accuracy)
    .map(([name, { cost, accuracy }]) => [
      name,
      ...[cost?.passes, cost?.lookups, cost?.stores].map((value) => value?.toFixed(2) ?? '–'),
      share(cost?.lexical),
      share(accuracy?.best),
      share(accuracy?.owner),
    ])
  return rows.length === 0 ? '' : table(['per query', 'passes', 'lookups', 'stores', 'BM25', 'best expert', 'owner'], rows)
}

function scored(value: number | undefined, p: number | undefined): string {
  if (value === undefined) return '–'
  return `${(100 * value).toFixed(1)}${p !== undefined && p < significant ? ` ${significanceMark}` : ''}`
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [row(header), row(header.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(row), ''].join('\n')
}
