import type { Study, StudyPoint } from '../eval/results.ts'

/**
 * A study as a Markdown table of percentages, which reads well in a terminal too: the means over sets.
 * @param options `sets` appends a table for each set. @default false
 */
export function studyTable(study: Study, options: { readonly sets?: boolean } = {}): string {
  const sets = options.sets ? [...new Set(study.points.flatMap((point) => Object.keys(point.sets)))] : []
  const circumstances = `${study.metric}, ${study.merged ? 'one collection of all sets' : 'each set alone'}, seed ${study.seed}`
  const tables = [
    { title: `${study.name}: ${circumstances}`, scores: (point: StudyPoint) => point.mean },
    ...sets.map((set) => ({ title: set, scores: (point: StudyPoint) => point.sets[set] ?? {} })),
  ]
  return tables.map(({ title, scores }) => `${title}\n\n${table(study, scores)}\n`).join('\n')
}

function table({ varied, points }: Study, scores: (point: StudyPoint) => Readonly<Record<string, number>>): string {
  const told = points.filter((point) => Object.keys(scores(point)).length > 0)
  const systems = [...new Set(told.flatMap((point) => Object.keys(scores(point))))]
  const noted = told.some(({ note }) => note !== undefined)
  const rows = [
    [varied, ...systems, ...(noted ? [''] : [])],
    ...told.map((point) => [
      String(point.at),
      ...systems.map((system) => percent(scores(point)[system])),
      ...(noted ? [point.note ?? ''] : []),
    ]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)))
  const isNumber = (column: number): boolean => column > 0 && column <= systems.length
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => (isNumber(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join(' | ')} |`
  const rule = `| ${widths.map((width, i) => (isNumber(i) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`
  return [line(rows[0]!), rule, ...rows.slice(1).map(line)].join('\n')
}

function percent(value: number | undefined): string {
  return value === undefined ? '–' : (100 * value).toFixed(1)
}
