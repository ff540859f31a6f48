import { sparseDot } from './logistic.ts'
import type { SparseFeatures } from './router.ts'
import { trainTextModel, type FeatureRarity, type TextExample, type TextModel } from './text-evidence.ts'

/**
 * One kind of question that an expert is asked, such as tasks put in the words of a manual, and those put in others. How far
 * words or meaning find the answer differs more between kinds than between experts, so BM25's share is one per kind.
 */
export interface QuestionKind {
  readonly name: string
  /** BM25's share for its questions, in [0, 1]. */
  readonly lexicalWeight: number
  /** Tells its questions from those of the expert's other kinds. */
  readonly model: TextModel
}

/** BM25's shares for an expert's questions. */
export interface LexicalShares {
  /** For all of them, `undefined` where none was fitted. */
  readonly lexicalWeight: number | undefined
  /** By kind, in the expert's order; empty where one share serves all. */
  readonly kinds: readonly number[]
}

/** Weights below this part of a model's largest say next to nothing and are not kept. */
const leastWeight = 1 / 50

/** Learns to tell an expert's kinds apart. Empty when there are not two to tell. Shares are fitted later. */
export function learnKinds(
  kinds: readonly { readonly name: string; readonly examples: readonly TextExample[] }[],
  rarity: FeatureRarity,
): QuestionKind[] {
  const known = kinds.filter(({ examples }) => examples.length > 0)
  return known.flatMap(({ name, examples }) => {
    const others = known.filter((other) => other.name !== name).map((other) => other.examples)
    const model = trainTextModel(examples, others, rarity)
    return model ? [{ name, lexicalWeight: 0, model: pruned(model) }] : []
  })
}

/** How likely a question is of each kind; sums to 1. Empty when there are no kinds. */
export function kindsOf(features: SparseFeatures, kinds: readonly QuestionKind[]): number[] {
  return likelihoods(kinds.map(({ model }) => model.bias + sparseDot(features, model.weights)))
}

/** Log-odds of each kind, whatever the others say, as likelihoods that sum to 1. */
export function likelihoods(logOdds: readonly number[]): number[] {
  const likely = logOdds.map((value) => 1 / (1 + Math.exp(-value)))
  const sum = likely.reduce((total, value) => total + value, 0)
  return likely.map((value) => value / sum)
}

/** BM25's share for a question: the mean of the kinds' at their likelihoods. */
export function lexicalShare({ lexicalWeight, kinds: shares }: LexicalShares, kinds: readonly number[]): number | undefined {
  if (shares.length === 0 || shares.length !== kinds.length) return lexicalWeight
  return kinds.reduce((sum, likelihood, k) => sum + likelihood * shares[k]!, 0)
}

function pruned({ weights, bias }: TextModel): TextModel {
  const least = leastWeight * weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0)
  return { weights: weights.map((weight) => (Math.abs(weight) < least ? 0 : weight)), bias }
}
