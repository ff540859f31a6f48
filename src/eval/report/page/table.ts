import type { Figure, SystemSummary } from '../report.ts'
import { ahead } from './ahead.ts'
import { h, picker, section, segments } from './dom.ts'
import { groupNames, metricLabel, metricNames, nameOf, points, shownSystems, signed, type Group } from './names.ts'
import { significant } from './significant.ts'
import type { View } from './view.ts'

type Order = { readonly column: string; readonly down: boolean } | undefined

/** Systems by sets: every figure there is, one metric at a time. */
export function comparisonTable(view: View): HTMLElement {
  const { results, metric } = view
  const sets = Object.keys(results.queries)
  const all = shownSystems(results)
  let order: Order
  let showExperts = false
  let asDifference = false
  const rivals = rivalsOf(all)
  let rival = rivals[0] ?? 'general'
  const place = h('div', { class: 'table-box', tabindex: '0', role: 'region', 'aria-label': 'Comparison table, scrolls sideways' })

  const figure = (system: SystemSummary, column: string): Figure | undefined =>
    column === 'mean' ? system.mean[metric.value] : system.sets[column]?.[metric.value]

  const draw = (): void => {
    const systems = all.filter(({ name }) => showExperts || nameOf(name).group !== 'expert')
    const rows = order
      ? [...systems].sort((a, b) => compare(figure(a, order!.column), figure(b, order!.column)) * (order!.down ? -1 : 1))
      : systems
    const columns = ['mean', ...sets]
    const best = new Map(columns.map((column) => [column, bestOf(systems, (system) => figure(system, column))]))
    const other = all.find(({ name }) => name === rival)
    let group: Group | undefined
    place.replaceChildren(
      h(
        'table',
        { class: 'comparison' },
        h('caption', { class: 'hidden' }, `${metricLabel(metric.value)} by system and set`),
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            h('th', { scope: 'col', class: 'sticky' }, sortButton('', 'System', order, choose)),
            columns.map((column) =>
              h(
                'th',
                { scope: 'col', 'aria-sort': order?.column === column ? (order.down ? 'descending' : 'ascending') : 'none' },
                sortButton(column, column === 'mean' ? 'Mean' : column, order, choose),
              ),
            ),
          ),
        ),
        h(
          'tbody',
          {},
          rows.flatMap((system) => {
            const { label, group: own, sentence } = nameOf(system.name)
            const heading =
              !order && own !== group
                ? [
                    h(
                      'tr',
                      { class: 'group' },
                      h('th', { scope: 'rowgroup', class: 'sticky' }, groupNames[own]),
                      h('td', { colspan: columns.length }),
                    ),
                  ]
                : []
            group = own
            const cells = columns.map((column) => {
              const value = figure(system, column)
              return cell(value, other && figure(other, column), system.name === rival ? undefined : rival, {
                best: own !== 'oracle' && value !== undefined && value.value === best.get(column),
                mean: column === 'mean',
                asDifference,
              })
            })
            return [
              ...heading,
              h(
                'tr',
                { class: `row-${own}` },
                h('th', { scope: 'row', class: 'sticky', title: sentence }, h('span', {}, label), h('code', {}, system.name)),
                cells,
              ),
            ]
          }),
        ),
      ),
    )
  }
  const choose = (column: string): void => {
    order = column === '' ? undefined : { column, down: order?.column === column ? !order.down : true }
    draw()
    place.querySelector<HTMLButtonElement>(`[data-column=${JSON.stringify(column)}]`)?.focus()
  }

  draw()
  metric.listen(draw)
  const explained = h('p', { class: 'note' })
  const explain = (): void => {
    explained.textContent = `${metricLabel(metric.value)}: ${metricNames[metric.value.split('@')[0]!] ?? 'a score'}, 0 to 100.`
  }
  explain()
  metric.listen(explain)
  return section(
    'comparison',
    'Comparison',
    'Every system on every set. Higher is better. Press a column’s name to order by it, and “System” to go back to the groups.',
    h(
      'div',
      { class: 'controls' },
      segments(
        'Metric',
        results.metrics.map((value) => ({ value, label: metricLabel(value) })),
        metric.value,
        metric.set,
      ),
      segments(
        'Show',
        [
          { value: 'score', label: 'Scores' },
          { value: 'difference', label: 'Differences' },
        ],
        'score',
        (value) => {
          asDifference = value === 'difference'
          draw()
        },
      ),
      rivals.length > 0 &&
        picker(
          'Compared with',
          rivals.map((value) => ({ value, label: nameOf(value).label })),
          rival,
          (value) => {
            rival = value
            draw()
          },
        ),
      all.some(({ name }) => nameOf(name).group === 'expert') &&
        segments(
          'Single experts',
          [
            { value: '', label: 'Hide' },
            { value: 'yes', label: 'Show' },
          ],
          '',
          (value) => {
            showExperts = value !== ''
            draw()
          },
        ),
    ),
    explained,
    place,
    h(
      'p',
      { class: 'legend' },
      h('span', {}, h('b', { class: 'best' }, '57.1'), ' best of its column, bounds aside'),
      h('span', {}, h('i', { class: 'up' }, '▲'), ' better than what it is compared with, beyond chance'),
      h('span', {}, h('i', { class: 'down' }, '▼'), ' worse, beyond chance'),
      h('span', {}, `(paired randomisation test, p < ${significant}; rest the pointer on a figure for its interval)`),
    ),
    ahead(view),
  )
}

function cell(
  value: Figure | undefined,
  other: Figure | undefined,
  rival: string | undefined,
  how: { readonly best: boolean; readonly mean: boolean; readonly asDifference: boolean },
): HTMLElement {
  const classes = [how.best && 'best', how.mean && 'mean'].filter(Boolean).join(' ')
  if (!value) return h('td', { class: classes }, '–')
  const difference = rival !== undefined && other ? value.value - other.value : undefined
  const tested = rival === undefined ? undefined : value.against?.[rival]
  const sure = tested !== undefined && tested.p < significant && tested.difference !== 0
  const mark = !sure
    ? h('i')
    : tested.difference > 0
      ? h('i', { class: 'up' }, '▲', h('span', { class: 'hidden' }, ' better, beyond chance'))
      : h('i', { class: 'down' }, '▼', h('span', { class: 'hidden' }, ' worse, beyond chance'))
  const text = how.asDifference && difference !== undefined ? signed(difference) : points(value.value)
  const about = [
    points(value.value, 2),
    value.interval && `95 % interval ${points(value.interval[0])} to ${points(value.interval[1])}`,
    difference !== undefined && `${signed(difference, 2)} against ${nameOf(rival!).label}`,
    tested &&
      `between ${signed(tested.interval[0])} and ${signed(tested.interval[1])}, p ${tested.p < 0.001 ? '< 0.001' : `= ${tested.p.toFixed(3)}`}`,
  ]
  return h('td', { class: classes, title: about.filter(Boolean).join('\n') }, h('span', {}, h('span', { class: 'value' }, text), mark))
}

/** Systems that others were tested against, `general` first. */
function rivalsOf(systems: readonly SystemSummary[]): string[] {
  const names = new Set(systems.flatMap(({ mean }) => Object.values(mean).flatMap(({ against }) => Object.keys(against ?? {}))))
  const present = systems.map(({ name }) => name).filter((name) => names.has(name) || name === 'general')
  return present.sort((a, b) => Number(b === 'general') - Number(a === 'general'))
}

function sortButton(column: string, label: string, order: Order, choose: (column: string) => void): HTMLElement {
  const arrow = order?.column === column ? (order.down ? ' ↓' : ' ↑') : ''
  return h('button', { type: 'button', 'data-column': column, onclick: () => choose(column) }, label, arrow)
}

function bestOf(systems: readonly SystemSummary[], figure: (system: SystemSummary) => Figure | undefined): number {
  const values = systems.filter(({ name }) => nameOf(name).group !== 'oracle').map((system) => figure(system)?.value ?? -1)
  return Math.max(...values)
}

function compare(a: Figure | undefined, b: Figure | undefined): number {
  return (a?.value ?? -1) - (b?.value ?? -1)
}
