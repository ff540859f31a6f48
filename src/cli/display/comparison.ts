import type { Comparison, Difference, Metric, PackComparison } from '../../eval/index.ts'
import { machine, versions } from '../machine.ts'
import type { Palette } from './colour.ts'
import { count, duration } from './numbers.ts'
import { clip, displayWidth } from './text.ts'

/** Longest name of a set that is shown whole. */
const longestName = 14

/** What stands behind a score that differs from the general expert's by more than chance. */
const mark = '†'

/**
 * A row for each system and a column for each set, in percent; the best of a column, oracles aside, in bold. Sets that do not fit
 * the width go into further tables below.
 */
export function scoresTable({ systems, queries, split }: Comparison, metric: Metric, width: number, { bold, dim }: Palette): string {
  const names = Object.keys(systems)
  const label = `${metric} ${split}`
  const first = Math.max(label.length, ...names.map(displayWidth))
  const mean: Column = {
    title: 'mean',
    queries: sum(Object.values(queries)),
    values: names.map((name) => systems[name]!.mean[metric]!),
    marked: names.map((name) => differs(systems[name]!.significance?.general?.mean[metric])),
  }
  const sets = Object.entries(queries).map(([set, questions]): Column => ({
    title: clip(set, longestName),
    queries: questions,
    values: names.map((name) => systems[name]!.sets[set]![metric]!),
    marked: names.map((name) => differs(systems[name]!.significance?.general?.sets[set]?.[metric])),
  }))
  return pages([mean, ...sets], width - first)
    .map((columns) =>
      [
        dim(label.padEnd(first) + columns.map(({ title }, i) => alignRight(title, widthOf(columns[i]!))).join('')),
        dim('queries'.padEnd(first) + columns.map((column) => alignRight(count(column.queries), widthOf(column))).join('')),
        ...names.map((name, row) => {
          const cells = columns.map((column) => {
            const behind = column.marked[row] ? mark : column.marked.includes(true) ? ' ' : ''
            const cell = alignRight(percent(column.values[row]!) + behind, widthOf(column))
            return names.length > 1 && row === bestOf(column.values, names) ? bold(cell) : cell
          })
          return (isOracle(name) ? dim(name.padEnd(first)) : name.padEnd(first)) + cells.join('')
        }),
        '',
      ].join('\n'),
    )
    .join('\n')
}

/** What queries cost and how often routers were right: a line a system. Empty where no system says. */
export function costsTable({ systems }: Pick<Comparison, 'systems'>, { dim }: Palette): string {
  const told = Object.entries(systems).filter(([, { cost, accuracy }]) => cost || accuracy)
  if (told.length === 0) return ''
  const label = 'per query'
  const first = Math.max(label.length, ...told.map(([name]) => displayWidth(name)))
  const row = (name: string, cells: readonly string[]): string => name.padEnd(first) + cells.map((cell) => alignRight(cell, 12)).join('')
  const share = (value: number | undefined): string => (value === undefined ? '–' : `${percent(value, 1)} %`)
  const lines = told.map(([name, { cost, accuracy }]) =>
    row(name, [
      ...[cost?.passes, cost?.lookups, cost?.stores].map((value) => value?.toFixed(2) ?? '–'),
      share(cost?.lexical),
      share(accuracy?.best),
      share(accuracy?.owner),
    ]),
  )
  const header = row(label, ['passes', 'lookups', 'stores', 'BM25 asked', 'best expert', "set's owner"])
  return `${[dim(header), ...lines].join('\n')}\n`
}

/** What figures are worth nothing without, in a few sentences. */
export function factsLine(comparison: Comparison): string {
  const { documents, split, seconds } = comparison
  const { pack, merged, lexical } = comparison as Partial<PackComparison>
  const where = pack && !merged ? ', each set alone' : ' in one collection'
  const words = lexical && {
    constants: `k1 ${lexical.k1}, b ${lexical.b}, title weight ${lexical.titleWeight}`,
    terms: `${lexical.stopWords.list} of ${lexical.stopWords.words} stop words, ${lexical.stemmer} stems`,
  }
  return [
    `${split} queries over ${count(documents)} documents${where}, ${duration(seconds)}; ${pack ? `pack ${pack.name} ${pack.version}, ` : ''}` +
      `pilotfish ${versions.pilotfish}, Node ${versions.node}, ${machine()}.`,
    ...(words ? [`BM25: ${words.constants}, ${words.terms}.`] : []),
    ...[significanceNote(comparison)].filter((note) => note !== ''),
  ].join(' ')
}

/** What the mark means; empty where nothing was tested. */
export function significanceNote({ systems }: Pick<Comparison, 'systems'>): string {
  const tested = Object.values(systems).some(({ significance }) => significance?.general)
  return tested ? `${mark} differs from general by paired randomisation, p < 0.05.` : ''
}

/** What was left out or taken up. */
export function notesOf(comparison: Comparison): readonly string[] {
  return (comparison as Partial<PackComparison>).notices ?? []
}

/** Where the queries of each set were sent: a line a set. Empty when no system routed. */
export function routesTable({ routes, queries }: Comparison, { dim }: Palette): string {
  const sets = Object.keys(routes)
  if (sets.length === 0) return ''
  const first = Math.max(...sets.map((set) => displayWidth(clip(set, longestName))), 'routes'.length)
  const lines = sets.map((set) => {
    const { experts, fallback, fused, lexicalWeight } = routes[set]!
    const share = (value: number): string => `${percent(value / Math.max(1, queries[set]!), 0)} %`
    const most = Object.entries(experts)
      .slice(0, 2)
      .filter(([, times]) => times / Math.max(1, queries[set]!) >= 0.005)
    return [
      clip(set, longestName).padEnd(first),
      alignRight(share(fallback), 11),
      alignRight(share(fused), 9),
      alignRight(lexicalWeight === undefined ? '–' : `${percent(lexicalWeight, 0)} %`, 9),
      `  ${most.map(([expert, times]) => `${expert} ${share(times)}`).join(', ')}`,
    ].join('')
  })
  const header = `${'routes'.padEnd(first)}${alignRight('fallback', 11)}${alignRight('fused', 9)}${alignRight('BM25', 9)}  expert that came first`
  return `${[dim(header), ...lines].join('\n')}\n`
}

interface Column {
  readonly title: string
  readonly queries: number
  readonly values: readonly number[]
  readonly marked: readonly boolean[]
}

/** Columns in as many groups as the width asks for, each at least one. */
function pages(columns: readonly Column[], width: number): Column[][] {
  const groups: Column[][] = [[]]
  let left = width
  for (const column of columns) {
    if (left < widthOf(column) && groups.at(-1)!.length > 0) {
      groups.push([])
      left = width
    }
    groups.at(-1)!.push(column)
    left -= widthOf(column)
  }
  return groups
}

function widthOf({ title, queries, marked }: Column): number {
  return 2 + Math.max(displayWidth(title), count(queries).length, '100.0'.length + (marked.includes(true) ? 1 : 0))
}

function differs(difference: Difference | undefined): boolean {
  return difference !== undefined && difference.p < 0.05
}

/** Row of the best score that is not an oracle's; the first of equals. */
function bestOf(values: readonly number[], names: readonly string[]): number {
  return values.reduce((best, value, row) => (!isOracle(names[row]!) && value > (values[best] ?? -1) ? row : best), -1)
}

function isOracle(name: string): boolean {
  return name.startsWith('oracle:')
}

function percent(value: number, digits = 1): string {
  return (100 * value).toFixed(digits)
}

function alignRight(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
