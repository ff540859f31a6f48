type Attribute = string | number | boolean | undefined | ((event: never) => void)
export type Child = Node | string | number | false | undefined | null

/**
 * An element. Attributes that are functions listen (`onclick`), `true` sets an attribute, `false` leaves it out. Children that are text
 * become text nodes: nothing on the page is ever parsed as HTML, whatever a document holds.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, Attribute>> = {},
  ...children: readonly (Child | readonly Child[])[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value as EventListener)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value))
  }
  append(element, children.flat() as Child[])
  return element
}

export function append(element: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child === false || child === undefined || child === null) continue
    element.append(typeof child === 'number' ? String(child) : child)
  }
}

/** A place whose content is drawn to its width, again when that changes. `redraw` is for when what it shows changed. */
export function drawn(draw: (width: number) => Element, leastWidth = 0): { readonly element: HTMLElement; redraw(): void } {
  const inner = h('div', { class: 'chart-inner' })
  const element = h('div', { class: 'chart' }, inner)
  if (leastWidth > 0) {
    // Wider than a telephone: it scrolls inside its box, and must then be reachable by keyboard.
    inner.style.minWidth = `${leastWidth}px`
    element.tabIndex = 0
    element.setAttribute('role', 'region')
    element.setAttribute('aria-label', 'Chart, scrolls sideways')
  }
  let width = 0
  const redraw = (): void => {
    if (width === 0) return
    inner.replaceChildren(draw(width))
    // One picture with one description; its hundred marks are not read out.
    for (const svg of inner.querySelectorAll('svg[aria-label]')) svg.setAttribute('role', 'img')
    for (const group of inner.querySelectorAll('g[aria-label]')) {
      group.setAttribute('data-marks', group.getAttribute('aria-label')!)
      group.removeAttribute('aria-label')
    }
  }
  new ResizeObserver(() => {
    const now = Math.floor(inner.clientWidth)
    if (now === width) return
    width = now
    redraw()
  }).observe(inner)
  return { element, redraw }
}

export interface Choice {
  readonly value: string
  readonly label: string
}

/** One of a few, side by side. */
export function segments(legend: string, choices: readonly Choice[], chosen: string, onChoose: (value: string) => void): HTMLElement {
  const name = `choice-${++counter}`
  return h(
    'fieldset',
    { class: 'segments' },
    h('legend', {}, legend),
    h(
      'div',
      { class: 'segments-row' },
      choices.map(({ value, label }) =>
        h(
          'label',
          {},
          h('input', { type: 'radio', name, value, checked: value === chosen, onchange: () => onChoose(value) }),
          h('span', {}, label),
        ),
      ),
    ),
  )
}

/** One of many. */
export function picker(label: string, choices: readonly Choice[], chosen: string, onChoose: (value: string) => void): HTMLElement {
  const id = `choice-${++counter}`
  const select = h(
    'select',
    { id, onchange: () => onChoose(select.value) },
    choices.map((choice) => h('option', { value: choice.value, selected: choice.value === chosen }, choice.label)),
  )
  return h('div', { class: 'field' }, h('label', { for: id }, label), select)
}

/** Any of a few; `swatch` is a colour. */
export function toggles(
  legend: string,
  choices: readonly (Choice & { readonly swatch?: string })[],
  chosen: ReadonlySet<string>,
  onToggle: (value: string, on: boolean) => void,
): HTMLElement {
  return h(
    'fieldset',
    { class: 'toggles' },
    h('legend', {}, legend),
    choices.map(({ value, label, swatch }) => {
      const box = h('input', { type: 'checkbox', value, checked: chosen.has(value), onchange: () => onToggle(value, box.checked) })
      const mark = swatch === undefined ? undefined : h('i', { class: 'swatch', 'aria-hidden': 'true' })
      if (mark) mark.style.setProperty('--swatch', swatch!)
      return h('label', {}, box, h('span', {}, mark, label))
    }),
  )
}

export function section(id: string, title: string, lead: string, ...content: readonly Child[]): HTMLElement {
  return h(
    'section',
    { id, 'aria-labelledby': `${id}-title` },
    h('h2', { id: `${id}-title` }, title),
    h('p', { class: 'lead' }, lead),
    content,
  )
}

let counter = 0
