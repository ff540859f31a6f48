import { describe, expect, it } from 'vitest'
import { has, intersect, rowSet, rowsOf, union, without } from '../../src/store/embedded/row-set.ts'
import { compareStrings } from '../../src/store/filter.ts'
import { topK } from '../../src/store/top-k.ts'
import { seededRandom } from '../conformance/random.ts'

describe('topK', () => {
  it('keeps the best, in order, whatever the order of offers', () => {
    const random = seededRandom(11)
    const items = Array.from({ length: 500 }, (_, id) => ({ id, score: Math.floor(random() * 40) }))
    const expected = [...items].sort((a, b) => b.score - a.score || a.id - b.id)

    for (const k of [1, 7, 499, 500, 9000, Infinity]) {
      const best = topK<number>(k, (a, b) => a < b)
      for (const { id, score } of [...items].sort(() => random() - 0.5)) best.offer(id, score)
      expect(best.take()).toEqual(expected.slice(0, k).map(({ id }) => id))
    }
  })

  it('keeps nothing of 0, and is empty after taking', () => {
    const none = topK<number>(0, () => false)
    none.offer(1, 5)
    expect(none.take()).toEqual([])
    const two = topK<number>(2, () => false)
    two.offer(1, 5)
    expect(two.take()).toEqual([1])
    expect(two.take()).toEqual([])
    expect(two.threshold()).toBe(-Infinity)
  })
})

describe('row sets', () => {
  const random = seededRandom(2)
  const pick = (): number[] => [...new Set(Array.from({ length: 200 }, () => Math.floor(random() * 1000)))].sort((a, b) => a - b)
  const [a, b] = [pick(), pick()]

  it('are sets', () => {
    expect([...rowsOf(rowSet(a, 1000))]).toEqual(a)
    expect([...rowsOf(intersect(rowSet(a, 1000), rowSet(b, 1000)))]).toEqual(a.filter((row) => b.includes(row)))
    expect([...rowsOf(union(rowSet(a, 1000), rowSet(b, 1000)))]).toEqual([...new Set([...a, ...b])].sort((x, y) => x - y))
    expect([...rowsOf(without(rowSet(a, 1000), rowSet(b, 1000)))]).toEqual(a.filter((row) => !b.includes(row)))
    expect(rowSet(a, 1000).size).toBe(a.length)
    expect(has(rowSet([31, 32, 63], 64), 31) && !has(rowSet([31, 32, 63], 64), 33)).toBe(true)
    expect(has(rowSet([1], 2), 1_000_000)).toBe(false)
  })
})

describe('compareStrings', () => {
  it('orders by code point, as databases do', () => {
    const strings = ['', 'a', 'ab', 'b', 'Z', 'é', '\uffee', '\ud7ff', '\ue000', '𝄞', '😀', '\u{10ffff}', '😀a']
    const byCode = [...strings].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

    expect([...strings].reverse().sort(compareStrings)).toEqual(byCode)
  })
})
