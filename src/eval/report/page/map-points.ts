import type { Queries } from './data.ts'

/** A question on the map. */
export interface Point {
  readonly query: number
  readonly x: number
  readonly y: number
  /** The expert asked first; `general` for a fallback. */
  readonly expert: string
  readonly decision: string
  readonly set: string
}

/** Window of the map that is on show, in the map's own units. */
export interface Frame {
  x0: number
  x1: number
  y0: number
  y1: number
}

/** Name of the fallback. */
export const general = 'general'

export function pointsOf(queries: Queries): Point[] {
  return Array.from({ length: queries.count }, (_, query) => query).flatMap((query): Point[] => {
    const place = queries.place(query)
    if (!place) return []
    const decision = queries.decision(query)
    const expert = decision === 'fallback' ? general : (queries.asked(query)[0]?.expert ?? general)
    return [{ query, x: place[0], y: place[1], expert, decision, set: queries.set(query) }]
  })
}

/** The nearest question that lies in a direction: ahead rather than aside. */
export function neighbour(
  points: readonly Point[],
  from: Point | undefined,
  [dx, dy]: readonly [number, number],
  frame: Frame,
): Point | undefined {
  const start = from ?? { x: (frame.x0 + frame.x1) / 2, y: (frame.y0 + frame.y1) / 2 }
  const [sx, sy] = [1 / (frame.x1 - frame.x0), 1 / (frame.y1 - frame.y0)]
  let best: Point | undefined
  let least = Infinity
  for (const point of points) {
    if (point === from) continue
    const [x, y] = [(point.x - start.x) * sx, (point.y - start.y) * sy]
    const ahead = x * dx + y * dy
    if (from && ahead <= 0) continue
    const cost = from ? Math.abs(ahead) + 3 * Math.abs(x * dy - y * dx) : Math.hypot(x, y)
    if (cost < least) [best, least] = [point, cost]
  }
  return best
}

export function bounds(points: readonly { readonly x: number; readonly y: number }[]): Frame {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity]
  for (const { x, y } of points) {
    x0 = Math.min(x0, x)
    x1 = Math.max(x1, x)
    y0 = Math.min(y0, y)
    y1 = Math.max(y1, y)
  }
  if (x0 === x1) [x0, x1] = [x0 - 1, x1 + 1]
  if (y0 === y1) [y0, y1] = [y0 - 1, y1 + 1]
  return { x0, x1, y0, y1 }
}
