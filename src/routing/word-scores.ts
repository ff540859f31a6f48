import { readText } from './features.ts'
import type { FeatureRarity, TextModel } from './text-evidence.ts'

/** Linear models over the words of a text. */
export interface WordScores {
  hear(text: string): HeardText
}

export interface HeardText {
  /** Log-odds of each model, in order: its bias, and its weights times the text's features, weighed by their rarity and scaled to unit length. */
  readonly logits: Float64Array
  /** Mean rarity of its topic words, in [0, 1]: see `noveltyOf`. */
  readonly novelty: number
}

export function wordScores(models: readonly TextModel[], { queries, frequencies }: FeatureRarity): WordScores {
  let weighed = new Float64Array(256)

  return {
    hear(text) {
      const { size, indices, values, topics } = readText(text)
      if (size > weighed.length) weighed = new Float64Array(size)
      let length = 0
      let rare = 0
      let topicWords = 0
      for (let i = 0; i < size; i++) {
        const rarity = Math.log((queries + 1) / (frequencies[indices[i]!]! + 1))
        const value = values[i]! * (1 + rarity)
        weighed[i] = value
        length += value * value
        if (topics[i] === 1) {
          rare += rarity
          topicWords++
        }
      }
      const scale = length > 0 ? 1 / Math.sqrt(length) : 0
      const logits = new Float64Array(models.length)
      for (let model = 0; model < logits.length; model++) {
        const { weights, bias } = models[model]!
        let sum = 0
        for (let i = 0; i < size; i++) sum += weights[indices[i]!]! * weighed[i]!
        logits[model] = bias + scale * sum
      }
      return { logits, novelty: topicWords === 0 || queries === 0 ? 0 : rare / (topicWords * Math.log(queries + 1)) }
    },
  }
}
