import type { Decision } from '../decision.ts'
import type { Route } from '../router.ts'
import type { LexicalShares } from '../kinds.ts'
import type { EvidenceWeights } from '../text-router.ts'
import { reachesBoth, routeHeard, type Heard, type Pair } from './decisions.ts'
import { askOne, type Outcome } from './outcomes.ts'
import { meanOverGroups, type QueryGroup } from './queries.ts'

/** What a fitted router does with queries it had not seen. */
export interface RoutingFigures {
  /** Share of queries whose best-ranked expert is that of their domain; mean over sets. */
  readonly accuracy: number
  /** Share of queries that fall back: of known domains, and of a domain that was left out. */
  readonly fallback: { readonly own: number; readonly foreign: number }
  /** Probability that a query of a known domain gets more confidence than one of a domain that was left out. */
  readonly separation: number
  /** Share of made-up questions of two domains that reach both experts, fused. */
  readonly pairs: number
  /** Share of queries of known domains that ask two experts. */
  readonly fused: number
  /** Mean nDCG@10 over sets: the general expert, each set's own, and the route's, without BM25 and at its share. */
  readonly ndcg: { readonly general: number; readonly own: number; readonly routed: number; readonly routedWithLexical: number }
}

export interface MeasureInput {
  readonly groups: readonly QueryGroup[]
  readonly own: readonly (readonly Heard[])[]
  readonly foreign: readonly (readonly Heard[])[]
  readonly named: readonly Pair[]
  readonly weights: EvidenceWeights
  readonly decision: Decision
  readonly lexicalWeights: ReadonlyMap<string, LexicalShares>
  readonly outcome: Outcome
}

export function measureRouting({ groups, own, foreign, named, weights, decision, lexicalWeights, outcome }: MeasureInput): RoutingFigures {
  const route = ({ query, signals }: Heard): Route => routeHeard(query, signals, weights, lexicalWeights, decision)
  const decided = (group: readonly Heard[], kind: Route['decision']): number[] => group.map((one) => (route(one).decision === kind ? 1 : 0))
  const strangers = foreign.map((group) => group.filter(({ signals }) => signals.length > 0))
  const searched = own.map((group) => group.filter(({ query }) => query.found.length > 0))
  const asked = (one: Heard, share?: number): number => {
    const { experts, lexicalWeight } = route(one)
    return outcome(one.query, { experts, lexicalWeight: share ?? lexicalWeight })
  }
  const mean = (values: readonly (readonly number[])[]): number => meanOverGroups(values, (value) => value)
  return {
    accuracy: mean(own.map((group, g) => group.map((one) => (route(one).scores[0]?.expert === groups[g]!.expert ? 1 : 0)))),
    fallback: {
      own: mean(own.map((group) => decided(group, 'fallback'))),
      foreign: mean(strangers.map((group) => decided(group, 'fallback'))),
    },
    separation: separation(
      own.flat().map((one) => route(one).confidence),
      strangers.flat().map((one) => route(one).confidence),
    ),
    fused: mean(own.map((group) => decided(group, 'fused'))),
    pairs: named.length === 0 ? 0 : named.filter((pair) => reachesBoth(pair, weights, decision)).length / named.length,
    ndcg: {
      general: meanOverGroups(searched, ({ query }) => outcome(query, askOne(decision.fallback.expert, 0))),
      own: mean(searched.map((group, g) => group.map(({ query }) => outcome(query, askOne(groups[g]!.expert, 0))))),
      routed: meanOverGroups(searched, (one) => asked(one, 0)),
      routedWithLexical: meanOverGroups(searched, (one) => asked(one)),
    },
  }
}

/** Area under the ROC curve. */
function separation(high: readonly number[], low: readonly number[]): number {
  if (high.length === 0 || low.length === 0) return 0
  const all = [...high.map((value) => ({ value, positive: true })), ...low.map((value) => ({ value, positive: false }))].sort(
    (a, b) => a.value - b.value,
  )
  let ranks = 0
  all.forEach(({ positive }, i) => (ranks += positive ? i + 1 : 0))
  return (ranks - (high.length * (high.length + 1)) / 2) / (high.length * low.length)
}
