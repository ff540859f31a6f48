import type { Retrieval } from 'pilotfish'

/** Data of the custom event `route`: the route, and what it cost to follow it. Plain JSON. */
export type RouteEvent = Retrieval['route'] & Pick<Retrieval, 'query' | 'timings' | 'truncated'>

export function routeEvent({ query, route, timings, truncated }: Retrieval): RouteEvent {
  return { query, ...route, timings, truncated }
}
