import type { Vector } from '../../vector.ts'
import type { Calibration } from '../calibration.ts'
import type { LexicalShares } from '../kinds.ts'
import { routerOf, signalsFor, type TextExpert, type TextRouter } from '../text-router.ts'
import { fitConfidence, fitEvidenceWeights, type LabelledSignals } from './confidence.ts'
import { fitDecision, type Heard, type Pair } from './decisions.ts'
import { foreignSignals, learnHalves, learnRouter } from './learn.ts'
import { outcomes } from './outcomes.ts'
import { measureRouting, type RoutingFigures } from './figures.ts'
import type { QueryGroup } from './queries.ts'
import { fitScales } from './scales.ts'

export type { RoutingFigures } from './figures.ts'
export type { Found, HeldOutQuery, QueryGroup } from './queries.ts'

export interface FitRoutingInput {
  readonly groups: readonly QueryGroup[]
  /** Every dense expert, in the order of the candidates' similarities. */
  readonly experts: readonly string[]
  /** The expert that queries far from all others are asked of: one of `experts`. */
  readonly general: string
  /** BM25's share on fallback. Not fitted: held-out queries are of domains the base was trained on, and strangers' are not. */
  readonly fallbackLexicalWeight: number
  /** Made-up questions that name two domains, from queries at even (0) or odd (1) places of two groups. */
  readonly pairs: readonly {
    readonly text: string
    readonly vector: Vector
    readonly experts: readonly [string, string]
    readonly parity: 0 | 1
  }[]
  readonly signal?: AbortSignal
}

export interface FittedRouting {
  readonly router: TextRouter
  readonly calibration: Calibration
  /** On held-out queries, by routers that had not seen them. */
  readonly figures: RoutingFigures
}

/** Learns a router from held-out queries and fits every threshold and weight to what they would have scored. */
export async function fitRouting({
  groups,
  experts,
  general,
  fallbackLexicalWeight,
  pairs,
  signal,
}: FitRoutingInput): Promise<FittedRouting> {
  const halves = await learnHalves(groups, signal)
  const strange = await foreignSignals(groups, signal)
  const learned = await learnRouter(groups, signal)

  const own = groups.map(({ queries }) =>
    queries.map((query, i): Heard => ({ query, signals: signalsFor(query.text, query.vector, halves[i % 2]!) })),
  )
  const foreign = groups.map(({ queries }, g) => queries.map((query, i): Heard => ({ query, signals: strange[g]![i] ?? [] })))
  const named = pairs.map(({ text, vector, experts: both, parity }): Pair => ({
    text,
    vector,
    signals: signalsFor(text, vector, halves[parity]),
    experts: both,
  }))

  const ownLabels = own.flatMap((group, g) =>
    group.map(({ signals }): LabelledSignals => ({ signals, experts: [groups[g]!.expert], weight: 1 / group.length })),
  )
  const foreignLabels = foreign.flatMap((group) =>
    group
      .filter(({ signals }) => signals.length > 0)
      .map(({ signals }): LabelledSignals => ({ signals, experts: [], weight: 1 / group.length })),
  )
  const pairLabels = named.map(({ signals, experts: both }): LabelledSignals => ({ signals, experts: both, weight: 1 / named.length }))
  const weights = fitEvidenceWeights([...ownLabels, ...pairLabels])
  const confidence = fitConfidence([...ownLabels, ...foreignLabels, ...pairLabels], weights)

  const { calibration, lexicalWeights } = fitScales(groups, experts)
  const fallback = { expert: general, lexicalWeight: fallbackLexicalWeight }
  const outcome = outcomes(experts, calibration)
  const decision = fitDecision({ own, pairs: named, weights, confidence, lexicalWeights, fallback, outcome })
  const router = routerOf({
    ...learned,
    weights,
    decision,
    experts: learned.experts.map((expert) => withShares(expert, lexicalWeights.get(expert.name))),
  })
  return { router, calibration, figures: measureRouting({ groups, own, foreign, named, weights, decision, lexicalWeights, outcome }) }
}

function withShares(expert: TextExpert, shares: LexicalShares | undefined): TextExpert {
  const kinds = expert.kinds.flatMap((kind, k) => {
    const lexicalWeight = shares?.kinds[k]
    return lexicalWeight === undefined ? [] : [{ ...kind, lexicalWeight }]
  })
  return { ...expert, lexicalWeight: shares?.lexicalWeight, kinds }
}
