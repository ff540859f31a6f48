import { describe, expect, it } from 'vitest'
import { logProbabilities, trainSoftmax, type SoftmaxExample } from '../../../src/routing/baselines/softmax-regression.ts'

/** Points around the corners of a triangle, some of them on the wrong side. */
function triangle(count: number): SoftmaxExample[] {
  const corners = [
    [1, 0],
    [-0.5, 0.9],
    [-0.5, -0.9],
  ]
  let state = 1
  const noise = (): number => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647 - 0.5
  return Array.from({ length: count }, (_, i) => {
    const label = i % 3
    return { vector: Float32Array.from(corners[label]!, (value) => value + 1.6 * noise()), label, weight: 1 + (i % 2) }
  })
}

/** ½ |weights|² + cost × Σ cross-entropy, written down a second time. */
function objective(
  examples: readonly SoftmaxExample[],
  cost: number,
  { weights, biases }: { weights: Float64Array; biases: Float64Array },
) {
  const dimensions = weights.length / biases.length
  const penalty = weights.reduce((sum, value) => sum + 0.5 * value * value, 0)
  return examples.reduce(
    (sum, { vector, label, weight = 1 }) => sum - cost * weight * logProbabilities({ dimensions, weights, biases }, vector)[label]!,
    penalty,
  )
}

describe('trainSoftmax', () => {
  const examples = triangle(120)

  it('ends where no small step in any direction does better', () => {
    const model = trainSoftmax(examples, 3, { cost: 2 })
    const best = objective(examples, 2, model)
    for (const part of ['weights', 'biases'] as const) {
      for (let i = 0; i < model[part].length; i++) {
        for (const step of [-0.02, 0.02]) {
          const other = { ...model, [part]: model[part].map((value, j) => (i === j ? value + step : value)) }
          expect(objective(examples, 2, other)).toBeGreaterThan(best)
        }
      }
    }
  })

  it('gives probabilities, the highest to the class of the corner', () => {
    const model = trainSoftmax(examples, 3)
    const probabilities = logProbabilities(model, Float32Array.of(-0.5, 0.9)).map(Math.exp)

    expect(probabilities.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 10)
    expect(probabilities.indexOf(Math.max(...probabilities))).toBe(1)
  })

  it('gives the share of its class to an example that says nothing', () => {
    const zeros = [0, 0, 0, 1].map((label) => ({ vector: new Float32Array(2), label }))

    expect(Math.exp(logProbabilities(trainSoftmax(zeros, 2), new Float32Array(2))[0]!)).toBeCloseTo(0.75, 2)
  })

  it('stays nearer to nothing where the penalty is stronger', () => {
    const length = (cost: number): number => trainSoftmax(examples, 3, { cost }).weights.reduce((sum, value) => sum + value * value, 0)

    expect(length(0.01)).toBeLessThan(length(1))
  })

  it('repeats itself', () => {
    expect(trainSoftmax(examples, 3)).toEqual(trainSoftmax(examples, 3))
  })
})
