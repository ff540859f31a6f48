import { isDense, type Expert } from '../expert/expert.ts'
import type { Encoder } from '../encoder/encoder.ts'
import type { Route, Router, RouterQuery } from '../routing/router.ts'
import { NoExpertsError, UnknownExpertError } from '../errors.ts'

/**
 * Who can answer at one moment. Immutable: a query works with the roster it began with, however experts come and go
 * meanwhile.
 */
export interface Roster {
  readonly experts: ReadonlyMap<string, Expert>
  readonly router: Router | undefined
  /** Name of the expert that queries fall back to; need not be there. */
  readonly general: string
}

/** The named expert. @throws UnknownExpertError */
export function expertNamed(roster: Roster, name: string): Expert {
  const expert = roster.experts.get(name)
  if (!expert) throw new UnknownExpertError(name, [...roster.experts.keys()])
  return expert
}

/** Document encoders in use by space, each once. */
export function documentEncoders(roster: Roster): Map<string, Encoder> {
  const encoders = new Map<string, Encoder>()
  for (const expert of roster.experts.values()) {
    if (isDense(expert)) encoders.set(expert.documentEncoder.id, expert.documentEncoder)
  }
  return encoders
}

/** The router's decision, made good for this roster and for what the caller asked for. */
export function decide(roster: Roster, query: RouterQuery, wanted: { expert?: string; lexicalWeight?: number }): Route {
  const learned = roster.router ? roster.router.route(query) : unrouted(roster)
  const route = wanted.expert === undefined ? present(roster, learned) : forced(learned, wanted.expert)
  return wanted.lexicalWeight === undefined ? route : { ...route, lexicalWeight: wanted.lexicalWeight }
}

function forced(route: Route, expert: string): Route {
  return { ...route, decision: 'forced', experts: [{ name: expert, weight: 1 }] }
}

/** The general expert may have been removed: then a fallback asks the best of the others. */
function present(roster: Roster, route: Route): Route {
  const there = route.experts.filter(({ name }) => roster.experts.has(name))
  if (there.length === route.experts.length) return route
  const total = there.reduce((sum, { weight }) => sum + weight, 0)
  if (total > 0) return { ...route, experts: there.map(({ name, weight }) => ({ name, weight: weight / total })) }
  const best = route.scores.find(({ expert }) => roster.experts.has(expert))?.expert ?? firstExpert(roster)
  return { ...route, experts: [{ name: best, weight: 1 }] }
}

function unrouted(roster: Roster): Route {
  const name = roster.experts.has(roster.general) ? roster.general : firstExpert(roster)
  return { decision: 'fallback', experts: [{ name, weight: 1 }], scores: [], confidence: 0, margin: 1, lexicalWeight: 0.5 }
}

function firstExpert(roster: Roster): string {
  for (const expert of roster.experts.values()) if (isDense(expert)) return expert.name
  for (const name of roster.experts.keys()) return name
  throw new NoExpertsError()
}
