import { steps } from '../report.ts'
import { h, type Child } from './dom.ts'
import type { Documents, Hit, Queries } from './data.ts'
import { expertColour, expertNames, inOrder, nameOf, nameOfList, percent, points, systemColour } from './names.ts'
import type { View } from './view.ts'

/** One query: its route, what each system made of it, and every list of hits side by side. */
export function queryDetail(view: View, queries: Queries, documents: Documents, query: number): HTMLElement {
  return h(
    'article',
    { class: 'question' },
    h('p', { class: 'origin' }, queries.set(query), ' · ', h('code', {}, queries.columns.id[query]!)),
    h('h3', {}, queries.text(query)),
    route(view, queries, query),
    h('div', { class: 'two' }, routeScores(view, queries, query), systemScores(queries, query)),
    lists(view, queries, documents, query),
  )
}

function route(view: View, queries: Queries, query: number): HTMLElement {
  const asked = queries.asked(query)
  const experts = expertNames(view.results)
  const name = (expert: string, weight?: number): HTMLElement => {
    const swatch = h('i', { class: 'swatch', 'aria-hidden': 'true' })
    swatch.style.setProperty('--swatch', expertColour(experts, expert))
    return h('b', { class: 'name' }, swatch, expert, weight !== undefined && weight < 0.999 && ` ${percent(weight)}`)
  }
  const decision = queries.decision(query)
  const said: Child[] =
    decision === 'fallback'
      ? ['Too far from every expert: the general model was asked.']
      : decision === 'fused'
        ? [
            'The two best experts are close, so both were asked: ',
            ...asked.flatMap(({ expert, weight }, i) => [i > 0 && ' and ', name(expert, weight)]),
            '.',
          ]
        : [decision === 'forced' ? 'The caller named ' : 'Asked ', ...asked.map(({ expert }) => name(expert)), '.']
  const figure = (label: string, column: readonly number[]): HTMLElement =>
    h('div', {}, h('dt', {}, label), h('dd', {}, percent(column[query]! / steps)))
  const { confidence, margin, lexicalWeight } = queries.columns
  return h(
    'div',
    { class: 'route' },
    h('p', {}, said),
    h(
      'dl',
      { class: 'facts' },
      figure('confidence', confidence),
      figure('margin to the next', margin),
      figure('BM25 share', lexicalWeight),
    ),
  )
}

interface Bar {
  readonly label: string
  readonly title: string
  readonly value: number
  readonly colour: string
  readonly strong: boolean
}

function bars(title: string, entries: readonly Bar[], text: (value: number) => string): HTMLElement {
  return h(
    'div',
    {},
    h('h4', {}, title),
    h(
      'ul',
      { class: 'bars' },
      entries.map(({ label, title, value, colour, strong }) => {
        const bar = h('i', { 'aria-hidden': 'true' })
        bar.style.width = `${Math.max(0, Math.min(1, value)) * 100}%`
        bar.style.background = colour
        return h('li', { title, class: strong ? 'strong' : '' }, h('span', {}, label), h('div', {}, bar), h('b', {}, text(value)))
      }),
    ),
  )
}

function routeScores(view: View, queries: Queries, query: number): HTMLElement {
  const experts = expertNames(view.results)
  const asked = new Set(queries.decision(query) === 'fallback' ? [] : queries.asked(query).map(({ expert }) => expert))
  return bars(
    'How the router scored the experts',
    queries.routeScores(query).map(({ expert, score }) => ({
      label: expert,
      title: expert,
      value: score,
      colour: expertColour(experts, expert),
      strong: asked.has(expert),
    })),
    (value) => percent(value),
  )
}

function systemScores(queries: Queries, query: number): HTMLElement {
  const entries = inOrder(queries.columns.systems)
    .filter((name) => nameOf(name).group !== 'expert')
    .flatMap((name) => {
      const value = queries.score(query, name)
      return value === undefined
        ? []
        : [
            {
              label: nameOf(name).label,
              title: `${name}: ${nameOf(name).sentence}`,
              value,
              colour: systemColour(name),
              strong: nameOf(name).group === 'ours',
            },
          ]
    })
  return bars('What each system made of it', entries, (value) => points(value, 0))
}

/** Lists in the order they are read: what users get, who was asked, then the rest. */
function lists(view: View, queries: Queries, documents: Documents, query: number): HTMLElement {
  const asked = queries.asked(query).map(({ expert }) => expert)
  const rank = (list: string): number => {
    const first = ['routed+bm25', 'routed', 'router:default', ...asked, 'general', 'bm25'].indexOf(list)
    return first < 0 ? 50 : first
  }
  const named = queries.columns.lists.filter((list) => queries.hits(query, list).length > 0).sort((a, b) => rank(a) - rank(b))
  const dense = named.filter((list) => queries.columns.experts.includes(list) || list === 'general')
  const finders = new Map<number, string[]>()
  for (const list of dense)
    for (const { document } of queries.hits(query, list)) finders.set(document, [...(finders.get(document) ?? []), list])
  const experts = expertNames(view.results)

  const board = h('div', {
    class: 'board',
    tabindex: '0',
    role: 'region',
    'aria-label': 'Hits of every expert side by side, scrolls sideways',
  })
  const highlight = (document: string | undefined): void => {
    for (const card of board.querySelectorAll<HTMLElement>('[data-document]'))
      card.classList.toggle('same', card.dataset.document === document)
  }
  board.addEventListener('pointerover', (event) =>
    highlight((event.target as Element).closest<HTMLElement>('[data-document]')?.dataset.document),
  )
  board.addEventListener('pointerleave', () => highlight(undefined))

  board.append(
    ...named.map((list) => {
      const hits = queries.hits(query, list)
      const score = queries.score(
        query,
        queries.columns.experts.includes(list) ? (list === 'general' ? 'general' : `expert:${list}`) : list,
      )
      const isExpert = dense.includes(list)
      const heading = h('i', { class: 'swatch', 'aria-hidden': 'true' })
      heading.style.setProperty('--swatch', isExpert ? expertColour(experts, list) : systemColour(list))
      return h(
        'section',
        { class: asked.includes(list) ? 'column asked' : 'column' },
        h(
          'h5',
          {},
          h('span', {}, heading, list === 'general' ? 'general model' : nameOfList(list)),
          score !== undefined && h('b', {}, points(score, 0)),
        ),
        asked.includes(list) && h('p', { class: 'badge' }, 'asked'),
        h(
          'ol',
          {},
          hits.map((hit) => hitCard(hit, documents, isExpert ? finders.get(hit.document)!.length : undefined, dense.length)),
        ),
      )
    }),
  )
  const relevant = queries.relevant(query)
  const unseen = relevant.filter(
    ({ document }) => !named.some((list) => queries.hits(query, list).some((hit) => hit.document === document)),
  )
  return h(
    'div',
    { class: 'lists' },
    h('h4', {}, 'First hits, side by side'),
    h(
      'p',
      { class: 'legend' },
      h('span', {}, h('i', { class: 'tick' }, '✓'), ' judged relevant'),
      h('span', {}, h('i', { class: 'differs' }), ' not every expert has it among its first five'),
      h('span', {}, 'point at a hit to see where else it is'),
    ),
    board,
    unseen.length > 0 &&
      h(
        'details',
        {},
        h(
          'summary',
          {},
          `${unseen.length} relevant ${unseen.length === 1 ? 'document that nobody' : 'documents that nobody'} has among the first hits`,
        ),
        h(
          'ol',
          { class: 'unseen' },
          unseen.map((hit) => hitCard(hit, documents, undefined, 0)),
        ),
      ),
  )
}

function hitCard({ document, grade }: Hit, documents: Documents, finders: number | undefined, of: number): HTMLElement {
  const title = documents.title(document)
  const text = documents.text(document)
  const differs = finders !== undefined && finders < of
  return h(
    'li',
    {
      class: ['hit', grade > 0 && 'relevant', differs && 'differs'].filter(Boolean).join(' '),
      'data-document': document,
      title: documents.id(document),
    },
    h(
      'p',
      { class: 'hit-title' },
      grade > 0 && h('i', { class: 'tick' }, '✓', h('span', { class: 'hidden' }, ' relevant: ')),
      title || documents.id(document).replace(/^[^/]*\//, ''),
    ),
    text !== '' && h('p', { class: 'snippet' }, text),
    (differs || grade > 1) &&
      h(
        'p',
        { class: 'hit-note' },
        [differs && (finders === 1 ? 'only this one' : `${finders} of ${of} experts`), grade > 1 && `grade ${grade}`]
          .filter(Boolean)
          .join(' · '),
      ),
  )
}
