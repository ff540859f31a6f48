import * as Plot from '@observablehq/plot'
import type { Study, StudyPoint } from '../../results.ts'
import { drawn, h, picker, section } from './dom.ts'
import { hasColour, metricLabel, nameOf, points, signed, systemColour } from './names.ts'
import type { View } from './view.ts'

interface Told {
  readonly title: string
  readonly sentence: string
}

/** The paper's studies, in the order they are told. */
const known: Readonly<Record<string, Told>> = {
  experts: {
    title: 'Number of experts',
    sentence:
      'Experts arrive one by one, in an order fixed by the seed. A good router gains with each and loses nothing where an expert is not needed.',
  },
  pilots: {
    title: 'Pilots per group',
    sentence: 'How many example questions the router needs of each domain before more of them stop helping.',
  },
  aggregation: {
    title: 'Mean or nearest pilot',
    sentence: 'The two ways of the paper to compare a question with the pilots of an expert.',
  },
  'leave-one-out': {
    title: 'A domain without its expert',
    sentence:
      'Each expert is taken away in turn. What happens to the sets it owned: does the router notice and fall back, or send them astray?',
  },
  'add-expert': {
    title: 'Adding an expert',
    sentence: 'An expert joins without anything else being trained again. The other sets should not move; its own should rise.',
  },
  'training-size': {
    title: 'Questions to train an expert on',
    sentence: 'How many example questions a new expert needs before it is worth having.',
  },
}

export function studies({ results }: View): HTMLElement {
  const names = [...new Set([...Object.keys(known), ...results.studies.map(({ name }) => name)])]
  const made = names.flatMap((name) => results.studies.filter((study) => study.name === name))
  const missing = names.filter((name) => !results.studies.some((study) => study.name === name))
  return section(
    'studies',
    'What changes the result',
    'One thing is varied, everything else stays. Lines and dots are means over sets unless you pick a set.',
    h('div', { class: 'studies' }, made.map(card)),
    missing.length > 0 &&
      h(
        'div',
        { class: 'missing' },
        h('p', {}, missing.length === names.length ? 'No study was made for these results. These can be:' : 'Not made for these results:'),
        h(
          'ul',
          {},
          missing.map((name) => h('li', {}, known[name]!.title, ': ', h('code', {}, commandFor(name)))),
        ),
      ),
  )
}

/** Studies may tell of more than systems: what is no system gets the colour of an expert, by its place. */
function coloursOf(study: Study): (name: string) => string {
  const names = [...new Set(study.points.flatMap(({ mean }) => Object.keys(mean)))].filter((name) => !hasColour(name))
  return (name) => (hasColour(name) ? systemColour(name) : `var(--e-${Math.max(0, names.indexOf(name)) % 10})`)
}

function commandFor(name: string): string {
  return `pilotfish study ${name} --data SETS --out DIR`
}

function card(study: Study): HTMLElement {
  const told = known[study.name] ?? { title: study.name, sentence: '' }
  const sets = [...new Set(study.points.flatMap(({ sets }) => Object.keys(sets)))]
  const isCurve = study.points.length > 0 && study.points.every(({ at }) => typeof at === 'number')
  let set = ''
  const scores = (point: StudyPoint): Readonly<Record<string, number>> => (set === '' ? point.mean : (point.sets[set] ?? {}))
  const table = h('table', {}, ...figures(study, scores))
  const chart = drawn((width) => (isCurve ? curve(study, scores, width) : comparison(study, scores, width)))
  return h(
    'figure',
    { class: 'card study' },
    h('h3', {}, told.title),
    h('p', { class: 'note' }, told.sentence),
    sets.length > 1 &&
      h(
        'div',
        { class: 'controls' },
        picker('Show', [{ value: '', label: 'Mean of all sets' }, ...sets.map((value) => ({ value, label: value }))], '', (value) => {
          set = value
          chart.redraw()
          table.replaceChildren(...figures(study, scores))
        }),
      ),
    chart.element,
    h(
      'details',
      { open: !isCurve },
      h('summary', {}, 'Figures'),
      h('div', { class: 'table-box', tabindex: '0', role: 'region', 'aria-label': `Figures: ${told.title}` }, table),
    ),
    h(
      'p',
      { class: 'note' },
      `${metricLabel(study.metric)}, ${study.merged ? 'one collection of all sets' : 'each set alone'}, seed ${study.seed}.`,
    ),
  )
}

interface Row {
  readonly at: number
  readonly name: string
  readonly label: string
  readonly value: number
  readonly note: string
}

function rowsOf(study: Study, scores: (point: StudyPoint) => Readonly<Record<string, number>>): Row[] {
  return study.points.flatMap((point) =>
    Object.entries(scores(point)).map(([name, value]) => ({
      at: Number(point.at),
      name,
      label: nameOf(name).label,
      value: 100 * value,
      note: point.note ?? '',
    })),
  )
}

function curve(study: Study, scores: (point: StudyPoint) => Readonly<Record<string, number>>, width: number): Element {
  const rows = rowsOf(study, scores)
  const colour = coloursOf(study)
  const values = study.points.map(({ at }) => Number(at))
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const wide = high / Math.max(low, 1) >= 20 && low > 0
  const systems = [...new Set(rows.map(({ name }) => name))]
  const heights = rows.map(({ value }) => value)
  const ends = spread(
    systems.map((name) => rows.filter((row) => row.name === name).reduce((a, b) => (b.at > a.at ? b : a))),
    (Math.max(...heights) - Math.min(...heights)) / 15,
  )
  const endLabel = ({ row }: End): string => (width < 400 ? row.label : `${row.label} ${row.value.toFixed(1)}`)
  return Plot.plot({
    width,
    height: 300,
    marginLeft: 34,
    marginRight: 14 + 6.4 * Math.max(...ends.map((end) => endLabel(end).length)),
    marginTop: 14,
    marginBottom: 36,
    ariaLabel: `${metricLabel(study.metric)} over ${study.varied}: ${ends.map(({ row }) => `${row.label} ends at ${row.value.toFixed(1)}`).join(', ')}`,
    x: {
      label: `${study.varied} →`,
      labelAnchor: 'center',
      labelArrow: 'none',
      inset: 6,
      ...(wide
        ? { type: 'log', ticks: values, tickFormat: (d: number) => (d < 1000 ? String(d) : `${d / 1000}k`) }
        : { ticks: new Set(values).size < 12 ? [...new Set(values)] : 8, tickFormat: 'd' }),
    },
    y: { label: null, grid: true, nice: true, ticks: 5, inset: 6 },
    marks: [
      Plot.lineY(rows, {
        x: 'at',
        y: 'value',
        z: 'name',
        stroke: ({ name }: Row) => colour(name),
        strokeWidth: ({ name }: Row) => (name.startsWith('rout') && nameOf(name).group === 'ours' ? 2.5 : 1.5),
        strokeDasharray: '',
        curve: 'monotone-x',
      }),
      Plot.dot(rows, { x: 'at', y: 'value', r: 2.5, fill: ({ name }: Row) => colour(name), stroke: 'var(--card)', strokeWidth: 0.5 }),
      Plot.text(ends, {
        x: ({ row }: End) => row.at,
        y: 'place',
        text: endLabel,
        textAnchor: 'start',
        dx: 8,
        fill: 'var(--ink)',
      }),
      Plot.dot(ends, { x: ({ row }: End) => row.at, y: ({ row }: End) => row.value, r: 3.5, fill: ({ row }: End) => colour(row.name) }),
      Plot.tip(
        rows,
        Plot.pointer({
          x: 'at',
          y: 'value',
          title: ({ label, value, at, note }: Row) =>
            `${label}\n${value.toFixed(1)} at ${at.toLocaleString('en-US')}${note === '' ? '' : `\n${note}`}`,
        }),
      ),
    ],
  })
}

interface End {
  readonly row: Row
  place: number
}

/** Moves labels at the ends of lines apart. */
function spread(rows: readonly Row[], gap: number): End[] {
  const ends = rows.map((row): End => ({ row, place: row.value })).sort((a, b) => a.place - b.place)
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

/** For what has names rather than numbers: a line for each, from its worst system to its best. */
function comparison(study: Study, scores: (point: StudyPoint) => Readonly<Record<string, number>>, width: number): Element {
  const rows = study.points.flatMap((point) =>
    Object.entries(scores(point)).map(([name, value]) => ({
      at: String(point.at),
      name,
      label: nameOf(name).label,
      value: 100 * value,
      note: point.note ?? '',
    })),
  )
  const names = study.points.map(({ at }) => String(at))
  const colour = coloursOf(study)
  const systems = [...new Set(rows.map(({ name }) => name))]
  const values = rows.map(({ value }) => value)
  const span = Math.max(4, Math.max(...values) - Math.min(...values))
  const figure = Plot.plot({
    width,
    height: names.length * 30 + 46,
    marginLeft: Math.min(150, Math.max(60, 8 + 6.6 * Math.max(...names.map((name) => name.length)))),
    marginRight: 16,
    marginTop: 4,
    marginBottom: 30,
    ariaLabel: `${metricLabel(study.metric)} by ${study.varied}`,
    x: {
      label: null,
      grid: true,
      domain: [Math.max(0, Math.min(...values) - 0.08 * span), Math.min(100, Math.max(...values) + 0.08 * span)],
      ticks: 5,
    },
    y: { domain: names, label: null, tickSize: 0 },
    marks: [
      Plot.ruleY(
        rows,
        Plot.groupY({ x1: 'min', x2: 'max' }, { y: 'at', x1: 'value', x2: 'value', stroke: 'var(--line-strong)', strokeWidth: 2 }),
      ),
      Plot.dot(rows, {
        x: 'value',
        y: 'at',
        r: 5.5,
        fill: ({ name }: { name: string }) => colour(name),
        stroke: 'var(--card)',
        title: ({ label, at, value, note }: (typeof rows)[number]) =>
          `${label}, ${at}: ${value.toFixed(1)}${note === '' ? '' : `\n${note}`}`,
      }),
    ],
  })
  return h(
    'div',
    {},
    h(
      'ul',
      { class: 'key' },
      systems.map((name) => {
        const swatch = h('i', { class: 'swatch', 'aria-hidden': 'true' })
        swatch.style.setProperty('--swatch', colour(name))
        return h('li', {}, swatch, nameOf(name).label)
      }),
    ),
    figure,
  )
}

/** The same as a table, with the difference to the first point. */
function figures(study: Study, scores: (point: StudyPoint) => Readonly<Record<string, number>>): Element[] {
  const systems = [...new Set(study.points.flatMap((point) => Object.keys(scores(point))))]
  const noted = study.points.some(({ note }) => note !== undefined)
  const first = study.points[0]
  return [
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        h('th', { scope: 'col' }, study.varied),
        systems.map((name) => h('th', { scope: 'col' }, nameOf(name).label)),
        noted && h('th', { scope: 'col' }, h('span', { class: 'hidden' }, 'Note')),
      ),
    ),
    h(
      'tbody',
      {},
      study.points.map((point) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, typeof point.at === 'number' ? point.at.toLocaleString('en-US') : point.at),
          systems.map((name) => {
            const value = scores(point)[name]
            const base = first && scores(first)[name]
            return h(
              'td',
              { title: value !== undefined && base !== undefined ? `${signed(value - base)} against ${first!.at}` : undefined },
              points(value),
            )
          }),
          noted && h('td', { class: 'text' }, point.note ?? ''),
        ),
      ),
    ),
  ]
}
