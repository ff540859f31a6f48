import * as Plot from '@observablehq/plot'
import type { Study } from '../../results.ts'
import { metricLabel, nameOf } from './names.ts'
import { coloursOf, marksOf, type ScoresOf, type StudyMark } from './study-scores.ts'

interface End {
  readonly mark: StudyMark
  /** Where its label goes. */
  place: number
}

/** Scores over a number that was varied, a line for each system, named at its end. */
export function curve(study: Study, scores: ScoresOf, width: number): Element {
  const marks = marksOf(study, scores)
  const colour = coloursOf(study)
  const values = [...new Set(study.points.map(({ at }) => Number(at)))]
  // From 1 to 64, steps are doublings. A logarithm of our own: d3 leaves labels out of logarithmic axes.
  const doubling = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) >= 16
  const x = ({ at }: StudyMark): number => (doubling ? Math.log2(Number(at)) : Number(at))
  const heights = marks.map(({ value }) => value)
  const ends = spread(
    [...new Set(marks.map(({ name }) => name))].map((name) =>
      marks.filter((mark) => mark.name === name).reduce((a, b) => (Number(b.at) > Number(a.at) ? b : a)),
    ),
    (Math.max(...heights) - Math.min(...heights)) / 15,
  )
  const endLabel = ({ mark }: End): string => (width < 400 ? mark.label : `${mark.label} ${mark.value.toFixed(1)}`)
  const short = (value: number): string => (value < 1000 ? String(value) : `${value / 1000}k`)
  return Plot.plot({
    width,
    height: 300,
    marginLeft: 34,
    marginRight: 14 + 6.4 * Math.max(...ends.map((end) => endLabel(end).length)),
    marginTop: 14,
    marginBottom: 42,
    ariaLabel: `${metricLabel(study.metric)} over ${study.varied}: ${ends.map(({ mark }) => `${mark.label} ends at ${mark.value.toFixed(1)}`).join(', ')}`,
    x: {
      label: `${study.varied} →`,
      labelAnchor: 'center',
      labelArrow: 'none',
      inset: 6,
      ticks: values.length < 12 ? values.map((value) => (doubling ? Math.log2(value) : value)) : 8,
      tickFormat: (value: number) => short(doubling ? Math.round(2 ** value) : value),
    },
    y: { label: null, grid: true, nice: true, ticks: 5, inset: 6 },
    marks: [
      Plot.lineY(marks, {
        x,
        y: 'value',
        z: 'name',
        stroke: ({ name }: StudyMark) => colour(name),
        strokeWidth: ({ name }: StudyMark) => (nameOf(name).group === 'ours' ? 2.5 : 1.5),
        curve: 'monotone-x',
      }),
      Plot.dot(marks, { x, y: 'value', r: 2.5, fill: ({ name }: StudyMark) => colour(name), stroke: 'var(--card)', strokeWidth: 0.5 }),
      Plot.dot(ends, {
        x: ({ mark }: End) => x(mark),
        y: ({ mark }: End) => mark.value,
        r: 3.5,
        fill: ({ mark }: End) => colour(mark.name),
      }),
      Plot.text(ends, { x: ({ mark }: End) => x(mark), y: 'place', text: endLabel, textAnchor: 'start', dx: 8, fill: 'var(--ink)' }),
      Plot.tip(
        marks,
        Plot.pointer({
          x,
          y: 'value',
          title: ({ label, value, at, note }: StudyMark) =>
            [`${label}`, `${value.toFixed(1)} at ${Number(at).toLocaleString('en-US')}`, note].filter(Boolean).join('\n'),
        }),
      ),
    ],
  })
}

/** Moves labels at the ends of lines apart. */
function spread(marks: readonly StudyMark[], gap: number): End[] {
  const ends = marks.map((mark): End => ({ mark, place: mark.value })).sort((a, b) => a.place - b.place)
  for (let round = 0; round < 60; round++) {
    for (let i = 1; i < ends.length; i++) {
      const [below, above] = [ends[i - 1]!, ends[i]!]
      const lack = gap - (above.place - below.place)
      if (lack <= 1e-9) continue
      below.place -= lack / 2
      above.place += lack / 2
    }
  }
  return ends
}
