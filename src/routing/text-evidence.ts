import { featureDimensions } from './features.ts'
import { trainLogistic, type LogisticExample } from './logistic.ts'
import type { SparseFeatures } from './router.ts'

/** How rare each feature is among the queries a router was first built from. Fixed from then on, so that adding an expert moves nothing. */
export interface FeatureRarity {
  /** Queries it was counted over. */
  readonly queries: number
  /** In how many of them each feature occurs, by feature index. */
  readonly frequencies: Uint32Array
}

/** A linear classifier of one expert's queries against those of all others: log-odds from rarity-weighted features. */
export interface TextModel {
  /** By feature index. */
  readonly weights: Float32Array
  readonly bias: number
}

export function countFeatures(queries: readonly SparseFeatures[]): FeatureRarity {
  const frequencies = new Uint32Array(featureDimensions)
  for (const { indices } of queries) for (const index of indices) frequencies[index]!++
  return { queries: queries.length, frequencies }
}

/** Mean rarity of a question's topic words, in [0, 1]: 0 for words that every learned text holds, 1 for words that none does. 0 without such words. */
export function noveltyOf(words: ReadonlySet<number>, { queries, frequencies }: FeatureRarity): number {
  if (words.size === 0 || queries === 0) return 0
  let sum = 0
  for (const word of words) sum += Math.log((queries + 1) / (frequencies[word]! + 1))
  return sum / (words.size * Math.log(queries + 1))
}

/** Features times rarity (smoothed inverse document frequency), scaled to unit length. */
export function weighFeatures({ indices, values }: SparseFeatures, { queries, frequencies }: FeatureRarity): SparseFeatures {
  const weighed = new Float32Array(values.length)
  let length = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]! * (1 + Math.log((queries + 1) / (frequencies[indices[i]!]! + 1)))
    weighed[i] = value
    length += value * value
  }
  const scale = length > 0 ? 1 / Math.sqrt(length) : 0
  for (let i = 0; i < weighed.length; i++) weighed[i]! *= scale
  return { indices, values: weighed }
}

/** Something a classifier learns from. */
export interface TextExample {
  readonly features: SparseFeatures
  /** Relative importance within its expert. @default 1 */
  readonly weight?: number
}

/**
 * Learns to tell one expert's queries from those of the others, who all weigh the same however many queries they have.
 * `undefined` when one side is empty. The other experts' models are not touched.
 */
export function trainTextModel(
  own: readonly TextExample[],
  others: readonly (readonly TextExample[])[],
  rarity: FeatureRarity,
): TextModel | undefined {
  const groups = others.filter((group) => group.length > 0)
  if (own.length === 0 || groups.length === 0) return undefined
  const examples: LogisticExample[] = own.map(({ features, weight = 1 }) => ({
    features: weighFeatures(features, rarity),
    positive: true,
    weight,
  }))
  for (const group of groups) {
    const total = group.reduce((sum, { weight = 1 }) => sum + weight, 0)
    for (const { features, weight = 1 } of group) {
      examples.push({ features: weighFeatures(features, rarity), positive: false, weight: weight / total })
    }
  }
  const { weights, bias } = trainLogistic(examples, featureDimensions)
  return { weights: Float32Array.from(weights), bias }
}
