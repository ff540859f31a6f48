import { quadtree, scaleLinear, type Quadtree, type ScaleLinear } from 'd3'
import type { PilotPlace } from '../../results.ts'
import { h, picker, section, toggles } from './dom.ts'
import { expertColour, expertNames, nameOf, percent } from './names.ts'
import type { Queries } from './data.ts'
import { paintMap } from './map-painting.ts'
import { bounds, general, neighbour, pointsOf, type Frame, type Point } from './map-points.ts'
import { onTheme } from './theme.ts'
import type { View } from './view.ts'

/** Pilots and questions in two dimensions. Drawn on a canvas: 18,800 marks of SVG would make a page crawl. */
export function map(view: View): HTMLElement {
  const { results } = view
  const experts = expertNames(results)
  const content = h('div', {}, h('p', { class: 'waiting' }, 'Unpacking the questions …'))
  void view.queries.then((queries) => {
    const points = pointsOf(queries)
    content.replaceChildren(
      points.length === 0 && results.pilots.length === 0
        ? h(
            'p',
            { class: 'missing' },
            'There is no map in this results directory: ',
            h('code', {}, 'pilotfish eval --out DIR'),
            ' lays one out.',
          )
        : figure(view, queries, points, experts),
    )
  })
  return section(
    'map',
    'Map of questions',
    'Each dot is a question, each square a pilot, laid out so that what the base encoder finds alike lies close together; only neighbourhoods mean something, distances do not. Colour says which expert was asked first. Point at a dot to read the question, press it to open it below.',
    content,
  )
}

function pilotsOf(router: string): string {
  if (router === 'router:default') return "Pilotfish's router"
  return router.startsWith('router:pilot-') ? "The paper's pilot library" : nameOf(router).label
}

function figure(view: View, queries: Queries, points: readonly Point[], experts: readonly string[]): HTMLElement {
  // Each router may have pilots of its own; one kind is shown at a time.
  const kinds = new Map<string, PilotPlace[]>()
  for (const pilot of view.results.pilots) {
    const { router = 'router:default' } = pilot
    kinds.set(router, [...(kinds.get(router) ?? []), pilot])
  }
  const kindNames = [...kinds.keys()].sort((a, b) => Number(b === 'router:default') - Number(a === 'router:default'))
  let pilots = kinds.get(kindNames[0] ?? '') ?? []
  const names = [...experts, general]
  const shown = new Set(names)
  let set = ''
  const whole = bounds([...points, ...view.results.pilots.map(({ place: [x, y] }) => ({ x, y }))])
  const frame: Frame = { ...whole }
  let active: Point | undefined
  let visible: Point[] = []
  let tree: Quadtree<Point> = quadtree<Point>()

  const canvas = h('canvas', {
    tabindex: '0',
    role: 'application',
    'aria-label': `Map of ${points.length.toLocaleString('en-US')} questions and ${view.results.pilots.length} pilots. Arrow keys go from question to question, Enter opens one, plus and minus zoom.`,
  })
  const tip = h('div', { class: 'tip', hidden: true })
  const live = h('p', { class: 'hidden', 'aria-live': 'polite' })
  const box = h('div', { class: 'map-box' }, canvas, tip)

  let width = 0
  let height = 0
  const scales = (): { x: ScaleLinear<number, number>; y: ScaleLinear<number, number> } => ({
    x: scaleLinear([frame.x0, frame.x1], [14, width - 14]),
    y: scaleLinear([frame.y0, frame.y1], [height - 14, 14]),
  })

  const filter = (): void => {
    visible = points.filter((point) => shown.has(point.expert) && (set === '' || point.set === set))
    tree = quadtree(
      visible,
      ({ x }) => x,
      ({ y }) => y,
    )
    draw()
  }

  let waiting = false
  const draw = (): void => {
    if (waiting) return
    waiting = true
    requestAnimationFrame(() => {
      waiting = false
      paint()
    })
  }
  const paint = (): void => {
    const ringed = [points.find(({ query }) => query === view.query.value), active].filter((point) => point !== undefined)
    const shownPilots = pilots.filter(({ expert }) => shown.has(expert))
    paintMap(canvas, {
      width,
      height,
      ...scales(),
      zoom: (whole.x1 - whole.x0) / (frame.x1 - frame.x0),
      experts,
      total: points.length,
      points: visible,
      pilots: shownPilots,
      ringed,
    })
  }

  const point = (next: Point | undefined): void => {
    if (next === active) return
    active = next
    draw()
    tip.hidden = next === undefined
    if (!next) return
    const { x, y } = scales()
    const asked = queries.asked(next.query).map(({ expert, weight }) => (weight < 0.999 ? `${expert} ${percent(weight)}` : expert))
    const how =
      next.decision === 'fallback'
        ? 'fell back to the general model'
        : next.decision === 'fused'
          ? `two asked: ${asked.join(', ')}`
          : `asked ${asked.join(', ')}`
    tip.replaceChildren(h('b', {}, queries.text(next.query)), h('span', {}, `${next.set} · ${how}`))
    live.textContent = `${queries.text(next.query)}. ${next.set}, ${how}.`
    const [left, top] = [x(next.x), y(next.y)]
    const wide = Math.min(280, width - 16)
    tip.style.width = `${wide}px`
    tip.style.left = `${Math.max(8, Math.min(width - wide - 8, left - wide / 2))}px`
    if (top < height / 2) {
      tip.style.top = `${top + 14}px`
      tip.style.bottom = 'auto'
    } else {
      tip.style.top = 'auto'
      tip.style.bottom = `${height - top + 14}px`
    }
  }

  const at = (event: MouseEvent): Point | undefined => {
    const { left, top } = canvas.getBoundingClientRect()
    const { x, y } = scales()
    const [px, py] = [event.clientX - left, event.clientY - top]
    const reach = Math.abs(x.invert(14) - x.invert(0))
    const found = tree.find(x.invert(px), y.invert(py), reach * 1.5)
    return found && Math.hypot(x(found.x) - px, y(found.y) - py) < 14 ? found : undefined
  }
  const open = (next: Point | undefined): void => {
    if (!next) return
    view.query.set(next.query)
    document.getElementById('query')?.scrollIntoView({ block: 'start' })
  }
  const zoom = (by: number, cx = (frame.x0 + frame.x1) / 2, cy = (frame.y0 + frame.y1) / 2): void => {
    const magnified = ((whole.x1 - whole.x0) / (frame.x1 - frame.x0)) * by
    if (magnified <= 1) return reset()
    if (magnified > 64) return
    frame.x0 = cx + (frame.x0 - cx) / by
    frame.x1 = cx + (frame.x1 - cx) / by
    frame.y0 = cy + (frame.y0 - cy) / by
    frame.y1 = cy + (frame.y1 - cy) / by
    point(undefined)
    draw()
  }
  const reset = (): void => {
    Object.assign(frame, whole)
    point(undefined)
    draw()
  }

  let drag: { x: number; y: number; frame: Frame; moved: boolean } | undefined
  canvas.addEventListener('pointerdown', (event) => {
    drag = { x: event.clientX, y: event.clientY, frame: { ...frame }, moved: false }
  })
  canvas.addEventListener('pointermove', (event) => {
    if (drag && event.buttons > 0 && event.pointerType === 'mouse') {
      const { x, y } = scales()
      const [dx, dy] = [x.invert(event.clientX) - x.invert(drag.x), y.invert(event.clientY) - y.invert(drag.y)]
      if (!drag.moved && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < 5) return
      drag.moved = true
      Object.assign(frame, { x0: drag.frame.x0 - dx, x1: drag.frame.x1 - dx, y0: drag.frame.y0 - dy, y1: drag.frame.y1 - dy })
      draw()
      return
    }
    point(at(event))
    canvas.style.cursor = active ? 'pointer' : ''
  })
  canvas.addEventListener('pointerleave', () => point(undefined))
  canvas.addEventListener('click', (event) => {
    const moved = drag?.moved ?? false
    drag = undefined
    if (!moved) open(at(event))
  })
  canvas.addEventListener('dblclick', (event) => {
    const { left, top } = canvas.getBoundingClientRect()
    const { x, y } = scales()
    zoom(2, x.invert(event.clientX - left), y.invert(event.clientY - top))
  })
  // The wheel alone scrolls the page; with Ctrl, as a pinch on a touchpad reads, it zooms.
  canvas.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey) return
      event.preventDefault()
      const { left, top } = canvas.getBoundingClientRect()
      const { x, y } = scales()
      zoom(2 ** (-event.deltaY / 120), x.invert(event.clientX - left), y.invert(event.clientY - top))
    },
    { passive: false },
  )
  canvas.addEventListener('keydown', (event) => {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key]
    if (direction) point(neighbour(visible, active, direction as [number, number], frame) ?? active)
    else if (event.key === 'Enter') open(active)
    else if (event.key === '+' || event.key === '=') zoom(2, active?.x, active?.y)
    else if (event.key === '-') zoom(0.5, active?.x, active?.y)
    else if (event.key === '0') reset()
    else if (event.key === 'Escape') point(undefined)
    else return
    event.preventDefault()
  })
  canvas.addEventListener('blur', () => point(undefined))

  new ResizeObserver(() => {
    if (box.clientWidth === width) return
    width = box.clientWidth
    height = Math.round(Math.min(620, Math.max(320, width * 0.62)))
    canvas.style.height = `${height}px`
    draw()
  }).observe(box)
  onTheme(canvas, draw)
  view.query.listen(draw)
  filter()

  const counts = new Map<string, number>()
  for (const { expert } of points) counts.set(expert, (counts.get(expert) ?? 0) + 1)
  const left = queries.count - points.length
  return h(
    'figure',
    { class: 'card' },
    h(
      'div',
      { class: 'controls' },
      picker('Set', [{ value: '', label: 'All sets' }, ...queries.columns.sets.map((value) => ({ value, label: value }))], '', (value) => {
        set = value
        filter()
      }),
      kindNames.length > 0 &&
        picker(
          'Pilots',
          [...kindNames.map((value) => ({ value, label: pilotsOf(value) })), { value: '', label: 'None' }],
          kindNames[0]!,
          (value) => {
            pilots = kinds.get(value) ?? []
            draw()
          },
        ),
      h(
        'div',
        { class: 'buttons', role: 'group', 'aria-label': 'Zoom' },
        h('button', { type: 'button', 'aria-label': 'Zoom in', onclick: () => zoom(2) }, '+'),
        h('button', { type: 'button', 'aria-label': 'Zoom out', onclick: () => zoom(0.5) }, '−'),
        h('button', { type: 'button', onclick: reset }, 'Whole map'),
      ),
    ),
    toggles(
      'Asked first',
      names
        .filter((name) => counts.has(name) || view.results.pilots.some(({ expert }) => expert === name))
        .map((name) => ({
          value: name,
          label: `${name === general ? 'general model' : name} ${(counts.get(name) ?? 0).toLocaleString('en-US')}`,
          swatch: expertColour(experts, name),
        })),
      shown,
      (name, on) => {
        if (on) shown.add(name)
        else shown.delete(name)
        filter()
      },
    ),
    box,
    live,
    h(
      'figcaption',
      { class: 'legend' },
      h('span', {}, h('i', { class: 'shape dot' }), ' one expert'),
      h('span', {}, h('i', { class: 'shape ring' }), ' two experts, fused'),
      h('span', {}, h('i', { class: 'shape cross' }, '×'), ' fallback to the general model'),
      kindNames.length > 0 && h('span', {}, h('i', { class: 'shape square' }), ' pilot; the larger, the more questions it stands for'),
      left > 0 &&
        h('span', {}, `${points.length.toLocaleString('en-US')} of ${queries.count.toLocaleString('en-US')} questions are on the map`),
    ),
  )
}
