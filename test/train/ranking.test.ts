import { describe, expect, it } from 'vitest'
import { meanNdcg10 } from '../../src/train/index.ts'
import { nearest } from '../../src/train/ranking.ts'

const documents = Float32Array.of(1, 0, 0.8, 0.6, 0, 1)
const east = Float32Array.of(1, 0)

describe('meanNdcg10', () => {
  it('is 1 when the only answer comes first', () => {
    expect(meanNdcg10([east], documents, [[0]])).toBe(1)
  })

  it('discounts by the logarithm of the rank', () => {
    expect(meanNdcg10([east], documents, [[1]])).toBeCloseTo(1 / Math.log2(3))
    expect(meanNdcg10([east], documents, [[0, 2]])).toBeCloseTo((1 + 1 / 2) / (1 + 1 / Math.log2(3)))
  })

  it('leaves out queries without answers', () => {
    expect(meanNdcg10([east, east], documents, [[0], []])).toBe(1)
    expect(meanNdcg10([east], documents, [[]])).toBe(0)
  })

  it('finds the nearest, ties in order of the documents', () => {
    expect(nearest(east, documents, 2)).toEqual([0, 1])
    expect(nearest(Float32Array.of(0, 0), documents, 5)).toEqual([0, 1, 2])
  })
})
