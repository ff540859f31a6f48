import { describe, expect, it } from 'vitest'
import { adaptedEncoder, lowRankAdapter } from '../../src/encoder/adapted.ts'
import { staticEncoder } from '../../src/encoder/static.ts'
import { DimensionMismatchError, InvalidArgumentError } from '../../src/errors.ts'
import { seededRandom } from '../conformance/random.ts'
import { describeEncoder, expectClose } from '../conformance/encoder.ts'
import { tinyStatic, tinyWords } from './models.ts'

const random = seededRandom(3)
const weights = (count: number): Float32Array => Float32Array.from({ length: count }, () => random() - 0.5)
const adapter = lowRankAdapter({ down: weights(4 * 16), up: weights(16 * 4), rank: 4, dimensions: 16, id: 'medical-1' })

describeEncoder('adaptedEncoder', async () => adaptedEncoder(await staticEncoder(tinyStatic), adapter), { zeros: true, words: tinyWords })

describe('a low-rank adapter', () => {
  it('adds up · (down · v) and scales to unit length', () => {
    const turn = lowRankAdapter({ down: Float32Array.of(1, 0), up: Float32Array.of(0, 1), rank: 1, dimensions: 2, id: 'turn' })

    expectClose(turn(Float32Array.of(1, 0)), Float32Array.of(Math.SQRT1_2, Math.SQRT1_2))
    expectClose(turn(Float32Array.of(0, 1)), Float32Array.of(0, 1))
  })

  it('keeps rank and dimensions apart', () => {
    const [down, up] = [Float32Array.of(1, 0, 0, 0, 1, 0), Float32Array.of(0, 0, 0, 0, 1, 1)]
    const wide = lowRankAdapter({ down, up, rank: 2, dimensions: 3, id: 'wide' })

    expectClose(wide(Float32Array.of(0.6, 0.8, 0)), Float32Array.of(0.6 / Math.sqrt(2.96), 0.8 / Math.sqrt(2.96), 1.4 / Math.sqrt(2.96)))
  })

  it('leaves the vector it is given alone, and zeros zero', () => {
    const vector = Float32Array.from({ length: 16 }, () => 0.25)

    adapter(vector)

    expect(vector.every((value) => value === 0.25)).toBe(true)
    expect(adapter(new Float32Array(16))).toEqual(new Float32Array(16))
  })

  it.each([
    ['a wrong number of values', { down: new Float32Array(7) }, DimensionMismatchError],
    ['a value that is not a number', { up: new Float32Array(8).fill(Number.NaN) }, InvalidArgumentError],
    ['no rank', { rank: 0 }, InvalidArgumentError],
  ])('is refused with %s', (_, wrong, error) => {
    expect(() => lowRankAdapter({ down: new Float32Array(8), up: new Float32Array(8), rank: 2, dimensions: 4, id: 'x', ...wrong })).toThrow(
      error,
    )
  })

  it('is refused for vectors and encoders of another length', async () => {
    const small = lowRankAdapter({ down: new Float32Array(8), up: new Float32Array(8), rank: 2, dimensions: 4, id: 'x' })

    expect(() => small(new Float32Array(5))).toThrow(DimensionMismatchError)
    const base = await staticEncoder(tinyStatic)
    expect(() => adaptedEncoder(base, small)).toThrow(DimensionMismatchError)
  })

  it('gives the encoder an id that follows base and weights', async () => {
    const base = await staticEncoder(tinyStatic)
    const other = lowRankAdapter({ down: weights(16), up: weights(16), rank: 1, dimensions: 16, id: 'legal-1' })

    expect(new Set([base.id, adaptedEncoder(base, adapter).id, adaptedEncoder(base, other).id]).size).toBe(3)
  })

  it('leaves the base open when its encoder is closed', async () => {
    const base = await staticEncoder(tinyStatic)

    await adaptedEncoder(base, adapter).close()

    expect(await base.encode(['tar'])).toHaveLength(1)
  })
})
