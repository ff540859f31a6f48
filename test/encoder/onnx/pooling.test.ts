import { describe, expect, it } from 'vitest'
import { poolInto } from '../../../src/encoder/onnx/pooling.ts'

/** Two sequences of three positions in two dimensions; the second has two tokens. */
const tokens = { values: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 99, 99), width: 3, dimensions: 2 }
const way = { pooling: 'mean', normalize: false, skipped: 0 } as const

describe('poolInto', () => {
  it.each([
    [{ ...way }, [8, 9]],
    [{ ...way, skipped: 1 }, [9, 10]],
    [{ ...way, skipped: 2 }, [8, 9]],
    [{ ...way, pooling: 'cls' }, [7, 8]],
    [{ ...way, pooling: 'last' }, [9, 10]],
  ] as const)('makes one vector of the tokens that are no padding: %j', (how, expected) => {
    const target = new Float32Array(2)

    expect(poolInto(target, tokens, 1, 2, how)).toBe(true)
    expect([...target]).toEqual(expected)
  })

  it('takes the vector of a text as it is where the graph gives one', () => {
    const target = new Float32Array(2)

    poolInto(target, { values: Float32Array.of(1, 2, 3, 4), width: 1, dimensions: 2 }, 1, 17, { ...way, pooling: 'sentence' })

    expect([...target]).toEqual([3, 4])
  })

  it('scales to unit length where asked to', () => {
    const target = new Float32Array(2)

    poolInto(target, { values: Float32Array.of(3, 4), width: 1, dimensions: 2 }, 0, 1, { ...way, normalize: true })

    expect([...target]).toEqual([Math.fround(0.6), Math.fround(0.8)])
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses %s among the values that count, and not in the padding', (value) => {
    const values = tokens.values.slice()
    values[11] = value
    expect(poolInto(new Float32Array(2), { ...tokens, values }, 1, 2, way)).toBe(true)
    values[8] = value
    expect(poolInto(new Float32Array(2), { ...tokens, values }, 1, 2, way)).toBe(false)
  })
})
