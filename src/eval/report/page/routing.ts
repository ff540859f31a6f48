import * as Plot from '@observablehq/plot'
import { drawn, h, section, type Child } from './dom.ts'
import { expertColour, expertNames, nameOf, percent, shownSystems, systemColour } from './names.ts'
import type { View } from './view.ts'

/** Who was asked, and how often that was right. */
export function routing({ results }: View): HTMLElement {
  const content: Child[] = [destinations(results), accuracy(results)].filter((part) => part !== undefined)
  return section(
    'routing',
    'Where questions went',
    'The router’s first choice for the questions of each set. A set that belongs to one domain should have one colour; grey questions were too far from every expert and went to the general model.',
    ...content,
  )
}

type Results = View['results']

function destinations(results: Results): HTMLElement | undefined {
  const sets = Object.keys(results.routes)
  if (sets.length === 0)
    return h('p', { class: 'missing' }, 'No router was evaluated: add ', h('code', {}, 'router:default'), ' to the systems.')
  const experts = expertNames(results)
  const rows = sets.flatMap((set) => {
    const counts = results.routes[set]!
    const total = results.queries[set] ?? 1
    return [...experts.map((name) => [name, counts.experts[name] ?? 0] as const), ['general model', counts.fallback] as const].flatMap(
      ([expert, asked]) => (asked === 0 ? [] : [{ set, expert, share: asked / total, asked }]),
    )
  })
  const names = [...experts, 'general model']
  const side = new Map(
    sets.map((set) => {
      const { fused, lexicalWeight } = results.routes[set]!
      return [set, { fused: fused / (results.queries[set] ?? 1), lexicalWeight }]
    }),
  )
  const { element } = drawn((width) => {
    const narrow = width < 560
    return Plot.plot({
      width,
      height: sets.length * 28 + 50,
      marginLeft: 112,
      marginRight: narrow ? 20 : 152,
      marginTop: narrow ? 4 : 24,
      marginBottom: 24,
      ariaLabel: 'Share of questions by expert asked first, for each set',
      x: {
        domain: [0, 1],
        tickFormat: (share: number) => `${Math.round(100 * share)} %`,
        label: null,
        ticks: narrow ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1],
      },
      y: {
        domain: sets,
        label: null,
        tickSize: 0,
        padding: 0.25,
        tickFormat: (set: string) => (set.length > 17 ? `${set.slice(0, 16)}…` : set),
      },
      marks: [
        Plot.barX(rows, {
          x: 'share',
          y: 'set',
          order: names,
          fill: ({ expert }: { expert: string }) => expertColour(experts, expert),
          insetRight: 1,
          title: ({ expert, set, share, asked }: (typeof rows)[number]) =>
            `${expert}: ${percent(share, 1)} of ${set} (${asked.toLocaleString('en-US')})`,
        }),
        ...(narrow
          ? []
          : [
              Plot.text(sets, {
                y: (set: string) => set,
                text: (set: string) => percent(side.get(set)!.fused),
                frameAnchor: 'right',
                textAnchor: 'end',
                dx: 62,
                fill: 'var(--muted)',
              }),
              Plot.text(sets, {
                y: (set: string) => set,
                text: (set: string) => percent(side.get(set)!.lexicalWeight),
                frameAnchor: 'right',
                textAnchor: 'end',
                dx: 144,
                fill: 'var(--muted)',
              }),
              Plot.text(['two asked'], { frameAnchor: 'top-right', textAnchor: 'end', dx: 62, dy: -18, fill: 'var(--muted)' }),
              Plot.text(['BM25 share'], { frameAnchor: 'top-right', textAnchor: 'end', dx: 144, dy: -18, fill: 'var(--muted)' }),
            ]),
      ],
    })
  })
  return h(
    'figure',
    { class: 'card' },
    h(
      'ul',
      { class: 'key' },
      names.filter((name) => rows.some(({ expert }) => expert === name)).map((name) => keyEntry(name, expertColour(experts, name))),
    ),
    element,
  )
}

export function keyEntry(label: string, colour: string): HTMLElement {
  const swatch = h('i', { class: 'swatch', 'aria-hidden': 'true' })
  swatch.style.setProperty('--swatch', colour)
  return h('li', {}, swatch, label)
}

function accuracy(results: Results): HTMLElement | undefined {
  const routers = shownSystems(results).filter(({ accuracy }) => accuracy?.best !== undefined || accuracy?.owner !== undefined)
  if (routers.length === 0) return undefined
  const rows = routers.flatMap(({ name, accuracy }) =>
    (['owner', 'best'] as const).flatMap((kind) =>
      accuracy![kind] === undefined ? [] : [{ name, label: nameOf(name).label, kind, value: accuracy![kind]! }],
    ),
  )
  const { element } = drawn((width) =>
    Plot.plot({
      width,
      height: routers.length * 34 + 44,
      marginLeft: 132,
      marginRight: 24,
      marginTop: 6,
      marginBottom: 26,
      ariaLabel: `How often routers ask the right expert: ${rows.map(({ label, kind, value }) => `${label} ${kind} ${percent(value)}`).join(', ')}`,
      x: {
        domain: [Math.min(0.5, Math.floor(10 * Math.min(...rows.map(({ value }) => value))) / 10), 1],
        grid: true,
        tickFormat: (share: number) => `${Math.round(100 * share)} %`,
        ticks: 5,
        label: null,
      },
      y: { domain: routers.map(({ name }) => nameOf(name).label), label: null, tickSize: 0 },
      marks: [
        Plot.ruleY(routers, {
          y: ({ name }: { name: string }) => nameOf(name).label,
          x1: ({ accuracy }: (typeof routers)[number]) => Math.min(accuracy?.best ?? 1, accuracy?.owner ?? 1),
          x2: ({ accuracy }: (typeof routers)[number]) => Math.max(accuracy?.best ?? 0, accuracy?.owner ?? 0),
          stroke: 'var(--line-strong)',
          strokeWidth: 2,
        }),
        Plot.dot(rows, {
          x: 'value',
          y: 'label',
          r: 6,
          symbol: ({ kind }: { kind: string }) => (kind === 'owner' ? 'circle' : 'diamond'),
          fill: ({ name, kind }: (typeof rows)[number]) => (kind === 'owner' ? systemColour(name) : 'var(--card)'),
          stroke: ({ name }: { name: string }) => systemColour(name),
          strokeWidth: 2,
          title: ({ label, kind, value }: (typeof rows)[number]) =>
            `${label}: ${kind === 'owner' ? 'the expert of the set' : 'an expert none is better than'}, ${percent(value, 1)}`,
        }),
      ],
    }),
  )
  return h(
    'figure',
    { class: 'card' },
    h('figcaption', { class: 'title' }, 'How often each router asks the right expert'),
    h(
      'p',
      { class: 'note' },
      '● the expert that the set belongs to, ◇ an expert that none answers the question better than (many questions have several such experts). Mean over sets.',
    ),
    element,
  )
}
