import * as Plot from '@observablehq/plot'
import type { Figure } from '../report.ts'
import { drawn, h, section, toggles } from './dom.ts'
import { cast, metricLabel, nameOf, shownSystems, systemColour } from './names.ts'
import type { View } from './view.ts'

/** Small multiples, a panel for each set, on one scale. */
export function setBars({ results, metric }: View): HTMLElement {
  const systems = shownSystems(results)
  const { general, multiTask, otherRouter, routed, hybrid, oracle } = cast(results, metric.value)
  const shown = new Set([general, multiTask, otherRouter, routed, hybrid, oracle].flatMap((system) => system?.name ?? []))
  const sets = Object.keys(results.queries)
  const panels = ['', ...sets].map((set) => {
    const panel = drawn((width) => draw(set, width))
    const title = set === '' ? 'Mean of all sets' : set
    const note = set === '' ? `${sets.length} sets` : `${results.queries[set]!.toLocaleString('en-US')} questions`
    return {
      ...panel,
      card: h('figure', { class: 'card panel' }, h('figcaption', {}, h('b', {}, title), h('span', {}, note)), panel.element),
    }
  })

  /** All panels have one scale, so that sets compare. */
  const top = (): number => {
    const highest = systems
      .filter(({ name }) => shown.has(name))
      .flatMap((system) =>
        [system.mean, ...Object.values(system.sets)].map(
          (scores) => scores[metric.value]?.interval?.[1] ?? scores[metric.value]?.value ?? 0,
        ),
      )
    return Math.min(100, Math.max(10, Math.ceil(10 * Math.max(0, ...highest)) * 10))
  }
  const draw = (set: string, width: number): Element => {
    const rows = systems
      .filter(({ name }) => shown.has(name))
      .flatMap((system) => {
        const figure: Figure | undefined = set === '' ? system.mean[metric.value] : system.sets[set]?.[metric.value]
        if (!figure) return []
        const [low, high] = figure.interval ?? [figure.value, figure.value]
        return [
          {
            name: system.name,
            label: nameOf(system.name).label,
            value: 100 * figure.value,
            low: 100 * low,
            high: 100 * high,
            hasInterval: figure.interval !== undefined,
          },
        ]
      })
    const text = (row: (typeof rows)[number]): string =>
      `${row.label}\n${row.value.toFixed(1)}${row.hasInterval ? `, 95 % interval ${row.low.toFixed(1)} to ${row.high.toFixed(1)}` : ''}`
    return Plot.plot({
      width,
      height: rows.length * 24 + 34,
      marginLeft: 122,
      marginRight: 40,
      marginTop: 4,
      marginBottom: 26,
      ariaLabel: `${metricLabel(metric.value)}, ${set === '' ? 'mean' : set}: ${rows.map((row) => `${row.label} ${row.value.toFixed(1)}`).join(', ')}`,
      x: { domain: [0, top()], ticks: 4, label: null, grid: true },
      y: { domain: rows.map(({ label }) => label), label: null, tickSize: 0, padding: 0.28 },
      marks: [
        Plot.barX(rows, {
          x: 'value',
          y: 'label',
          fill: ({ name }: { name: string }) => systemColour(name),
          title: text,
          fillOpacity: ({ name }: { name: string }) => (nameOf(name).group === 'oracle' ? 0.28 : 1),
          stroke: ({ name }: { name: string }) => (nameOf(name).group === 'oracle' ? 'var(--s-oracle)' : 'none'),
          strokeDasharray: '3 2',
          rx2: 2,
        }),
        Plot.ruleY(
          rows.filter(({ hasInterval }) => hasInterval),
          { x1: 'low', x2: 'high', y: 'label', stroke: 'var(--ink)', strokeWidth: 1.5 },
        ),
        Plot.tickX(
          rows.filter(({ hasInterval }) => hasInterval),
          { x: 'low', y: 'label', stroke: 'var(--ink)', inset: 6 },
        ),
        Plot.tickX(
          rows.filter(({ hasInterval }) => hasInterval),
          { x: 'high', y: 'label', stroke: 'var(--ink)', inset: 6 },
        ),
        Plot.text(rows, {
          y: 'label',
          text: ({ value }: { value: number }) => value.toFixed(1),
          frameAnchor: 'right',
          textAnchor: 'end',
          dx: 36,
          fill: 'var(--ink)',
        }),
        Plot.ruleX([0], { stroke: 'var(--line-strong)' }),
      ],
    })
  }

  const redraw = (): void => panels.forEach((panel) => panel.redraw())
  metric.listen(redraw)
  return section(
    'sets',
    'Set by set',
    'Bars are scores on one set; the thin line over a bar is the range the score would lie in, 19 times of 20, had other questions of the same kind been asked. Systems that answered the same questions are told apart more sharply by the tests in the comparison above.',
    toggles(
      'Systems',
      systems
        .filter(({ name }) => nameOf(name).group !== 'expert')
        .map(({ name }) => ({ value: name, label: nameOf(name).label, swatch: systemColour(name) })),
      shown,
      (name, on) => {
        if (on) shown.add(name)
        else shown.delete(name)
        redraw()
      },
    ),
    h(
      'div',
      { class: 'panels' },
      panels.map(({ card }) => card),
    ),
  )
}
