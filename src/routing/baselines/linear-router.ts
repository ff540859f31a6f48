import { DimensionMismatchError, InvalidArgumentError } from '../../errors.ts'
import { dot, isZero, type Vector } from '../../vector.ts'
import { decide } from '../decision.ts'
import { paperDecision } from '../pilot-router.ts'
import { clusterPilots, packPilots } from '../pilots.ts'
import type { Router } from '../router.ts'
import { atOnce, type Turns } from '../turns.ts'
import { labelOf, labelled, type LabelOptions, type RoutedQuery } from './lessons.ts'

/** A query and the place of the expert it is given to. */
export interface Lesson {
  readonly vector: Vector
  readonly label: number
}

/** Learns to tell experts apart, all of which have lessons: log-odds of each, whatever the others say. */
export type Learn = (lessons: readonly Lesson[], experts: number) => Turns<(vector: Vector) => readonly number[]>

/** What a router of linear decisions is made from, kept so that it can be made anew. */
export interface LinearLessons extends LabelOptions {
  readonly experts: readonly string[]
  readonly queries: readonly RoutedQuery[]
  readonly lexicalWeights?: ReadonlyMap<string, number>
}

/** Log-odds of an expert that has no queries to be known by. */
const never = -1000

/**
 * A router that learns linear decisions on the base vector. It keeps the queries it learned from, because every change of experts
 * means learning anew; an expert that leaves takes the queries of its domain along. It is learned in parts.
 */
export function* learningLinear(lessons: LinearLessons, learn: Learn): Turns<Router> {
  const { experts, queries, lexicalWeights } = lessons
  const given = labelled(queries, lessons).flatMap((query) => {
    const expert = labelOf(query, experts, lessons)
    return expert === undefined || isZero(query.vector) ? [] : [{ vector: query.vector, expert }]
  })
  const dimensions = packPilots(experts.join(', '), given).dimensions
  const taught = experts.flatMap((expert) => {
    const own = given.filter((query) => query.expert === expert)
    return own.length === 0 ? [] : [{ expert, mean: clusterPilots(packPilots(expert, own), 1).values }]
  })
  const places = new Map(taught.map(({ expert }, place) => [expert, place]))
  const logitsOf =
    taught.length < 2
      ? () => [0]
      : yield* learn(
          given.map(({ vector, expert }) => ({ vector, label: places.get(expert)! })),
          taught.length,
        )

  return {
    experts,
    route(query) {
      if (taught.length > 0 && query.vector.length !== dimensions)
        throw new DimensionMismatchError('The router', dimensions, query.vector.length)
      const logits = logitsOf(query.vector)
      const evidence = experts.map((expert) => {
        const place = places.get(expert)
        return {
          expert,
          logit: place === undefined ? never : logits[place]!,
          similarity: place === undefined ? 0 : Math.max(-1, Math.min(1, dot(taught[place]!.mean, query.vector))),
          novelty: 0,
          lexicalWeight: lexicalWeights?.get(expert),
        }
      })
      return decide(query, evidence, paperDecision)
    },
    with({ expert, pilots, lexicalWeight }) {
      if (lexicalWeight !== undefined && !(lexicalWeight >= 0 && lexicalWeight <= 1))
        throw new InvalidArgumentError('lexicalWeight', `of expert "${expert}" is ${lexicalWeight}, not a number from 0 to 1`)
      // Who brings queries is taken to answer them best.
      const own = pilots.map(({ vector, text = '' }) => ({ vector, text, set: expert, domain: expert, scores: { [expert]: 1 } }))
      const wider = lessonsWithout(lessons, expert)
      const weights = lexicalWeight === undefined ? [] : [[expert, lexicalWeight] as const]
      return atOnce(
        learningLinear(
          {
            ...wider,
            experts: [...wider.experts, expert],
            queries: [...wider.queries, ...own],
            lexicalWeights: new Map([...(wider.lexicalWeights ?? []), ...weights]),
          },
          learn,
        ),
      )
    },
    without(expert) {
      return experts.includes(expert) ? atOnce(learningLinear(lessonsWithout(lessons, expert), learn)) : this
    },
  }
}

function lessonsWithout(lessons: LinearLessons, expert: string): LinearLessons {
  return {
    ...lessons,
    experts: lessons.experts.filter((name) => name !== expert),
    queries: lessons.queries
      .filter(({ domain }) => domain !== expert)
      .map((query) => ({ ...query, scores: Object.fromEntries(Object.entries(query.scores).filter(([name]) => name !== expert)) })),
    lexicalWeights: new Map([...(lessons.lexicalWeights ?? [])].filter(([name]) => name !== expert)),
  }
}
