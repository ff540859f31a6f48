import { describe, expect, it } from 'vitest'
import { adamUpdate } from '../../src/train/adam.ts'
import { multiplyTransposed } from '../../src/train/matrix.ts'
import { poolTokens, unpoolTokens } from '../../src/train/pooling.ts'
import { random } from '../../src/train/random.ts'
import { workspace, type Workspace } from '../../src/train/simd/workspace.ts'

const fill = (array: Float32Array, seed: number): Float32Array => {
  const generator = random(seed)
  return array.map(() => generator.normal())
}
const given = (space: Workspace, length: number, seed: number): Float32Array => {
  const array = space.floats(length)
  array.set(fill(array, seed))
  return array
}
const close = (actual: Float32Array, expected: Float32Array): void => {
  expect(actual).toHaveLength(expected.length)
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4))
}

describe('a workspace', () => {
  // The plain functions are themselves checked against definitions and finite differences.
  it.each([
    [4, 4, 16],
    [8, 12, 64],
    [6, 8, 32],
    [3, 4, 16],
    [8, 6, 16],
    [8, 8, 7],
  ])('multiplies %i × %i × %i as the plain function does', (rows, columns, inner) => {
    const space = workspace(1e5)
    const a = given(space, rows * inner, 1)
    const b = given(space, columns * inner, 2)
    const c = space.floats(rows * columns)
    const expected = new Float32Array(rows * columns)

    space.multiplyTransposed(a, b, c, rows, columns, inner)

    multiplyTransposed(a, b, expected, rows, columns, inner)
    close(c, expected)
  })

  it.each([16, 32, 10])('pools and unpools %i dimensions as the plain functions do', (dimensions) => {
    const space = workspace(1e5)
    const table = given(space, 8 * dimensions, 3)
    const tokens = space.integers(6)
    tokens.set([7, 2, 2, 0, 5, 1])
    const out = space.floats(2 * dimensions)
    const upstream = given(space, 2 * dimensions, 4)
    const gradient = space.floats(table.length)
    const touched = new Uint8Array(8)
    const plain = { out: new Float32Array(2 * dimensions), gradient: new Float32Array(table.length), touched: new Uint8Array(8) }

    const length = space.poolTokens(table, dimensions, tokens, 1, 5, out, dimensions)
    space.unpoolTokens(gradient, touched, dimensions, tokens, 1, 5, out, length, upstream, dimensions, space.floats(dimensions))

    poolTokens(table, dimensions, tokens, 1, 5, plain.out, dimensions)
    unpoolTokens(
      plain.gradient,
      plain.touched,
      dimensions,
      tokens,
      1,
      5,
      plain.out,
      length,
      upstream,
      dimensions,
      new Float32Array(dimensions),
    )
    close(out, plain.out)
    close(gradient, plain.gradient)
    expect(touched).toEqual(plain.touched)
  })

  it('gives zeros for no tokens', () => {
    const space = workspace(1e4)
    const out = given(space, 16, 5)

    expect(space.poolTokens(space.floats(16), 16, space.integers(1), 0, 0, out, 0)).toBe(0)
    expect(out.every((value) => value === 0)).toBe(true)
  })

  it.each([
    [16, 48],
    [3, 10],
  ])('updates elements %i to %i by Adam as the plain function does, and no others', (from, to) => {
    const space = workspace(1e4)
    const values = given(space, 64, 6)
    const gradient = given(space, 64, 7)
    const adam = { mean: given(space, 64, 8), square: space.floats(64).fill(0.5) }
    const plain = { values: values.slice(), mean: adam.mean.slice(), square: adam.square.slice() }

    space.adamUpdate(values, gradient, adam, from, to, { rate: 0.1, step: 3 })

    adamUpdate(plain.values, gradient, plain, from, to, { rate: 0.1, step: 3 })
    close(values, plain.values)
    close(adam.mean, plain.mean)
    close(adam.square, plain.square)
  })

  it('refuses to hand out more memory than it has', () => {
    expect(() => workspace(1000).floats(1000)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })
})
