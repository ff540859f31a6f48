import { confidenceIn, rank, type Decision } from '../decision.ts'
import { weighSignals, type EvidenceWeights, type Signals } from '../text-router.ts'
import { askOne, type Asking, type Outcome } from './outcomes.ts'
import { meanOverGroups, type HeldOutQuery } from './queries.ts'

/** A query with what a router that has not seen it says of it. */
export interface Heard {
  readonly query: HeldOutQuery
  readonly signals: readonly Signals[]
}

/** A made-up question that names two domains. */
export interface Pair {
  readonly signals: readonly Signals[]
  readonly experts: readonly [string, string]
}

export interface DecisionInput {
  /** By set: queries of known domains. */
  readonly own: readonly (readonly Heard[])[]
  /** By set: the same queries, heard by a router that does not know their domain. */
  readonly foreign: readonly (readonly Heard[])[]
  readonly pairs: readonly Pair[]
  readonly weights: EvidenceWeights
  readonly confidence: Decision['confidence']
  readonly lexicalWeights: ReadonlyMap<string, number>
  readonly fallback: { readonly expert: string; readonly lexicalWeight: number }
  readonly outcome: Outcome
}

const thresholds = Array.from({ length: 20 }, (_, i) => i / 20)
const margins = Array.from({ length: 20 }, (_, i) => i / 20)
/** What fusing may cost the questions of one domain: 0.1 points of nDCG. */
const fuseCost = 0.001
/** How many of the questions that name two domains should reach both. */
const pairsWanted = 0.8

/** The threshold and margin that score best on held-out queries, half of them strangers'. */
export function fitDecision(input: DecisionInput): Decision {
  const { weights, confidence, fallback, pairs } = input
  const own = input.own.map((group) => group.filter(heard).map((one) => judge(one, input)))
  const foreign = input.foreign.map((group) => group.filter(heard).map((one) => judge(one, input)))

  const gated = (threshold: number) => (one: Judged): number => (one.confidence < threshold ? one.fallback : one.single)
  const threshold = best(thresholds, (value) => meanOverGroups(own, gated(value)) + meanOverGroups(foreign, gated(value)))

  const fused = (margin: number) => (one: Judged): number => (one.confidence >= threshold && one.margin < margin ? one.fused : gated(threshold)(one))
  const most = Math.max(...margins.map((margin) => meanOverGroups(own, fused(margin))))
  const harmless = margins.filter((margin) => meanOverGroups(own, fused(margin)) >= most - fuseCost)
  const reached = (margin: number): number => pairs.filter((pair) => reachesBoth(pair, weights, margin)).length
  const fuseMargin = harmless.find((margin) => reached(margin) >= pairsWanted * pairs.length) ?? harmless.at(-1)!
  return { confidence, fallback: { ...fallback, threshold }, fuseMargin }
}

interface Judged {
  readonly confidence: number
  readonly margin: number
  /** nDCG@10 under the best expert, the two best, and the general one. */
  readonly single: number
  readonly fused: number
  readonly fallback: number
}

function judge({ query, signals }: Heard, { weights, confidence, lexicalWeights, fallback, outcome }: DecisionInput): Judged {
  const { ranked, scores, margin } = rank(weighSignals(signals, weights))
  const [first, second] = ranked.map(({ expert }) => expert)
  const share = (expert: string): number => lexicalWeights.get(expert) ?? fallback.lexicalWeight
  const single = outcome(query, askOne(first!, share(first!)))
  const close = second !== undefined && margin < margins.at(-1)!
  const weight = scores[0]!.score / (scores[0]!.score + (scores[1]?.score ?? 0))
  const both = (): Asking => ({
    experts: [{ name: first!, weight }, { name: second!, weight: 1 - weight }],
    lexicalWeight: weight * share(first!) + (1 - weight) * share(second!),
  })
  return {
    confidence: confidenceIn(ranked[0]!, margin, { confidence }),
    margin,
    single,
    fused: close ? outcome(query, both()) : single,
    fallback: outcome(query, askOne(fallback.expert, fallback.lexicalWeight)),
  }
}

function heard({ query, signals }: Heard): boolean {
  return signals.length > 0 && query.found.length > 0
}

function reachesBoth({ signals, experts }: Pair, weights: EvidenceWeights, fuseMargin: number): boolean {
  const { ranked, margin } = rank(weighSignals(signals, weights))
  return margin < fuseMargin && ranked.slice(0, 2).every(({ expert }) => experts.includes(expert))
}

function best(values: readonly number[], score: (value: number) => number): number {
  let found = values[0]!
  let most = -Infinity
  for (const value of values) {
    const scored = score(value)
    if (scored > most + 1e-9) [most, found] = [scored, value]
  }
  return found
}
