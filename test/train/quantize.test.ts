import { describe, expect, it } from 'vitest'
import { dequantizeRows, quantizeRows } from '../../src/train/index.ts'

const rows = Float32Array.of(1, -0.5, 0.25, 0, 0, 0, 0, 0, -70, 35, 10, 20)

describe('quantizeRows', () => {
  it.each([
    [8, 127],
    [4, 7],
  ] as const)('is off by at most half a step at %i bits', (bits, levels) => {
    const back = dequantizeRows(quantizeRows(rows, 4, bits), 4)

    const largest = [1, 1, 1, 1, 0, 0, 0, 0, 70, 70, 70, 70]
    rows.forEach((value, i) => expect(Math.abs(back[i]! - value)).toBeLessThanOrEqual(largest[i]! / levels / 2 + 1e-6))
  })

  it('keeps rows of zeros zero', () => {
    expect([...dequantizeRows(quantizeRows(rows, 4, 4), 4).subarray(4, 8)]).toEqual([0, 0, 0, 0])
  })

  it('packs two 4-bit values a byte, the even one low', () => {
    const { values } = quantizeRows(Float32Array.of(7, -7), 2, 4)

    expect([...values]).toEqual([(1 << 4) | 15])
  })
})
