import { afterEach, describe, expect, it, vi } from 'vitest'
import { arena, type Arena } from '../../src/store/embedded/arena.ts'
import { rowSet } from '../../src/store/embedded/row-set.ts'
import { topK } from '../../src/store/top-k.ts'
import { dot, normalize, type Vector } from '../../src/vector.ts'
import { seededRandom } from '../conformance/random.ts'

const dimensions = 24
/** Node's types know no WebAssembly. */
const engine = (globalThis as any).WebAssembly
const random = seededRandom(3)
const made = (): Vector => normalize(Float32Array.from({ length: dimensions }, () => random() - 0.5))

/** Vectors by row, every third of them twice or more, as collections with copies have. */
const vectors = Array.from({ length: 4000 }, made)
for (let row = 0; row < vectors.length; row += 3) vectors[row] = vectors[row % 90]!

function filled(make: typeof arena, roundedFrom: number): Arena {
  const rows = make(dimensions, { roundedFrom })
  vectors.forEach((vector, row) => rows.set(row * 2, vector))
  return rows
}

function scanned(of: Arena, query: Vector, k: number, rows?: Int32Array, allowed?: Parameters<Arena['scan']>[2]): number[] {
  const best = topK<number>(k, (a, b) => a < b)
  of.scan(query, rows, allowed, best)
  return best.take()
}

/** What sorting everything gives. */
function sorted(query: Vector, k: number, among: (row: number) => boolean = () => true): number[] {
  const scored = vectors.flatMap((vector, i) => (among(2 * i) ? { row: 2 * i, cosine: Math.max(-1, Math.min(1, dot(query, vector))) } : []))
  return scored
    .sort((a, b) => b.cosine - a.cosine || a.row - b.row)
    .slice(0, k)
    .map(({ row }) => row)
}

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

describe('an arena', () => {
  const rounded = filled(arena, 0)
  const queries = [...Array.from({ length: 20 }, made), vectors[0]!, vectors[0]!.map((value) => -value)]

  it.each([1, 10, 500, 4000, 5000])('finds the %d best of all rows, to the bit and in order, by way of the rounded copy', (k) => {
    for (const query of queries) expect(scanned(rounded, query, k)).toEqual(sorted(query, k))
  })

  it('finds the best where vectors lie about one direction, and later ones about another', () => {
    const [first, second] = [made(), made()]
    const about = (direction: Vector): Vector => normalize(direction.map((value) => value + (random() - 0.5) * 0.02))
    const narrow = Array.from({ length: 5000 }, (_, i) => about(i < 2000 ? first : second))
    const rows = arena(dimensions, { roundedFrom: 100 })
    for (const [row, vector] of narrow.entries()) {
      rows.set(row, vector)
      if (![99, 500, 3000, 4999].includes(row)) continue
      for (const query of [about(first), about(second), second]) {
        const best = narrow.slice(0, row + 1).map((each, place) => ({ place, cosine: Math.max(-1, Math.min(1, dot(query, each))) }))
        best.sort((a, b) => b.cosine - a.cosine || a.place - b.place)
        expect(scanned(rows, query, 10)).toEqual(best.slice(0, 10).map(({ place }) => place))
      }
    }
  })

  it('makes the copy when it is asked, where fewer vectors came than were expected', () => {
    const fewer = arena(dimensions, { expected: 100_000, roundedFrom: 10 })
    vectors.forEach((vector, row) => fewer.set(row * 2, vector))

    for (const query of queries) expect(scanned(fewer, query, 10)).toEqual(sorted(query, 10))
  })

  it('finds the best of a list of rows, and of a set', () => {
    const third = Int32Array.from(vectors.keys(), (i) => 2 * i).filter((row) => row % 6 === 0)
    const set = rowSet(third, 8000)
    for (const query of queries) {
      const expected = sorted(query, 20, (row) => row % 6 === 0)
      expect(scanned(rounded, query, 20, Int32Array.from([...third, 1, 9999]))).toEqual(expected)
      expect(scanned(rounded, query, 20, undefined, set)).toEqual(expected)
    }
  })

  it('forgets deleted rows and takes new vectors in their places', () => {
    const changing = filled(arena, 1024)
    for (let row = 0; row < 8000; row += 4) changing.delete(row)
    expect(changing.size).toBe(2000)
    for (const query of queries.slice(0, 5)) expect(scanned(changing, query, 10)).toEqual(sorted(query, 10, (row) => row % 4 !== 0))

    const [query] = queries
    changing.set(4, query!)
    changing.set(9001, query!)
    changing.delete(2)

    expect(scanned(changing, query!, 2)).toEqual([4, 9001])
    expect(changing.get(9001)).toEqual(query)
    expect(changing.equals(4, query!)).toBe(true)
    expect(changing.rows()).toHaveLength(2001)
  })

  it('has the cosine that a product of the two vectors has, to the bit', () => {
    for (const query of queries) expect(rounded.similarity(query, 10)).toBe(Math.max(-1, Math.min(1, dot(query, vectors[5]!))))
  })

  it('keeps vectors of spaces that are larger than a step of its memory', () => {
    const wide = arena(100_000)
    const rows = Array.from({ length: 130 }, (_, i) => new Float32Array(100_000).fill(i / 1e5))
    rows.forEach((vector, row) => wide.set(row, vector))

    expect(rows.every((vector, row) => wide.equals(row, vector))).toBe(true)
  })

  it.each([
    ['there is no WebAssembly', undefined],
    [
      'no memory is left',
      {
        Module: engine.Module,
        Instance: engine.Instance,
        Memory: function () {
          throw new RangeError('could not allocate memory')
        },
      },
    ],
    [
      'the engine has no vector instructions',
      {
        Memory: engine.Memory,
        Instance: engine.Instance,
        Module: function () {
          throw new engine.CompileError('Wasm SIMD unsupported')
        },
      },
    ],
  ])('finds the same where %s', async (_, stub) => {
    vi.resetModules()
    vi.stubGlobal('WebAssembly', stub)
    const { arena: withoutKernel } = await import('../../src/store/embedded/arena.ts')

    const plain = filled(withoutKernel, 0)

    for (const query of queries) expect(scanned(plain, query, 10)).toEqual(scanned(rounded, query, 10))
  })
})
