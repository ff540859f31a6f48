import { describe, expect, it } from 'vitest'
import { pullOfDocuments } from '../../src/train/expert/pull.ts'
import { whitening } from '../../src/train/expert/whitening.ts'
import { random } from '../../src/train/random.ts'
import { dot, normalize } from '../../src/vector.ts'

const noise = (length: number, seed: number): Float32Array => {
  const generator = random(seed)
  return Float32Array.from({ length }, () => generator.normal())
}

describe('whitening', () => {
  it('inverts the covariance, mixed with a round one of the same size', async () => {
    const [size, count] = [6, 1300]
    const vectors = noise(count * size, 1).map((value, i) => value * (1 + (i % size)))
    const mean = new Float32Array(size)
    for (let i = 0; i < vectors.length; i++) mean[i % size]! += vectors[i]! / count
    const covariance = Array.from({ length: size * size }, (_, at) => {
      const [i, j] = [Math.floor(at / size), at % size]
      let sum = 0
      for (let v = 0; v < count; v++) sum += (vectors[v * size + i]! - mean[i]!) * (vectors[v * size + j]! - mean[j]!)
      return sum / count
    })
    const round = covariance.reduce((sum, value, at) => (at % (size + 1) === 0 ? sum + value / size : sum), 0)

    const inverse = await whitening(vectors, mean, undefined)

    // inverse · (covariance + round · 1) is a multiple of 1.
    const product = Array.from({ length: size * size }, (_, at) => {
      let sum = 0
      for (let k = 0; k < size; k++)
        sum += inverse[Math.floor(at / size) * size + k]! * (covariance[k * size + (at % size)]! + (k === at % size ? round : 0))
      return sum
    })
    product.forEach((value, at) => expect(value / product[0]!).toBeCloseTo(at % (size + 1) === 0 ? 1 : 0, 3))
    expect(inverse.reduce((sum, value, at) => (at % (size + 1) === 0 ? sum + value : sum), 0) / size).toBeCloseTo(1, 4)
  })

  it('leaves directions as they are where vectors are all alike', async () => {
    const inverse = await whitening(Float32Array.of(1, 2, 1, 2, 1, 2), Float32Array.of(1, 2), undefined)

    expect([...inverse]).toEqual([1, 0, 0, 1])
  })
})

describe('pullOfDocuments', () => {
  const dimensions = 16
  const base = { id: 'toy', dimensions, table: noise(60 * dimensions, 2), tokenize: () => [] }
  const generator = random(3)
  // Token 0 is in every document, tokens 1 to 9 in some, token 50 in none.
  const tokens = Array.from({ length: 300 }, (_, i) => [0, 1 + (i % 9), 10 + generator.below(40)])
  const vectors = new Float32Array(tokens.length * dimensions)
  tokens.forEach((ids, i) => {
    const sum = new Float32Array(dimensions)
    for (const id of ids) for (let d = 0; d < dimensions; d++) sum[d]! += base.table[id * dimensions + d]!
    vectors.set(normalize(sum), i * dimensions)
  })
  const similarity = (delta: Float32Array, document: number): number =>
    dot(delta, vectors.subarray(document * dimensions, (document + 1) * dimensions))

  it('draws a token to the documents that hold it, away from the others', async () => {
    const { rows, deltas } = await pullOfDocuments(base, { tokens, vectors }, undefined)

    const at = rows.indexOf(4)
    const delta = deltas.subarray(at * dimensions, (at + 1) * dimensions)
    const [inside, outside] = [true, false].map((holds) => {
      const those = tokens.flatMap((ids, i) => (ids.includes(4) === holds ? [similarity(delta, i)] : []))
      return those.reduce((sum, value) => sum + value, 0) / those.length
    })
    expect(inside!).toBeGreaterThan(outside! + 0.1)
  })

  it('leaves a token alone that is in every document, or in none', async () => {
    const { rows, deltas } = await pullOfDocuments(base, { tokens, vectors }, undefined)

    expect([...rows]).not.toContain(50)
    expect([...rows]).toEqual([...rows].sort((a, b) => a - b))
    expect(Math.hypot(...deltas.subarray(0, dimensions))).toBeLessThan(1e-4)
  })

  it('gives numbers for documents without tokens and for a single one', async () => {
    for (const some of [[[]], [[1, 2]], [[1], [1]]]) {
      const { deltas } = await pullOfDocuments(base, { tokens: some, vectors: vectors.slice(0, some.length * dimensions) }, undefined)

      expect(deltas.every(Number.isFinite)).toBe(true)
    }
  })
})
