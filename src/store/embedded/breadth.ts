import type { Graph } from './graph.ts'

/** How many candidates a graph search keeps in view (`ef`) to find the share of the nearest that is wanted, as measured on the graph itself. */
export interface Breadth {
  /** For ten hits. */
  readonly atTen: number
  /** For a hundred hits. */
  readonly atHundred: number
  /** The share of the nearest that was wanted, in (0, 1). */
  readonly recall: number
  /** Rows the graph had. */
  readonly size: number
  /** How many of the questions it was measured with had really been asked. */
  readonly asked: number
}

/** Before anything was measured: what collections of real texts needed for a recall of 0.99 (46,654 × 256: 256 to 400 at ten hits). */
const guess = { atTen: 320, atHundred: 640 }

/** Candidates to keep in view for so many hits: a power of their number through the two that were measured, and half more than the hits beyond. */
export function breadthFor(count: number, { atTen, atHundred }: Pick<Breadth, 'atTen' | 'atHundred'> = guess): number {
  if (count <= 10) return atTen
  const between = atTen * (atHundred / atTen) ** Math.log10(count / 10)
  return Math.ceil(count <= 100 ? between : Math.max(between, 1.5 * count))
}

/** Below, a measurement tells little and searches scan anyway. */
const leastSize = 1000

/** True when the graph has no breadth, or one for another recall, for half as many rows, or for made-up questions where there are real ones. */
export function isOutdated(
  { breadth, size }: Pick<Graph, 'breadth' | 'size'>,
  recall: number,
  asked: number,
  wantedAsked: number,
): boolean {
  if (size < leastSize) return false
  return !breadth || breadth.recall !== recall || size >= 2 * breadth.size || (asked >= wantedAsked && breadth.asked < wantedAsked / 2)
}
