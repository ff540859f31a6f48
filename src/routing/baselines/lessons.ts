import type { Vector } from '../../vector.ts'
import { paperDecision } from '../pilot-router.ts'

/** A train query that the paper's routers learn from, with what every expert made of it. */
export interface RoutedQuery {
  /** The base encoder's vector of it. */
  readonly vector: Vector
  readonly text: string
  /** The data set it is of. */
  readonly set: string
  /** The expert that its set belongs to. */
  readonly domain: string
  /** nDCG@10 of every expert on it, by name; empty where it was not searched. */
  readonly scores: Readonly<Record<string, number>>
}

/** How a query is given to one expert. */
export interface LabelOptions {
  /** To the expert that answers it best (the paper), or to the one its set belongs to. Queries that were not searched say nothing of the former, unless none was. @default 'best' */
  readonly label?: 'best' | 'domain'
  /**
   * Where several answer it equally well: to the first of `experts` (the paper's released code), to the domain's own if it is among them,
   * or to nobody, as it tells nothing. @default 'first'
   */
  readonly ties?: 'first' | 'domain' | 'drop'
}

/** Every expert that the queries name, in the order in which they do; the general one is none a router chooses. */
export function expertsOf(queries: readonly RoutedQuery[]): string[] {
  const names = new Set(queries.flatMap(({ scores, domain }) => [...Object.keys(scores), domain]))
  names.delete(paperDecision.fallback.expert)
  return [...names]
}

/** Those that a label can be told of: for the best expert, those that were searched; where none was, all stand for their domain. */
export function labelled(queries: readonly RoutedQuery[], { label = 'best' }: LabelOptions): readonly RoutedQuery[] {
  const searched = label === 'best' ? queries.filter(({ scores }) => Object.keys(scores).length > 0) : []
  return searched.length > 0 ? searched : queries
}

/** The expert of `experts` that a query is given to; `undefined` for a query that teaches nothing. */
export function labelOf(
  { scores, domain }: Pick<RoutedQuery, 'scores' | 'domain'>,
  experts: readonly string[],
  { label = 'best', ties = 'first' }: LabelOptions = {},
): string | undefined {
  const own = experts.includes(domain) ? domain : undefined
  const searched = experts.filter((expert) => scores[expert] !== undefined)
  if (label === 'domain' || searched.length === 0) return own
  const best = Math.max(...searched.map((expert) => scores[expert]!))
  const leaders = searched.filter((expert) => scores[expert] === best)
  if (leaders.length === 1 || ties === 'first') return leaders[0]
  if (ties === 'drop') return undefined
  return own !== undefined && leaders.includes(own) ? own : leaders[0]
}
