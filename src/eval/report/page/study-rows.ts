import * as Plot from '@observablehq/plot'
import type { Study } from '../../results.ts'
import { h } from './dom.ts'
import { metricLabel, nameOf } from './names.ts'
import { coloursOf, marksOf, type ScoresOf, type StudyMark } from './study-scores.ts'

/** For what has names rather than numbers: a row for each, and in it a dot for each system, or an arrow from before to after. */
export function rows(study: Study, scores: ScoresOf, width: number): Element {
  const marks = marksOf(study, scores)
  const systems = [...new Set(marks.map(({ name }) => name))]
  const changes = systems.length > 0 && systems.every((name) => / (before|after)$/.test(name))
  return changes ? arrows(study, marks, width) : dots(study, marks, systems, width)
}

function dots(study: Study, marks: readonly StudyMark[], systems: readonly string[], width: number): Element {
  const colour = coloursOf(study)
  return h(
    'div',
    {},
    key(systems.map((name) => [nameOf(name).label, colour(name)])),
    Plot.plot({
      ...frame(study, marks, width, 34),
      marks: [
        Plot.ruleY(
          marks,
          Plot.groupY({ x1: 'min', x2: 'max' }, { y: 'at', x1: 'value', x2: 'value', stroke: 'var(--line-strong)', strokeWidth: 2 }),
        ),
        // A little above one another, for dots of the same score to be seen.
        ...systems.map((system, i) =>
          Plot.dot(
            marks.filter(({ name }) => name === system),
            { x: 'value', y: 'at', r: 5, dy: (i - (systems.length - 1) / 2) * 3, fill: colour(system), stroke: 'var(--card)', title: told },
          ),
        ),
      ],
    }),
  )
}

/** What a change did to each of two or more kinds of set: from the hollow dot to the arrow's point. */
function arrows(study: Study, marks: readonly StudyMark[], width: number): Element {
  const stem = (name: string): string => name.replace(/ (before|after)$/, '')
  const stems = [...new Set(marks.map(({ name }) => stem(name)))]
  const colour = (name: string): string => `var(--e-${stems.indexOf(name) % 10})`
  const changes = study.points.flatMap(({ at }) =>
    stems.flatMap((name) => {
      const [before, after] = ['before', 'after'].map((when) => marks.find((mark) => mark.at === at && mark.name === `${name} ${when}`))
      return before && after ? [{ at, name, before: before.value, after: after.value, note: after.note }] : []
    }),
  )
  const gap = 12
  return h(
    'div',
    {},
    key(stems.map((name) => [name, colour(name)])),
    Plot.plot({
      ...frame(study, marks, width, 16 + gap * stems.length),
      marks: stems.flatMap((name, i) => {
        const own = changes.filter((change) => change.name === name)
        const dy = (i - (stems.length - 1) / 2) * gap
        const title = ({ at, before, after, note }: (typeof own)[number]): string =>
          [`${name}, ${at}: ${before.toFixed(1)} → ${after.toFixed(1)}`, note].filter(Boolean).join('\n')
        return [
          Plot.link(own, { x1: 'before', x2: 'after', y: 'at', dy, stroke: colour(name), strokeWidth: 2.5 }),
          Plot.dot(own, { x: 'before', y: 'at', dy, r: 3.5, fill: 'var(--card)', stroke: colour(name), strokeWidth: 2, title }),
          Plot.dot(own, {
            x: 'after',
            y: 'at',
            dy,
            r: 5,
            symbol: 'triangle',
            rotate: ({ before, after }: (typeof own)[number]) => (after < before ? -90 : 90),
            fill: colour(name),
            title,
          }),
        ]
      }),
    }),
  )
}

function frame(study: Study, marks: readonly StudyMark[], width: number, pitch: number): Plot.PlotOptions {
  const names = study.points.map(({ at }) => at)
  const values = marks.map(({ value }) => value)
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const margin = 0.08 * Math.max(4, high - low)
  return {
    width,
    height: names.length * pitch + 36,
    marginLeft: Math.min(150, Math.max(60, 8 + 6.6 * Math.max(...names.map((name) => String(name).length)))),
    marginRight: 16,
    marginTop: 4,
    marginBottom: 30,
    ariaLabel: `${metricLabel(study.metric)} by ${study.varied}; the figures are in the table below`,
    x: { label: null, grid: true, domain: [Math.max(0, low - margin), Math.min(100, high + margin)], ticks: width < 420 ? 4 : 6 },
    y: { domain: names, label: null, tickSize: 0 },
  }
}

function told({ label, at, value, note }: StudyMark): string {
  return [`${label}, ${at}: ${value.toFixed(1)}`, note].filter(Boolean).join('\n')
}

function key(entries: readonly (readonly [label: string, colour: string])[]): HTMLElement {
  return h(
    'ul',
    { class: 'key' },
    entries.map(([label, colour]) => {
      const swatch = h('i', { class: 'swatch', 'aria-hidden': 'true' })
      swatch.style.setProperty('--swatch', colour)
      return h('li', {}, swatch, label)
    }),
  )
}
