import * as Plot from '@observablehq/plot'
import { drawn, h, section } from './dom.ts'
import { cast, expertNames, metricLabel, points, signed } from './names.ts'
import type { View } from './view.ts'

interface Cell {
  readonly set: string
  readonly column: string
  /** Difference to general. */
  readonly value: number
  readonly own: boolean
}

/** As the labels beside it are spaced. */
const rowHeight = 34

const routedColumn = '→ routed'

/** What every expert is worth on every set, and what the router made of that. */
export function heatMap({ results, metric }: View): HTMLElement {
  const experts = expertNames(results)
  const { routed, general } = cast(results, metric.value)
  const sets = Object.keys(results.queries)
  const columns = [...experts, ...(routed ? [routedColumn] : [])]
  const owner = (set: string): string | undefined => results.owners[set]?.expert
  // Sets follow the order of the experts that own them: what belongs together then lies on a diagonal.
  const ordered = [...sets].sort((a, b) => place(experts, owner(a)) - place(experts, owner(b)))

  const cells = (): Cell[] =>
    ordered.flatMap((set) =>
      columns.flatMap((column): Cell[] => {
        const system = column === routedColumn ? routed : results.systems.find(({ name }) => name === `expert:${column}`)
        const [value, base] = [system?.sets[set]?.[metric.value]?.value, general?.sets[set]?.[metric.value]?.value]
        return value === undefined || base === undefined ? [] : [{ set, column, value: value - base, own: owner(set) === column }]
      }),
    )
  const ends = h('span')
  const gradient = h('i', { class: 'gradient', 'aria-hidden': 'true' })
  const range = (all: readonly Cell[]): number => Math.max(0.02, ...all.map(({ value }) => Math.abs(value)))

  const draw = (width: number): Element => {
    const all = cells()
    const most = range(all)
    // Less than proportional: a few points matter, and one late domain's fifty must not make them invisible.
    const strength = ({ value }: Pick<Cell, 'value'>): number => Math.sqrt(Math.abs(value) / most)
    const fill = (cell: Pick<Cell, 'value'>): string =>
      `color-mix(in oklab, var(${cell.value < 0 ? '--cold' : '--warm'}) ${(100 * strength(cell)).toFixed(1)}%, var(--neutral))`
    const stops = Array.from({ length: 21 }, (_, i) => fill({ value: (most * (i - 10)) / 10 }))
    gradient.style.background = `linear-gradient(to right, ${stops.join(', ')})`
    ends.textContent = `−${points(most)} … 0 … +${points(most)}`
    return Plot.plot({
      width,
      height: ordered.length * rowHeight + 66,
      marginLeft: 0,
      marginTop: 62,
      marginBottom: 4,
      marginRight: 26,
      padding: 0,
      ariaLabel: `Difference to the general model in ${metricLabel(metric.value)}, by set and expert`,
      x: { domain: columns, axis: 'top', label: null, tickSize: 0, tickRotate: -38, ...(columns.length < 2 && { tickRotate: 0 }) },
      y: { domain: ordered, axis: null },
      marks: [
        Plot.cell(all, {
          x: 'column',
          y: 'set',
          fill,
          inset: 1.5,
          rx: 3,
          title: (cell: Cell) =>
            `${cell.column === routedColumn ? 'Routed' : cell.column} on ${cell.set}: ${signed(cell.value, 2)} against general${cell.own ? '\nThe expert this set belongs to' : ''}`,
        }),
        Plot.cell(
          all.filter(({ own }) => own),
          { x: 'column', y: 'set', fill: 'none', stroke: 'var(--ink)', strokeWidth: 2, rx: 3, inset: 1, pointerEvents: 'none' },
        ),
        Plot.text(all, {
          x: 'column',
          y: 'set',
          text: ({ value }: Cell) => signed(value),
          fill: 'var(--ink)',
          pointerEvents: 'none',
        }),
      ],
    })
  }
  const { element, redraw } = drawn(draw, 26 + columns.length * 50)
  metric.listen(redraw)
  const empty = cells().length === 0
  return section(
    'experts',
    'What each expert is worth',
    'A row is a set, a column an expert that answers all of its questions; the figure is the difference to the general model, in points. Experts help at home (framed) and mostly hurt elsewhere: that is why a router is needed. The last column is what the router made of it.',
    empty
      ? h(
          'p',
          { class: 'missing' },
          'No system ',
          h('code', {}, 'expert:NAME'),
          ' was evaluated. Leave ',
          h('code', {}, '--systems'),
          ' out of ',
          h('code', {}, 'pilotfish eval'),
          ', or list them there.',
        )
      : h(
          'figure',
          { class: 'card' },
          h(
            'div',
            { class: 'matrix' },
            h(
              'ul',
              { 'aria-hidden': 'true' },
              ordered.map((set) => h('li', {}, set)),
            ),
            element,
          ),
          h(
            'figcaption',
            { class: 'scale' },
            h('span', {}, 'worse than general'),
            gradient,
            h('span', {}, 'better (the colour is the square root of the difference)'),
            ends,
            h('span', {}, h('i', { class: 'frame', 'aria-hidden': 'true' }), ' the expert the set belongs to'),
          ),
        ),
  )
}

function place(experts: readonly string[], owner: string | undefined): number {
  const at = owner === undefined ? -1 : experts.indexOf(owner)
  return at < 0 ? experts.length : at
}
