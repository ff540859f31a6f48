import { rank, type Decision } from '../decision.ts'
import { trainLogistic, type LogisticExample } from '../logistic.ts'
import { weighSignals, type EvidenceWeights, type Signals } from '../text-router.ts'

/** Signals of one query (at least one expert's), and the experts any of which is right to ask: none for a stranger's question. */
export interface LabelledSignals {
  readonly signals: readonly Signals[]
  readonly experts: readonly string[]
  /** Relative importance. */
  readonly weight: number
}

const wordWeights = [0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.6]
const similarityWeights = [0, 1, 2, 3]
const biases = [-6, -5, -4, -3, -2, -1, 0]

/** The weights under which experts' shares are the most probable given who should be asked (least cross entropy). */
export function fitEvidenceWeights(examples: readonly LabelledSignals[]): EvidenceWeights {
  let best: EvidenceWeights | undefined
  let least = Infinity
  for (const words of wordWeights) {
    for (const similarity of similarityWeights) {
      for (const bias of biases) {
        const weights = { words, similarity, bias }
        const loss = examples.reduce((sum, example) => sum + example.weight * surprise(example, weights), 0)
        if (loss < least) [least, best] = [loss, weights]
      }
    }
  }
  return best!
}

/** The logistic that tells queries whose best expert is the right one from all others. Both kinds weigh the same in sum: half of all queries are taken for strangers. */
export function fitConfidence(examples: readonly LabelledSignals[], weights: EvidenceWeights): Decision['confidence'] {
  const indices = Uint32Array.of(0, 1, 2, 3)
  const labelled = examples.map(({ signals, experts: right, weight }): LogisticExample => {
    const { ranked, margin } = rank(weighSignals(signals, weights))
    const { logit, similarity, novelty } = ranked[0]!
    return {
      features: { indices, values: Float32Array.of(logit, similarity, margin, novelty) },
      positive: right.includes(ranked[0]!.expert),
      weight,
    }
  })
  if (!labelled.some(({ positive }) => positive) || labelled.every(({ positive }) => positive))
    return { bias: 0, evidence: 0.35, similarity: 3, margin: 1 }
  const { weights: fitted, bias } = trainLogistic(labelled, 4, { cost: 1, passes: 300 })
  return { bias, evidence: fitted[0]!, similarity: fitted[1]!, margin: fitted[2]!, novelty: fitted[3]! }
}

/** Cross entropy of the shares, given that the right experts share the query evenly. */
function surprise({ signals, experts }: LabelledSignals, weights: EvidenceWeights): number {
  const { scores } = rank(weighSignals(signals, weights))
  return experts.reduce(
    (sum, name) => sum - Math.log(Math.max(1e-9, scores.find(({ expert }) => expert === name)?.score ?? 1)) / experts.length,
    0,
  )
}
