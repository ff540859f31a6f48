import { isDense, type Expert } from '../expert/expert.ts'
import type { Encoder } from '../encoder/encoder.ts'
import type { Route, Router, RouterQuery } from '../routing/router.ts'
import { InvalidArgumentError, NoExpertsError, UnknownExpertError, UnknownTaskError } from '../errors.ts'

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

/** What a caller may ask for beside the query. */
export interface Wanted {
  readonly expert?: string
  readonly task?: string
  readonly lexicalWeight?: number
}

/** The experts that a caller leaves to choose from, all of them if it names none. @throws UnknownExpertError, UnknownTaskError, InvalidArgumentError */
export function candidates(roster: Roster, { expert, task }: Wanted): Roster {
  const named = expert === undefined ? undefined : expertNamed(roster, expert)
  if (task === undefined) return named ? { ...roster, experts: new Map([[named.name, named]]) } : roster
  if (typeof task !== 'string') throw new InvalidArgumentError('task', `is of type ${typeof task}, not the name of a task`)
  if (named && named.task !== task)
    throw new InvalidArgumentError(
      'task',
      `is ${JSON.stringify(task)}, but the expert "${named.name}" is bound to ${named.task === undefined ? 'none' : JSON.stringify(named.task)}`,
      'Give one of the two.',
    )
  const bound = [...roster.experts].filter(([, each]) => each.task === task && (!named || each === named))
  if (bound.length === 0) throw new UnknownTaskError(task, [...new Set([...roster.experts.values()].flatMap((each) => each.task ?? []))])
  return { ...roster, experts: new Map(bound) }
}

/** The router's decision, made good for this roster and for what the caller asked for. */
export function decide(roster: Roster, query: RouterQuery, wanted: Wanted): Route {
  const learned = roster.router ? roster.router.route(query) : unrouted(roster)
  const left = candidates(roster, wanted)
  const route = left === roster ? present(roster, learned) : among(left, learned)
  return wanted.lexicalWeight === undefined ? route : { ...route, lexicalWeight: wanted.lexicalWeight }
}

/** The decision where the caller has left some of the experts to choose from, or one. */
function among(left: Roster, learned: Route): Route {
  const [only, another] = left.experts.keys()
  if (another === undefined) return { ...learned, decision: 'forced', experts: [{ name: only!, weight: 1 }] }
  const route = present(left, learned)
  if (route === learned) return route
  return { ...route, decision: route.experts.length > 1 ? 'fused' : 'expert' }
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
