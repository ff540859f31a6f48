import type { DocumentColumns, QueryColumns, ReportSummary, ResultsSummary } from '../report.ts'
import { about } from './about.ts'
import { setBars } from './bars.ts'
import { openDocuments, openQueries, unpack, type Documents, type Queries } from './data.ts'
import { h } from './dom.ts'
import { headline } from './headline.ts'
import { heatMap } from './heat-map.ts'
import { map } from './map.ts'
import { queryBrowser } from './query-list.ts'
import { routing } from './routing.ts'
import { studies } from './studies.ts'
import { comparisonTable } from './table.ts'
import { themeButton } from './theme.ts'
import { chosen, type View } from './view.ts'

let summary: ReportSummary
const unpacked = new Map<number, Promise<Queries>>()
let documents: Promise<Documents> | undefined

/** Lets the page be drawn first. */
function afterDrawing<T>(work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    requestAnimationFrame(() => setTimeout(() => work().then(resolve, reject), 0))
  })
}

function queriesOf(index: number): Promise<Queries> {
  const known = unpacked.get(index) ?? afterDrawing(async () => openQueries(await unpack<QueryColumns>(`data-queries-${index}`)))
  unpacked.set(index, known)
  return known
}

function viewOf(results: ResultsSummary, index: number, linked: string | undefined): View {
  const queries = queriesOf(index)
  return {
    results,
    tab: index,
    ...(linked !== undefined && { linked }),
    metric: chosen(results.metrics[0]!),
    query: chosen<number | undefined>(undefined),
    queries,
    get documents() {
      return (documents ??= queries.then(() => afterDrawing(async () => openDocuments(await unpack<DocumentColumns>('data-documents')))))
    },
  }
}

const main = h('div', { id: 'results' })
const nav = h('nav', { 'aria-label': 'Parts of the report' })
let spy: IntersectionObserver | undefined

function show(index: number, linked?: string): void {
  const results = summary.results[index]!
  const view = viewOf(results, index, linked)
  const sections = [
    headline(view),
    comparisonTable(view),
    setBars(view),
    heatMap(view),
    routing(view),
    map(view),
    studies(view),
    queryBrowser(view),
    about(view, summary),
  ]
  main.replaceChildren(...sections)
  const links = sections.map((section) => h('a', { href: `#${section.id}` }, section.querySelector('h2')!.textContent!))
  nav.replaceChildren(...links)
  spy?.disconnect()
  // Marks the part that is being read: the one that crosses a line a third down the window.
  spy = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue
        for (const link of links) {
          const current = link.hash === `#${target.id}`
          link.toggleAttribute('aria-current', current)
          if (current && nav.scrollWidth > nav.clientWidth) nav.scrollTo({ left: link.offsetLeft - 24 })
        }
      }
    },
    { rootMargin: '-33% 0px -66% 0px' },
  )
  for (const section of sections) spy.observe(section)
}

/** What an address that was copied says: `#q=0/banking77/17` is a query of the first results. */
function address(): { readonly tab: number; readonly query?: string } {
  const [, tab, query] = /^(\d+)\/(.+)$/s.exec(new URLSearchParams(location.hash.slice(1)).get('q') ?? '') ?? []
  return query === undefined || Number(tab) >= summary.results.length ? { tab: 0 } : { tab: Number(tab), query }
}

function tabs({ tab, query }: ReturnType<typeof address>): HTMLElement | undefined {
  if (summary.results.length < 2) return undefined
  const buttons = summary.results.map(({ label }, i) =>
    h('button', { type: 'button', role: 'tab', id: `tab-${i}`, 'aria-controls': 'results', onclick: () => select(i) }, label),
  )
  const select = (chosen: number, linked?: string): void => {
    for (const [i, button] of buttons.entries()) {
      button.setAttribute('aria-selected', String(i === chosen))
      button.tabIndex = i === chosen ? 0 : -1
    }
    show(chosen, linked)
  }
  const list = h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Results' }, buttons)
  list.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined) return
    const next = (buttons.findIndex((button) => button.tabIndex === 0) + step + buttons.length) % buttons.length
    select(next)
    buttons[next]!.focus()
  })
  select(tab, query)
  main.setAttribute('role', 'tabpanel')
  return list
}

async function start(): Promise<void> {
  summary = await unpack<ReportSummary>('data-summary')
  const named = address()
  const tabList = tabs(named)
  if (!tabList) show(0, named.query)
  document.body.replaceChildren(
    h('a', { class: 'skip', href: '#results' }, 'To the results'),
    h(
      'header',
      {},
      h('div', { class: 'masthead' }, h('h1', {}, summary.title), themeButton()),
      tabList ?? h('p', { class: 'only' }, summary.results[0]!.label),
    ),
    h('div', { class: 'frame' }, nav, h('main', {}, main)),
    // Parcels that are not unpacked yet.
    h('div', { hidden: true }, ...document.querySelectorAll('script[type="application/octet-stream"]')),
  )
  document.documentElement.dataset.ready = 'true'
}

void start()
