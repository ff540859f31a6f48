import { describe, expect, it } from 'vitest'
import { block, roundedRows, type RoundedRows } from '../../src/store/embedded/rounded.ts'
import { dot, normalize, type Vector } from '../../src/vector.ts'
import { seededRandom } from '../conformance/random.ts'

const random = seededRandom(11)

function made(dimensions: number, size = 1): Vector {
  return normalize(Float32Array.from({ length: dimensions }, () => random() - 0.5)).map((value) => value * size)
}

function filled(vectors: readonly Vector[], options: { most?: number; centre?: Vector } = {}): RoundedRows {
  const rows = roundedRows(vectors[0]!.length, { expected: 1, ...options })!
  vectors.forEach((vector, place) => rows.set(place, vector))
  return rows
}

function allBounds(rows: RoundedRows, query: Vector, count: number): number[] {
  const bounds = rows.ask(query)
  const all: number[] = []
  for (let from = 0; from < count; from += block) all.push(...bounds.consecutive(from, Math.min(block, count - from)))
  return all
}

describe('rounded rows', () => {
  it.each([1, 2, 3, 16, 17, 100, 384, 1000])('bound products of %d dimensions from above, whatever the sizes', (dimensions) => {
    const odd = [new Float32Array(dimensions), made(dimensions, 1e-42), made(dimensions, 1e-10), made(dimensions, 100)]
    const spike = Float32Array.from({ length: dimensions }, (_, i) => (i === 0 ? 1 : 1e-4))
    const vectors = [...odd, spike, ...Array.from({ length: 200 }, () => made(dimensions))]
    const queries = [
      made(dimensions),
      made(dimensions, 50),
      made(dimensions, 1e-3),
      spike,
      vectors.at(-1)!,
      vectors.at(-1)!.map((value) => -value),
    ]
    const rows = filled(vectors)

    for (const query of queries) {
      const bounds = allBounds(rows, query, vectors.length)
      const below = vectors.filter((vector, i) => bounds[i]! < dot(query, vector))
      expect(below).toEqual([])
    }
  })

  it('say nothing false of numbers that overflow', () => {
    const vectors = [made(8, 3e38), made(8)]
    const bounds = allBounds(filled(vectors), made(8, 3e38), 2)

    expect(bounds.every((bound) => !(bound < 1e30))).toBe(true)
  })

  it('are close: of unit vectors the bound is at most 0.02 above', () => {
    const vectors = Array.from({ length: 300 }, () => made(384))
    const query = made(384)
    const bounds = allBounds(filled(vectors), query, vectors.length)

    expect(Math.max(...vectors.map((vector, i) => bounds[i]! - dot(query, vector)))).toBeLessThan(0.02)
  })

  it('are ten times as close where all vectors have one direction and that is the centre', () => {
    const centre = made(384)
    const near = (): Vector => normalize(centre.map((value) => value + (random() - 0.5) * 0.01))
    const vectors = Array.from({ length: 300 }, near)
    const query = near()
    const excess = (rows: RoundedRows): number => {
      const bounds = allBounds(rows, query, vectors.length)
      return Math.max(...vectors.map((vector, i) => bounds[i]! - dot(query, vector)))
    }

    expect(excess(filled(vectors, { centre })) * 10).toBeLessThan(excess(filled(vectors)))
  })

  it.each([1, 1e-10, 100])('bound products from above around any centre, also one of length %d far away', (size) => {
    const centre = made(100, size)
    const vectors = [new Float32Array(100), centre, centre.map((value) => -value), ...Array.from({ length: 200 }, () => made(100))]
    const rows = filled(vectors, { centre })

    for (const query of [made(100), made(100, 50), made(100, 1e-3), centre, centre.map((value) => -value)]) {
      const bounds = allBounds(rows, query, vectors.length)
      expect(vectors.filter((vector, i) => bounds[i]! < dot(query, vector))).toEqual([])
    }
  })

  it('grow as they come, and bound any list of places as they bound all', () => {
    const vectors = Array.from({ length: 5000 }, () => made(20))
    const rows = filled(vectors)
    const query = made(20)
    const all = allBounds(rows, query, vectors.length)

    const places = Int32Array.from({ length: 777 }, (_, i) => (i * 1009) % 5000)

    expect([...rows.ask(query).chosen(places)]).toEqual(Array.from(places, (place) => all[place]))
  })

  it('are the same in one memory and in several', () => {
    const vectors = Array.from({ length: 3000 }, () => made(16))
    const query = made(16)
    const one = filled(vectors)
    // Two pages hold 4,900 rows of 24 bytes beside the scratch; this holds a thousand.
    const several = filled(vectors, { most: 4 * (2 * 16 + 12) + 6 * 4 * block + 1004 * 24 })
    // The margin grows with the longest vector of all, which both have seen.
    const places = Int32Array.from([2999, 0, 999, 1000, 1001, 5, 2000, 1999])

    expect(allBounds(several, query, 3000)).toEqual(allBounds(one, query, 3000))
    expect([...several.ask(query).chosen(places)]).toEqual([...one.ask(query).chosen(places)])
  })

  it.each([1, 2, 3, 4, 5, 9])('bound %d queries together as they bound each', (count) => {
    const vectors = Array.from({ length: 2501 }, () => made(40))
    const queries = Array.from({ length: count }, (_, i) => made(40, i + 1))
    for (const rows of [filled(vectors), filled(vectors, { centre: made(40), most: 4 * (2 * 48 + 12) + 6 * 4 * block + 1004 * 56 })])
      for (const [i, bounds] of rows.askTogether(queries, 2501).entries()) expect([...bounds]).toEqual(allBounds(rows, queries[i]!, 2501))
  })

  it('have no room where one row exceeds a memory', () => {
    expect(roundedRows(1000, { expected: 1, most: 2000 })).toBeUndefined()
    expect(roundedRows(2 ** 25, { expected: 1 })).toBeUndefined()
  })
})
