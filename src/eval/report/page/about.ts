import type { ReportSummary } from '../report.ts'
import { h, section } from './dom.ts'
import { count, metricLabel, metricNames, nameOf, shownSystems } from './names.ts'
import type { View } from './view.ts'

/** What a figure is worth nothing without. */
export function about({ results }: View, { documents }: ReportSummary): HTMLElement {
  const sets = Object.entries(results.queries)
  const entry = (term: string, ...said: readonly (string | Node)[]): HTMLElement => h('div', {}, h('dt', {}, term), h('dd', {}, said))
  return section(
    'about',
    'About these figures',
    'How they came about, and what the words mean.',
    h(
      'div',
      { class: 'card' },
      h(
        'dl',
        { class: 'glossary' },
        entry('Questions', `The ${results.split} split of ${sets.map(([set, queries]) => `${set} (${count(queries)})`).join(', ')}.`),
        results.pack ? entry('Pack', `${results.pack.name} ${results.pack.version}.`) : '',
        results.circumstances.length > 0 ? entry('Run', `${results.circumstances.join(', ')}.`) : '',
        Object.keys(results.learnedFrom).length > 0
          ? entry(
              "The paper's routers",
              `Learned from train questions only: ${Object.entries(results.learnedFrom)
                .map(([set, queries]) => `${count(queries)} of ${set}`)
                .join(', ')}.`,
            )
          : '',
        results.lexical === undefined ? '' : entry('BM25’s constants', `${results.lexical}; the same on every set.`),
        ...results.notices.map((notice) => entry('Note', notice)),
        ...results.metrics.map((metric) =>
          entry(metricLabel(metric), `${capital(metricNames[metric.split('@')[0]!] ?? 'a score')}; counted as trec_eval does. 0 to 100.`),
        ),
        entry('Interval', 'The middle 95 % of the scores of many resamplings of the same questions (bootstrap).'),
        entry(
          'Beyond chance',
          'A paired randomisation test: were the two systems equal, a difference this large would come about in fewer than one of twenty runs.',
        ),
        entry('Pilot', 'An example question of a domain, or the centre of a group of them, that the router knows where it belongs.'),
        entry(
          'Route',
          'The router’s decision: one expert; two fused, where the best are close; or the general model, where the question is far from all.',
        ),
        ...shownSystems(results)
          .filter(({ name }) => nameOf(name).group !== 'expert')
          .map(({ name }) => entry(nameOf(name).label, nameOf(name).sentence, ' ', h('code', {}, name))),
        entry(
          'What was left out',
          `This file holds ${count(results.saved)} questions of these results, at most 5 hits of each list, at most 20 relevant documents of each question besides those among the hits, the first ${documents.characters} characters of titles and texts, and the first 600 of a question.`,
        ),
      ),
    ),
  )
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
