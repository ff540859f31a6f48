import type { ResultsSummary } from '../report.ts'
import type { Documents, Queries } from './data.ts'

/** What sections know of each other: the results on show, what the reader chose, and when the rest is unpacked. */
export interface View {
  readonly results: ResultsSummary
  /** Which of the results they are. */
  readonly tab: number
  /** `<set>/<id>` of the query that the page's address names. */
  readonly linked?: string
  /** The metric on show; sections listen. */
  readonly metric: Chosen<string>
  /** The query on show, by number. */
  readonly query: Chosen<number | undefined>
  readonly queries: Promise<Queries>
  readonly documents: Promise<Documents>
}

/** A value that is listened to. */
export interface Chosen<T> {
  readonly value: T
  set(value: T): void
  /** Calls back on every change, until the page shows other results. */
  listen(callback: (value: T) => void): void
}

export function chosen<T>(first: T): Chosen<T> {
  let value = first
  const listeners: ((value: T) => void)[] = []
  return {
    get value() {
      return value
    },
    set(next) {
      value = next
      for (const listener of listeners) listener(next)
    },
    listen: (callback) => void listeners.push(callback),
  }
}
