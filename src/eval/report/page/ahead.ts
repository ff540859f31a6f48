import * as Plot from '@observablehq/plot'
import { drawn, h } from './dom.ts'
import { cast, metricLabel, nameOf, signed, systemColour } from './names.ts'
import { significant } from './significant.ts'
import type { View } from './view.ts'

/** By how much routing is ahead of each rival, with the range that chance leaves. `undefined` where nothing was tested. */
export function ahead({ results, metric }: View): HTMLElement | undefined {
  const { routed } = cast(results, results.metrics[0]!)
  const rows = () =>
    Object.entries(routed?.mean[metric.value]?.against ?? {}).map(([rival, { difference, interval, p }]) => ({
      rival,
      label: nameOf(rival).label,
      difference: 100 * difference,
      low: 100 * interval[0],
      high: 100 * interval[1],
      sure: p < significant,
      chance: p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`,
    }))
  if (rows().length === 0) return undefined
  const chart = drawn((width) => {
    const all = rows()
    const narrow = width < 520
    const domain = [Math.min(0, ...all.map(({ low }) => low)), Math.max(1, ...all.map(({ high }) => high))]
    return Plot.plot({
      width,
      height: all.length * 28 + 40,
      marginLeft: narrow ? 116 : 132,
      marginRight: narrow ? 44 : 104,
      marginTop: 4,
      marginBottom: 28,
      ariaLabel: `Difference of routed to each rival: ${all.map(({ label, difference, chance }) => `${label} ${difference.toFixed(1)}, ${chance}`).join('; ')}`,
      x: {
        domain,
        nice: true,
        grid: true,
        label: null,
        ticks: narrow ? 3 : 6,
        tickFormat: (d: number) => (d > 0 ? `+${d}` : `${d}`.replace('-', '−')),
      },
      y: { domain: all.map(({ label }) => label), label: null, tickSize: 0 },
      marks: [
        Plot.ruleX([0], { stroke: 'var(--ink)' }),
        Plot.ruleY(all, {
          x1: 'low',
          x2: 'high',
          y: 'label',
          stroke: ({ rival }: { rival: string }) => systemColour(rival),
          strokeWidth: 3,
          strokeLinecap: 'round',
        }),
        Plot.dot(all, {
          x: 'difference',
          y: 'label',
          r: 5.5,
          fill: ({ rival, sure }: { rival: string; sure: boolean }) => (sure ? systemColour(rival) : 'var(--card)'),
          stroke: ({ rival }: { rival: string }) => systemColour(rival),
          strokeWidth: 2,
          title: ({ label, difference, low, high, chance }: (typeof all)[number]) =>
            `Routed is ${signed(difference / 100)} ahead of ${label}\n95 % interval ${signed(low / 100)} to ${signed(high / 100)}, ${chance}`,
        }),
        Plot.text(all, {
          y: 'label',
          text: ({ difference, chance }: (typeof all)[number]) =>
            narrow ? signed(difference / 100) : `${signed(difference / 100)}  ${chance}`,
          frameAnchor: 'right',
          textAnchor: 'end',
          dx: narrow ? 42 : 102,
          fill: 'var(--ink)',
        }),
      ],
    })
  })
  metric.listen(chart.redraw)
  const label = h('span', {}, metricLabel(metric.value))
  metric.listen((value) => (label.textContent = metricLabel(value)))
  return h(
    'figure',
    { class: 'card' },
    h('figcaption', { class: 'title' }, 'How far routing is ahead of each rival, in points of ', label),
    h(
      'p',
      { class: 'note' },
      'A line is the 95 % interval of the difference. Left of zero the rival is better; a filled dot is beyond chance, a hollow one may be chance.',
    ),
    chart.element,
  )
}
