import { h } from './dom.ts'

const changes = new EventTarget()
const dark = window.matchMedia('(prefers-color-scheme: dark)')

/** Calls back when colours change, as long as the element is on the page. */
export function onTheme(element: Element, callback: () => void): void {
  const listener = (): void => {
    if (element.isConnected) callback()
    else changes.removeEventListener('change', listener)
  }
  changes.addEventListener('change', listener)
}

/** A button between light and dark, which follows the system until it is pressed. */
export function themeButton(): HTMLElement {
  const root = document.documentElement
  const isDark = (): boolean => (root.dataset.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark'
  const button = h('button', { type: 'button', class: 'theme' })
  const show = (): void => {
    button.textContent = isDark() ? 'Light' : 'Dark'
    button.setAttribute('aria-label', isDark() ? 'Use light colours' : 'Use dark colours')
  }
  button.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark'
    changes.dispatchEvent(new Event('change'))
  })
  dark.addEventListener('change', () => changes.dispatchEvent(new Event('change')))
  changes.addEventListener('change', show)
  show()
  return button
}
