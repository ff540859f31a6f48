import { h, picker, section } from './dom.ts'
import { cast, count, expertNames, nameOf, points, signed } from './names.ts'
import type { Queries } from './data.ts'
import { queryDetail } from './query-detail.ts'
import { hasOutcome, mostTelling, onRoute, sortKey, type Compared } from './query-filter.ts'
import type { View } from './view.ts'

const rowHeight = 60

interface Filter {
  text: string
  set: string
  /** A decision, or `asked:NAME`. */
  route: string
  outcome: string
  order: string
}

/** Finds any query among thousands, and shows what became of it. */
export function queryBrowser(view: View): HTMLElement {
  const content = h('div', {}, h('p', { class: 'waiting' }, 'Unpacking the questions …'))
  void view.queries.then((queries) => {
    content.replaceChildren(
      queries.count === 0
        ? h(
            'p',
            { class: 'missing' },
            'No question was saved in this results directory: ',
            h('code', {}, 'pilotfish eval --out DIR'),
            ' saves them.',
          )
        : browser(view, queries),
    )
  })
  return section(
    'query',
    'Question by question',
    'Find any question, and see where it was sent, what every expert answered and where the answers differ. Scores are of the question alone, 0 to 100.',
    content,
  )
}

function browser(view: View, queries: Queries): HTMLElement {
  const { results } = view
  const first = results.metrics[0]!
  const { routed, general, oracle } = cast(results, first)
  const compared: Compared = { routed: routed?.name, general: general?.name, oracle: oracle?.name }
  const bestOfQuery = results.systems.some(({ name }) => name === 'oracle:query') ? 'oracle:query' : compared.oracle
  const filter: Filter = { text: '', set: '', route: '', outcome: '', order: '' }
  const folded = queries.columns.text.map((text) => text.toLowerCase())
  let found: number[] = []

  const spacer = h('div', { class: 'rows', role: 'listbox', tabindex: '0', 'aria-label': 'Questions', id: 'question-list' })
  const scroller = h('div', { class: 'scroller' }, spacer)
  const status = h('p', { class: 'status', 'aria-live': 'polite' })
  const detail = h('div', { class: 'detail', id: 'question', tabindex: '-1' })

  const apply = (): void => {
    const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean)
    const set = queries.columns.sets.indexOf(filter.set)
    found = []
    for (let query = 0; query < queries.count; query++) {
      if (set >= 0 && queries.columns.set[query] !== set) continue
      if (words.length > 0 && !words.every((word) => folded[query]!.includes(word) || queries.columns.id[query] === word)) continue
      if (filter.route !== '' && !onRoute(queries, query, filter.route)) continue
      if (filter.outcome !== '' && !hasOutcome(queries, query, filter.outcome, compared, bestOfQuery)) continue
      found.push(query)
    }
    if (filter.order !== '') {
      const keys = new Map(found.map((query) => [query, sortKey(queries, query, filter.order, compared, bestOfQuery)]))
      found.sort((a, b) => keys.get(a)! - keys.get(b)!)
    }
    status.textContent = `${count(found.length)} of ${count(queries.count)} questions`
    spacer.style.height = `${Math.max(1, found.length) * rowHeight}px`
    scroller.scrollTop = 0
    spacer.replaceChildren()
    paint()
  }

  const row = (query: number, position: number): HTMLElement => {
    const [own, base] = [
      compared.routed && queries.score(query, compared.routed),
      compared.general && queries.score(query, compared.general),
    ]
    const gain = typeof own === 'number' && typeof base === 'number' ? own - base : undefined
    const asked =
      queries.decision(query) === 'fallback'
        ? 'general'
        : queries
            .asked(query)
            .map(({ expert }) => expert)
            .join(' + ')
    const element = h(
      'div',
      {
        class: 'row',
        role: 'option',
        id: `question-${query}`,
        'data-query': query,
        'aria-selected': query === view.query.value ? 'true' : 'false',
        'aria-posinset': position + 1,
        'aria-setsize': found.length,
      },
      h('b', {}, queries.text(query)),
      h('span', {}, h('em', {}, queries.set(query)), ' → ', asked),
      gain !== undefined &&
        h(
          'small',
          { class: gain > 0.0005 ? 'up' : gain < -0.0005 ? 'down' : '' },
          h('b', {}, points(own as number, 0)),
          ` ${Math.abs(gain) < 0.0005 ? '=' : signed(gain, 0)}`,
        ),
    )
    element.style.top = `${position * rowHeight}px`
    return element
  }

  const paint = (): void => {
    const from = Math.max(0, Math.floor(scroller.scrollTop / rowHeight) - 6)
    const to = Math.min(found.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / rowHeight) + 6)
    if (found.length === 0) return spacer.replaceChildren(h('p', { class: 'nothing' }, 'No question is like that. Loosen the filters.'))
    spacer.replaceChildren(...found.slice(from, to).map((query, i) => row(query, from + i)))
    const selected = view.query.value
    if (selected !== undefined && spacer.querySelector(`#question-${selected}`))
      spacer.setAttribute('aria-activedescendant', `question-${selected}`)
    else spacer.removeAttribute('aria-activedescendant')
  }
  let waiting = false
  const repaint = (): void => {
    if (waiting) return
    waiting = true
    requestAnimationFrame(() => {
      waiting = false
      paint()
    })
  }
  const reveal = (position: number): void => {
    const top = position * rowHeight
    if (top < scroller.scrollTop) scroller.scrollTop = top
    else if (top + rowHeight > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + rowHeight - scroller.clientHeight
    repaint()
  }

  scroller.addEventListener('scroll', repaint, { passive: true })
  new ResizeObserver(repaint).observe(scroller)
  spacer.addEventListener('click', (event) => {
    const target = (event.target as Element).closest<HTMLElement>('[data-query]')
    if (!target) return
    view.query.set(Number(target.dataset.query))
    // Where the two do not lie side by side, the answer is below.
    if (detail.offsetTop > scroller.offsetTop + scroller.clientHeight / 2) detail.scrollIntoView({ block: 'start' })
  })
  spacer.addEventListener('keydown', (event) => {
    const at = found.indexOf(view.query.value ?? -1)
    const page = Math.max(1, Math.floor(scroller.clientHeight / rowHeight) - 1)
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: found.length - 1,
    }
    if (event.key === 'Enter') detail.focus()
    const next = moves[event.key]
    if (next === undefined || found.length === 0) return
    event.preventDefault()
    const position = Math.max(0, Math.min(found.length - 1, next))
    view.query.set(found[position]!)
    reveal(position)
  })

  let turn = 0
  const show = (query: number | undefined): void => {
    repaint()
    const own = ++turn
    if (query === undefined) return detail.replaceChildren(h('p', { class: 'waiting' }, 'Choose a question.'))
    void view.documents.then((documents) => {
      // Another may have been chosen while documents were unpacked.
      if (own === turn) detail.replaceChildren(queryDetail(view, queries, documents, query))
    })
  }
  view.query.listen((query) => {
    const position = query === undefined ? -1 : found.indexOf(query)
    if (position >= 0) reveal(position)
    show(query)
  })

  const change =
    (name: keyof Filter) =>
    (value: string): void => {
      filter[name] = value
      apply()
    }
  const search = h('input', {
    type: 'search',
    id: 'question-search',
    placeholder: 'Words of a question',
    autocomplete: 'off',
    spellcheck: 'false',
    oninput: () => change('text')(search.value),
  })
  const experts = expertNames(results).filter((name) => queries.columns.experts.includes(name))
  const outcomes = [
    { value: '', label: 'Any' },
    ...(compared.routed && compared.general
      ? [
          { value: 'differs', label: 'Routed differs from general' },
          { value: 'better', label: 'Routed better than general' },
          { value: 'worse', label: 'Routed worse than general' },
        ]
      : []),
    ...(compared.routed && bestOfQuery
      ? [{ value: 'oracle', label: `Routed worse than the ${nameOf(bestOfQuery).label.toLowerCase()}` }]
      : []),
    { value: 'disagree', label: 'Experts differ in their first hit' },
    { value: 'none', label: 'No expert finds anything relevant' },
  ]
  const orders = [
    { value: '', label: 'As in the sets' },
    ...(compared.routed && compared.general
      ? [
          { value: 'gain', label: 'Most gained over general' },
          { value: 'loss', label: 'Most lost to general' },
        ]
      : []),
    ...(compared.routed && bestOfQuery ? [{ value: 'oracle', label: 'Furthest below the oracle' }] : []),
    { value: 'doubt', label: 'Least confident route' },
  ]
  const element = h(
    'div',
    { class: 'card browser' },
    h(
      'div',
      { class: 'controls', role: 'search' },
      h('div', { class: 'field grow' }, h('label', { for: 'question-search' }, 'Search'), search),
      picker('Set', [{ value: '', label: 'All' }, ...queries.columns.sets.map((value) => ({ value, label: value }))], '', change('set')),
      picker(
        'Route',
        [
          { value: '', label: 'Any' },
          { value: 'expert', label: 'One expert' },
          { value: 'fused', label: 'Two, fused' },
          { value: 'fallback', label: 'Fallback' },
          ...experts.map((name) => ({ value: `asked:${name}`, label: `Asked ${name}` })),
        ],
        '',
        change('route'),
      ),
      picker('Outcome', outcomes, '', change('outcome')),
      picker('Order', orders, '', change('order')),
    ),
    status,
    h('div', { class: 'panes' }, scroller, detail),
  )
  apply()
  const name = (query: number): string => `${queries.set(query)}/${queries.columns.id[query]!}`
  const linked = view.linked === undefined ? undefined : found.find((query) => name(query) === view.linked)
  if (view.query.value === undefined && found.length > 0) view.query.set(linked ?? mostTelling(queries, compared))
  else show(view.query.value)
  if (linked !== undefined) requestAnimationFrame(() => element.closest('section')?.scrollIntoView())
  // Whoever copies the address names the query that is open.
  view.query.listen((query) => {
    if (query !== undefined) history.replaceState(null, '', `#q=${encodeURIComponent(`${view.tab}/${name(query)}`)}`)
  })
  return element
}
