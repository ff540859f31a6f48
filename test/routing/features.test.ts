import { describe, expect, it } from 'vitest'
import { featureDimensions, latinShare, textFeatures } from '../../src/routing/features.ts'
import { sparseDot, trainLogistic, type LogisticExample } from '../../src/routing/logistic.ts'

const same = (a: string, b: string): void => expect(textFeatures(a)).toEqual(textFeatures(b))
const shared = (a: string, b: string): number => {
  const other = new Set(textFeatures(b).indices)
  return textFeatures(a).indices.filter((index) => other.has(index)).length
}

describe('textFeatures', () => {
  it('folds case, compatibility forms, numbers and white space', () => {
    same('Grep THE file', 'grep the  file\n')
    same('ﬁle Ａ', 'file a')
    same('wait 5 seconds', 'wait 60 seconds')
  })

  it('hears the order of words', () => {
    expect(textFeatures('dog bites man').indices).not.toEqual(textFeatures('man bites dog').indices)
    expect(shared('dog bites man', 'man bites dog')).toBeGreaterThanOrEqual(3)
  })

  it('hears symbols, and not what ends a sentence', () => {
    expect(textFeatures('ls -la').indices).not.toEqual(textFeatures('ls la').indices)
    same('what is it?', 'what is it')
    same("I can't see it.", 'i cant see it')
  })

  it('hears the forms of a word as one', () => {
    same('bleeding gums', 'bleed gum')
    same('installing packages', 'install package')
  })

  it('hears what a question is about louder than how it is put', () => {
    const loudest = (text: string): number => Math.max(...textFeatures(text).values)

    expect(loudest('headache')).toBeGreaterThan(2 * loudest('what is this'))
  })

  it('gives ascending indices within bounds and positive values', () => {
    const { indices, values } = textFeatures('the quick brown fox, the lazy dog; 12 tar -xzf “quotes” 発熱 😀')

    expect(indices.every((index, i) => index < featureDimensions && (i === 0 || index > indices[i - 1]!))).toBe(true)
    expect(values.every((value) => value > 0 && Number.isFinite(value))).toBe(true)
    expect(values.length).toBe(indices.length)
  })

  it('finds nothing in nothing', () => {
    for (const text of ['', ' \n\t']) expect(textFeatures(text).indices.length).toBe(0)
  })

  it('does not break on what is hardly text', () => {
    for (const text of ['\ud800', '\0\0', '\u0301', 'x'.repeat(1_000_000), '\u{1F468}\u200d\u{1F469}'])
      expect(() => textFeatures(text)).not.toThrow()
  })

  it('reads only the beginning of a long text', () => {
    same('word '.repeat(5000), 'word '.repeat(1000))
  })
})

describe('latinShare', () => {
  it('is the share of letters that are Latin', () => {
    expect(latinShare('abc')).toBe(1)
    expect(latinShare('日本語 abc')).toBe(0.5)
    expect(latinShare('привет')).toBe(0)
    expect(latinShare('naïve Łódź')).toBe(1)
    expect(latinShare('123 ?!')).toBeUndefined()
  })
})

describe('trainLogistic', () => {
  const example = (positive: boolean, ...indices: number[]): LogisticExample => ({
    positive,
    features: { indices: Uint32Array.from(indices), values: Float32Array.from(indices, () => 1 / Math.sqrt(indices.length)) },
  })
  const examples = [
    ...Array.from({ length: 30 }, (_, i) => example(true, i % 3, 10 + (i % 7))),
    ...Array.from({ length: 90 }, (_, i) => example(false, 3 + (i % 4), 10 + (i % 7))),
  ]

  it('separates what can be separated', () => {
    const { weights, bias } = trainLogistic(examples, 20)

    for (const { features, positive } of examples) expect(bias + sparseDot(features, weights) > 0).toBe(positive)
  })

  it('reaches the optimum: no step along any weight lowers the penalised loss', () => {
    const cost = 3
    const model = trainLogistic(examples, 20, { cost, passes: 2000 })
    const loss = (weights: Float64Array, bias: number): number => {
      const penalty = (weights.reduce((sum, weight) => sum + weight * weight, 0) + bias * bias) / 2
      return examples.reduce((sum, { features, positive }) => {
        const own = examples.length / (2 * (positive ? 30 : 90))
        return sum + cost * own * Math.log1p(Math.exp((positive ? -1 : 1) * (bias + sparseDot(features, weights))))
      }, penalty)
    }

    const least = loss(model.weights, model.bias)
    for (let i = 0; i <= 20; i++) {
      for (const step of [-0.05, 0.05]) {
        const moved = model.weights.slice()
        if (i < 20) moved[i]! += step
        expect(loss(moved, model.bias + (i === 20 ? step : 0))).toBeGreaterThan(least - 1e-4)
      }
    }
  })

  it('gives the same model every time', () => {
    expect(trainLogistic(examples, 20)).toEqual(trainLogistic(examples, 20))
  })

  it('lets weights stand for repetition', () => {
    const heavy = trainLogistic([{ ...example(true, 0), weight: 3 }, example(true, 1), example(false, 2)], 3, { passes: 1000 })
    const repeated = trainLogistic([example(true, 0), example(true, 0), example(true, 0), example(true, 1), example(false, 2)], 3, {
      passes: 1000,
    })

    // The cost of one example depends on how many there are; the direction does not.
    expect(Math.sign(heavy.weights[0]! - heavy.weights[1]!)).toBe(Math.sign(repeated.weights[0]! - repeated.weights[1]!))
  })
})
