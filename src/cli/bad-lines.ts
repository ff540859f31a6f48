import type { InvalidDataError } from '../errors.ts'

/** Lines of data files that could not be understood and were skipped. */
export interface BadLines {
  /** Given to whatever reads files; empty where bad lines are to be thrown. */
  readonly hook: { readonly onBadLine?: (error: InvalidDataError) => void }
  /** Each once, in the order they were met. */
  found(): readonly { readonly path: string; readonly line: number | undefined; readonly problem: string }[]
  /** For people: how many, and the first of them. */
  lines(): string[]
}

/** Lines that are told of; the others are counted. */
const shown = 10

export function badLines(skip: boolean): BadLines {
  // Files are read more than once.
  const errors = new Map<string, InvalidDataError>()
  return {
    hook: skip ? { onBadLine: (error) => void errors.set(`${error.path}:${error.line}`, error) } : {},
    found: () => [...errors.values()].map(({ path, line, message }) => ({ path, line, problem: message })),
    lines() {
      const all = [...errors.values()]
      if (all.length === 0) return []
      const more = all.length > shown ? [`  … and ${all.length - shown} more`] : []
      return [
        `Skipped ${all.length} ${all.length === 1 ? 'line' : 'lines'}:`,
        ...all.slice(0, shown).map(({ message }) => `  ${message}`),
        ...more,
      ]
    },
  }
}
