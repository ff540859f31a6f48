import type { SystemSummary } from '../report.ts'
import { h, section, type Child } from './dom.ts'
import { cast, count, metricLabel, nameOf, percent, points, signed } from './names.ts'
import { significant } from './significant.ts'
import type { View } from './view.ts'

/** What a reader takes home who reads nothing else. */
export function headline({ results, metric: { value: first } }: View): HTMLElement {
  const { general, multiTask, otherRouter, routed, hybrid, oracle } = cast(results, first)
  const score = (system: SystemSummary | undefined): number | undefined => system?.mean[first]?.value
  const label = metricLabel(first)
  const sets = Object.keys(results.queries)
  const cards: Child[] = []

  if (routed && general) {
    const gain = score(routed)! - score(general)!
    cards.push(
      card(
        'Routed over general',
        signed(gain),
        'points',
        `Routing takes the mean ${label} from ${points(score(general))} to ${points(score(routed))}. ${tally(routed, general, first, sets)}${hybrid ? ` Fused with BM25, as users get it: ${points(score(hybrid))}.` : ''}`,
      ),
    )
    const most = oracle && score(oracle)! - score(general)!
    if (most !== undefined && most > 0) {
      const share = gain / most
      cards.push(
        card(
          "Of the set oracle's gain",
          percent(share),
          '',
          `An oracle that always asks the expert of the right domain gains ${signed(most)}. The router has to guess the domain from the question and gets ${percent(share)} of that.`,
          meter(share),
        ),
      )
    }
  }
  if (routed && (multiTask || otherRouter)) {
    const rivals = [multiTask, otherRouter].filter((system): system is SystemSummary => system !== undefined)
    const best = rivals.reduce((a, b) => (score(b)! > score(a)! ? b : a))
    const sentences = rivals.map((system) =>
      system === multiTask
        ? `One multi-task model reaches ${points(score(system))}.`
        : `The best other router, “${nameOf(system.name).label}”, reaches ${points(score(system))}.`,
    )
    const p = routed.mean[first]?.against?.[best.name]?.p
    const chance = p === undefined ? '' : p < significant ? 'The difference is beyond chance.' : 'The difference may be chance.'
    cards.push(card('Over the best rival', signed(score(routed)! - score(best)!), 'points', [...sentences, chance].join(' ')))
  }
  const cost = hybrid?.cost ?? routed?.cost
  if (cost) {
    const words = cost.lexical > 0 ? `, and BM25 for ${percent(cost.lexical)} of the questions` : ''
    cards.push(
      card(
        'Cost of a question',
        cost.passes.toFixed(2),
        cost.passes === 1 ? 'encoder pass' : 'encoder passes',
        `A single model needs one pass and one search. Here a question takes ${cost.stores.toFixed(2)} ${cost.stores === 1 ? 'search' : 'searches'} and ${cost.lookups.toFixed(2)} lookups in an expert’s table (microseconds) on average${words}.`,
      ),
    )
  }

  const asked = Object.values(results.queries).reduce((sum, queries) => sum + queries, 0)
  const where = results.merged
    ? `all in one collection of ${count(results.documents)} documents, where a document of another set is a wrong answer`
    : `each over the documents of its own set (${count(results.documents)} in all)`
  return section(
    'summary',
    'In short',
    `${count(asked)} questions of ${sets.length} ${sets.length === 1 ? 'set' : 'sets'}, ${where}. Scores are ${label}, times 100; the mean weighs every set the same.`,
    h('div', { class: 'cards' }, cards),
  )
}

function card(title: string, figure: string, unit: string, sentence: string, extra?: Child): HTMLElement {
  return h(
    'article',
    { class: 'card figure-card' },
    h('h3', {}, title),
    h('p', { class: 'figure' }, figure, unit !== '' && h('small', {}, ` ${unit}`)),
    extra,
    h('p', { class: 'note' }, sentence),
  )
}

function meter(share: number): HTMLElement {
  const bar = h('i')
  bar.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`
  return h('div', { class: 'meter', 'aria-hidden': 'true' }, bar)
}

/** On how many sets, and on how many beyond chance. */
function tally(system: SystemSummary, general: SystemSummary, metric: string, sets: readonly string[]): string {
  const figures = sets.flatMap((set) => {
    const [own, other] = [system.sets[set]?.[metric], general.sets[set]?.[metric]]
    return own && other ? [{ better: own.value > other.value, p: own.against?.['general']?.p }] : []
  })
  const better = figures.filter((figure) => figure.better)
  const sure = better.filter(({ p }) => p !== undefined && p < significant).length
  const judged = figures.some(({ p }) => p !== undefined) ? `, on ${sure} beyond chance` : ''
  return `It is better on ${better.length} of ${figures.length} sets${judged}.`
}
