import type { Vector } from '../../vector.ts'
import { decide, type CollectionDecision, type Decision } from '../decision.ts'
import type { Route } from '../router.ts'
import { lexicalShare, type LexicalShares } from '../kinds.ts'
import { weighSignals, type EvidenceWeights, type Signals } from '../text-router.ts'
import type { Asking, Outcome } from './outcomes.ts'
import { meanOverGroups, type HeldOutQuery } from './queries.ts'

/** A query with what a router that has not seen it says of it. */
export interface Heard {
  readonly query: HeldOutQuery
  readonly signals: readonly Signals[]
}

/** A made-up question that names two domains. */
export interface Pair {
  readonly text: string
  readonly vector: Vector
  readonly signals: readonly Signals[]
  readonly experts: readonly [string, string]
}

export interface DecisionInput {
  /** By set: queries of known domains. */
  readonly own: readonly (readonly Heard[])[]
  readonly pairs: readonly Pair[]
  readonly weights: EvidenceWeights
  readonly confidence: Decision['confidence']
  readonly lexicalWeights: ReadonlyMap<string, LexicalShares>
  readonly fallback: { readonly expert: string; readonly lexicalWeight: number }
  readonly outcome: Outcome
}

const thresholds = Array.from({ length: 20 }, (_, i) => i / 40)
const steps = Array.from({ length: 20 }, (_, i) => i / 20)
/** What the gate may cost questions of known domains: 0.1 points of nDCG. Strangers gain by every step. */
const gateCost = 0.001
/** How many of them may fall back, where that costs nothing: a route is there to be seen. */
const mostFallback = 0.1
/** How far doubt may reach. Above 1 even the surest route leaves BM25 some of the share it has among strangers. */
const doubts = Array.from({ length: 31 }, (_, i) => i / 20)
/**
 * What doubt may cost them, letting BM25 in where confidence is low: half a point of theirs buys strangers two, measured on
 * development and train queries of five sets that no bundled model has seen.
 */
const doubtCost = 0.005
/**
 * What the collection counts for. Chosen on development and train queries of seven sets that no bundled model has seen, against held-out
 * queries of the sets it has: alone, all in one collection, and in one with three large sets of strangers (docs/decisions/0007).
 */
const collection: CollectionDecision = { familiarity: 2, neutral: 0.6, absence: 2 }
/** What fusing may cost them. */
const fuseCost = 0.004

/**
 * The highest threshold and the most doubt that cost questions of known domains next to nothing, and of the margins that do, the one
 * that best tells questions of two domains from those of one (Youden's index: the share of the former that reach both experts
 * less the share of the latter that are fused).
 */
export function fitDecision(input: DecisionInput): Decision {
  const { weights, confidence, pairs } = input
  const own = input.own.map((group) => group.filter(({ query, signals }) => signals.length > 0 && query.found.length > 0))
  const start: Decision = { confidence, collection, fallback: { ...input.fallback, threshold: 0 }, trust: 0, fuseMargin: 0 }
  const score = scorer(own, input)
  const affordable = (values: readonly number[], cost: number, change: (value: number) => Decision): number[] => {
    const least = score(change(0)) - cost
    return values.filter((value) => score(change(value)) >= least)
  }

  const gate = (threshold: number): Decision => ({ ...start, fallback: { ...start.fallback, threshold } })
  const falling = (threshold: number): number =>
    meanOverGroups(own, ({ query, signals }) =>
      routeHeard(query, signals, weights, input.lexicalWeights, gate(threshold)).decision === 'fallback' ? 1 : 0,
    )
  const threshold = affordable(thresholds, gateCost, gate).findLast((value) => value === 0 || falling(value) <= mostFallback)!
  const gated = gate(threshold)
  const trust = affordable(doubts, doubtCost, (value) => ({ ...gated, trust: value })).at(-1)!
  const doubting: Decision = { ...gated, trust }
  const harmless = affordable(steps, fuseCost, (value) => ({ ...doubting, fuseMargin: value }))
  const gain = (fuseMargin: number): number => {
    const fusing = { ...doubting, fuseMargin }
    const reached = pairs.filter((pair) => reachesBoth(pair, weights, fusing)).length / Math.max(1, pairs.length)
    const needless = meanOverGroups(own, ({ query, signals }) =>
      routeHeard(query, signals, weights, input.lexicalWeights, fusing).decision === 'fused' ? 1 : 0,
    )
    return reached - needless
  }
  const gains = harmless.map(gain)
  return { ...doubting, fuseMargin: pairs.length === 0 ? 0 : harmless[gains.indexOf(Math.max(...gains))]! }
}

/** Mean nDCG@10 of held-out queries under a decision rule. Outcomes are remembered: most rules ask most queries alike. */
function scorer(own: readonly (readonly Heard[])[], { weights, lexicalWeights, outcome }: DecisionInput): (decision: Decision) => number {
  const known = new Map<HeldOutQuery, Map<string, number>>()
  return (decision) =>
    meanOverGroups(own, ({ query, signals }) => {
      const { experts, lexicalWeight } = routeHeard(query, signals, weights, lexicalWeights, decision)
      // Shares to the nearest hundredth: finer steps move no ranking that matters.
      const asking: Asking = { experts, lexicalWeight: Math.round(lexicalWeight * 100) / 100 }
      const key = JSON.stringify(asking)
      const scores = known.get(query) ?? new Map<string, number>()
      known.set(query, scores)
      const score = scores.get(key) ?? outcome(query, asking)
      scores.set(key, score)
      return score
    })
}

/** The route of a query whose signals are known. */
export function routeHeard(
  query: Pick<HeldOutQuery, 'text' | 'vector'>,
  signals: readonly Signals[],
  weights: EvidenceWeights,
  lexicalWeights: ReadonlyMap<string, LexicalShares>,
  decision: Decision,
): Route {
  return decide(
    query,
    weighSignals(signals, weights).map((one, i) => {
      const shares = lexicalWeights.get(one.expert)
      return { ...one, lexicalWeight: shares && lexicalShare(shares, signals[i]!.kinds) }
    }),
    decision,
  )
}

/** Whether a question that names two domains is asked of both experts. */
export function reachesBoth({ text, vector, signals, experts }: Pair, weights: EvidenceWeights, decision: Decision): boolean {
  const route = routeHeard({ text, vector }, signals, weights, new Map(), decision)
  return route.decision === 'fused' && route.experts.every(({ name }) => experts.includes(name))
}
