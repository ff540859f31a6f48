import { confidenceIn, rank, type Decision } from '../decision.ts'
import { weighSignals, type EvidenceWeights } from '../text-router.ts'
import type { Heard, Pair } from './decisions.ts'
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
}

export interface MeasureInput {
  readonly groups: readonly QueryGroup[]
  readonly own: readonly (readonly Heard[])[]
  readonly foreign: readonly (readonly Heard[])[]
  readonly named: readonly Pair[]
  readonly weights: EvidenceWeights
  readonly decision: Decision
}

export function measureRouting({ groups, own, foreign, named, weights, decision }: MeasureInput): RoutingFigures {
  const judge = (signals: Heard['signals']): { best: string | undefined; second: string | undefined; margin: number; confidence: number } => {
    const { ranked, margin } = rank(weighSignals(signals, weights))
    const confidence = ranked[0] ? confidenceIn(ranked[0], margin, decision) : 0
    return { best: ranked[0]?.expert, second: ranked[1]?.expert, margin, confidence }
  }
  const known = foreign.map((group) => group.filter(({ signals }) => signals.length > 0))
  const fallsBack = ({ signals }: Heard): number => (judge(signals).confidence < decision.fallback.threshold ? 1 : 0)
  const right = own.map((group, g) => group.map(({ signals }) => (judge(signals).best === groups[g]!.expert ? 1 : 0)))
  const reached = named.filter(({ signals, experts }) => {
    const { best, second, margin, confidence } = judge(signals)
    return confidence >= decision.fallback.threshold && margin < decision.fuseMargin && experts.includes(best!) && experts.includes(second!)
  })
  return {
    accuracy: meanOverGroups(right, (one) => one),
    fallback: { own: meanOverGroups(own, fallsBack), foreign: meanOverGroups(known, fallsBack) },
    separation: separation(own.flat().map(({ signals }) => judge(signals).confidence), known.flat().map(({ signals }) => judge(signals).confidence)),
    pairs: named.length === 0 ? 0 : reached.length / named.length,
  }
}

/** Area under the ROC curve. */
function separation(high: readonly number[], low: readonly number[]): number {
  if (high.length === 0 || low.length === 0) return 0
  const all = [...high.map((value) => ({ value, positive: true })), ...low.map((value) => ({ value, positive: false }))].sort((a, b) => a.value - b.value)
  let ranks = 0
  all.forEach(({ positive }, i) => (ranks += positive ? i + 1 : 0))
  return (ranks - (high.length * (high.length + 1)) / 2) / (high.length * low.length)
}
