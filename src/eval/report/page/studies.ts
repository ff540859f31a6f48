import type { Study } from '../../results.ts'
import { drawn, h, picker, section } from './dom.ts'
import { metricLabel, nameOf, points, signed } from './names.ts'
import { curve } from './study-curve.ts'
import { rows } from './study-rows.ts'
import type { ScoresOf } from './study-scores.ts'
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
  const made = names.flatMap((name) => results.studies.filter((study) => study.name === name && study.points.length > 0))
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

function commandFor(name: string): string {
  return `pilotfish study ${name} --data SETS --out DIR`
}

function card(study: Study): HTMLElement {
  const told = known[study.name] ?? { title: study.name, sentence: '' }
  const sets = [...new Set(study.points.flatMap(({ sets }) => Object.keys(sets)))]
  const isCurve = study.points.length > 0 && study.points.every(({ at }) => typeof at === 'number')
  let set = ''
  const scores: ScoresOf = (point) => (set === '' ? point.mean : (point.sets[set] ?? {}))
  const table = h('table', {}, ...figures(study, scores))
  const chart = drawn((width) => (isCurve ? curve(study, scores, width) : rows(study, scores, width)))
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

/** The same as a table, with the difference to the first point. */
function figures(study: Study, scores: ScoresOf): Element[] {
  const systems = [...new Set(study.points.flatMap((point) => Object.keys(scores(point))))]
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
      ),
    ),
    h(
      'tbody',
      {},
      study.points.map((point) =>
        h(
          'tr',
          {},
          h(
            'th',
            { scope: 'row' },
            typeof point.at === 'number' ? point.at.toLocaleString('en-US') : point.at,
            point.note !== undefined && h('small', {}, point.note),
          ),
          systems.map((name) => {
            const value = scores(point)[name]
            const base = first && scores(first)[name]
            return h(
              'td',
              { title: value !== undefined && base !== undefined ? `${signed(value - base)} against ${first!.at}` : undefined },
              points(value),
            )
          }),
        ),
      ),
    ),
  ]
}
