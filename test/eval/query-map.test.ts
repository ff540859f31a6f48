import { describe, expect, it } from 'vitest'
import { queryMap } from '../../src/eval/query-map.ts'
import { normalize } from '../../src/vector.ts'
import { seededRandom } from '../conformance/random.ts'

/** Three clouds of forty vectors about three axes. */
function clouds() {
  const next = seededRandom(2)
  return Array.from({ length: 120 }, (_, i) =>
    normalize(Float32Array.from({ length: 12 }, (_element, at) => (at === i % 3 ? 2 : 0) + next() / 2)),
  )
}

describe('queryMap', () => {
  it('puts neighbours next to one another, the same on every run', async () => {
    const places = await queryMap(clouds())
    const again = await queryMap(clouds())
    const other = await queryMap(clouds(), { seed: 2 })

    expect(again).toEqual(places)
    expect(other).not.toEqual(places)
    const near = places.filter(([x, y] = [0, 0], i) => {
      const far = places.map(([u, v] = [0, 0], j) => (i === j ? Infinity : (x - u) ** 2 + (y - v) ** 2))
      return far.indexOf(Math.min(...far)) % 3 === i % 3
    })
    expect(near.length).toBeGreaterThan(115)
  })

  it('has no place for vectors of zeros, nor for a handful', async () => {
    const vectors = [new Float32Array(12), ...clouds()]

    expect((await queryMap(vectors))[0]).toBeUndefined()
    expect(await queryMap(vectors.slice(0, 5))).toEqual([undefined, undefined, undefined, undefined, undefined])
  })

  it('stops when told', async () => {
    await expect(queryMap(clouds(), { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
  })
})
