import { describe, expect, it } from 'vitest'
import { adamUpdate, warmUpThenDecay, adamWUpdate } from '../../src/train/adam.ts'
import { infoNce } from '../../src/train/info-nce.ts'
import { multiplyTransposed, transpose } from '../../src/train/matrix.ts'
import { poolTokens, unpoolTokens } from '../../src/train/pooling.ts'
import { random, sampleBelow } from '../../src/train/random.ts'

const noise = (length: number, seed: number): Float32Array => {
  const generator = random(seed)
  return Float32Array.from({ length }, () => generator.normal())
}

describe('multiplyTransposed', () => {
  it.each([
    [4, 4, 8],
    [5, 7, 3],
    [1, 9, 16],
    [6, 2, 1],
  ])('agrees with the definition at %i × %i × %i', (rows, columns, inner) => {
    const a = noise(rows * inner, 1)
    const b = noise(columns * inner, 2)
    const c = new Float32Array(rows * columns)

    multiplyTransposed(a, b, c, rows, columns, inner)

    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = 0
        for (let p = 0; p < inner; p++) sum += a[i * inner + p]! * b[j * inner + p]!
        expect(c[i * columns + j]).toBeCloseTo(sum, 5)
      }
    }
  })

  it('transposes', () => {
    const turned = new Float32Array(6)

    transpose(Float32Array.of(1, 2, 3, 4, 5, 6), turned, 2, 3)

    expect([...turned]).toEqual([1, 4, 2, 5, 3, 6])
  })
})

describe('infoNce', () => {
  const options = { rows: 3, columns: 5, targets: [0, 1, 2], temperature: 0.3 }
  const masked = new Uint8Array(15)
  masked[1] = 1
  masked[9] = 1

  it.each([false, true])('has the gradient of its loss (symmetric: %s)', (symmetric) => {
    const cosines = noise(15, 3).map((value) => Math.tanh(value))
    const loss = (values: Float32Array): number => infoNce(values.slice(), { ...options, masked, symmetric })
    const gradient = cosines.slice()
    infoNce(gradient, { ...options, masked, symmetric })

    cosines.forEach((_, i) => {
      const up = cosines.slice()
      const down = cosines.slice()
      up[i]! += 1e-2
      down[i]! -= 1e-2
      expect(gradient[i]).toBeCloseTo((loss(up) - loss(down)) / 2e-2, 2)
    })
  })

  it('takes no notice of masked columns', () => {
    const cosines = noise(15, 4).map((value) => Math.tanh(value))
    const other = cosines.slice()
    other[1] = 0.9

    expect(infoNce(other, { ...options, masked })).toBe(infoNce(cosines, { ...options, masked }))
    expect(other[1]).toBe(0)
  })

  it('is the logarithm of the number of columns when all look alike', () => {
    const loss = infoNce(new Float32Array(15), { ...options, masked: new Uint8Array(15) })

    expect(loss).toBeCloseTo(Math.log(5), 5)
  })
})

describe('pooling', () => {
  const table = noise(6 * 4, 5)
  const tokens = [3, 1, 1, 5, 2, 0]

  it('gives the unit vector of the mean', () => {
    const out = new Float32Array(8)

    poolTokens(table, 4, tokens, 1, 3, out, 4)

    const row = table.subarray(4, 8)
    const length = Math.hypot(...row)
    row.forEach((value, d) => expect(out[4 + d]).toBeCloseTo(value / length, 5))
  })

  it('gives zeros for no tokens', () => {
    const out = Float32Array.of(1, 1, 1, 1)

    expect(poolTokens(table, 4, tokens, 2, 2, out, 0)).toBe(0)
    expect([...out]).toEqual([0, 0, 0, 0])
  })

  it('has the gradient that central differences give', () => {
    const weights = noise(4, 6)
    const value = (values: Float32Array): number => {
      const out = new Float32Array(4)
      poolTokens(values, 4, tokens, 0, tokens.length, out, 0)
      return out.reduce((sum, element, d) => sum + element * weights[d]!, 0)
    }
    const units = new Float32Array(4)
    const length = poolTokens(table, 4, tokens, 0, tokens.length, units, 0)
    const gradient = new Float32Array(table.length)
    const touched = new Uint8Array(6)

    unpoolTokens(gradient, touched, 4, tokens, 0, tokens.length, units, length, weights, 0, new Float32Array(4))

    expect([...touched]).toEqual([1, 1, 1, 1, 0, 1])
    table.forEach((_, i) => {
      const up = table.slice()
      const down = table.slice()
      up[i]! += 1e-2
      down[i]! -= 1e-2
      expect(gradient[i]).toBeCloseTo((value(up) - value(down)) / 2e-2, 3)
    })
  })
})

describe('adamUpdate', () => {
  it('first moves every element by the rate, against its gradient', () => {
    const values = Float32Array.of(1, 1, 1)
    const adam = { mean: new Float32Array(3), square: new Float32Array(3) }

    adamUpdate(values, Float32Array.of(5, -0.001, 2), adam, 0, 2, { rate: 0.1, step: 1 })

    expect(values[0]).toBeCloseTo(0.9, 4)
    expect(values[1]).toBeCloseTo(1.1, 3)
    expect(values[2]).toBe(1)
  })

  it('warms up, peaks, and ends near zero', () => {
    const rates = Array.from({ length: 100 }, (_, step) => warmUpThenDecay(step, 100, 1))

    expect(rates[0]).toBeLessThan(0.5)
    expect(Math.max(...rates)).toBeCloseTo(1)
    expect(rates[99]).toBeLessThan(0.02)
  })
})

describe('random', () => {
  it('repeats itself for equal seeds and differs for others', () => {
    const draw = (...seeds: number[]): number[] => Array.from({ length: 5 }, random(...seeds).next)

    expect(draw(1, 2)).toEqual(draw(1, 2))
    expect(draw(1, 2)).not.toEqual(draw(2, 1))
  })

  it('draws normal numbers of mean 0 and variance 1', () => {
    const values = noise(20_000, 7)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length

    expect(mean).toBeCloseTo(0, 1)
    expect(variance).toBeCloseTo(1, 1)
  })

  it.each([
    [10, 3],
    [10, 8],
    [4, 9],
  ])('draws from %i without repetition', (limit, count) => {
    const drawn = sampleBelow(limit, count, random(1))

    expect(new Set(drawn).size).toBe(Math.min(limit, count))
    expect(Math.max(...drawn)).toBeLessThan(limit)
  })
})

describe('adamWUpdate', () => {
  it('follows its formula, step by step: decay apart from the averages, gradients scaled first', () => {
    const values = Float32Array.of(1, -2, 0.5)
    const state = { mean: new Float32Array(3), square: new Float32Array(3) }
    const [rate, weightDecay, scale, beta1, beta2] = [0.1, 0.01, 0.5, 0.9, 0.999]
    const expected = [1, -2, 0.5]
    const m = [0, 0, 0]
    const v = [0, 0, 0]
    for (let step = 1; step <= 3; step++) {
      const gradient = Float32Array.of(0.3 * step, -1, 0)
      adamWUpdate(values, gradient, state, { rate, step, weightDecay, scale })
      expected.forEach((value, i) => {
        const g = scale * gradient[i]!
        m[i] = beta1 * m[i]! + (1 - beta1) * g
        v[i] = beta2 * v[i]! + (1 - beta2) * g * g
        const move = m[i]! / (1 - beta1 ** step) / (Math.sqrt(v[i]! / (1 - beta2 ** step)) + 1e-8)
        expected[i] = value - rate * (move + weightDecay * value)
      })
    }
    expected.forEach((value, i) => expect(values[i]).toBeCloseTo(value, 5))
  })
})
