import { describe, expect, it } from 'vitest'
import { exactNeighbours, recallOf } from '../../bench/harness/exact.ts'
import { growth } from '../../bench/harness/fit.ts'
import { narrowest } from '../../bench/harness/ladder.ts'
import { questionsOf } from '../../bench/harness/questions.ts'
import { shuffled } from '../../bench/harness/random.ts'
import { spread } from '../../bench/harness/statistics.ts'
import { table } from '../../bench/harness/table.ts'
import { inTurn } from '../../bench/harness/turns.ts'

describe('the harness of the benchmarks', () => {
  it('fits a line and a power law', () => {
    const linear = growth([1, 10, 100].map((size) => ({ size, value: 3 + 2 * size })))
    const root = growth([1, 100, 10_000].map((size) => ({ size, value: 5 * Math.sqrt(size) })))

    expect(linear.slope).toBeCloseTo(2)
    expect(linear.base).toBeCloseTo(3)
    expect(linear.r2).toBeCloseTo(1)
    expect(root.exponent).toBeCloseTo(0.5)
  })

  it('gives median and quartiles between neighbours', () => {
    expect(spread([4, 1, 3, 2])).toEqual({ median: 2.5, from: 1.75, to: 3.25, rounds: 4 })
  })

  it('finds the exact neighbours, best first, among those allowed', () => {
    const vectors = [
      [1, 0],
      [0.6, 0.8],
      [0, 1],
      [0.8, 0.6],
    ].map((values) => Float32Array.from(values))

    expect(exactNeighbours(vectors, Float32Array.of(1, 0), 3)).toEqual([0, 3, 1])
    expect(exactNeighbours(vectors, Float32Array.of(1, 0), 2, (place) => place !== 0)).toEqual([3, 1])
    expect(
      recallOf(
        [
          [0, 3],
          [2, 5],
        ],
        [
          [0, 1],
          [2, 5],
        ],
      ),
    ).toBe(0.75)
  })

  it('takes the narrowest search that finds enough, to within a thirtieth', async () => {
    // A search of breadth 200 or more finds everything.
    const { breadth, recall } = await narrowest(1, [[7]], async (breadth) => [breadth >= 200 ? [7] : []])

    expect(breadth).toBeGreaterThanOrEqual(200)
    expect(breadth).toBeLessThanOrEqual(208)
    expect(recall).toBe(1)
  })

  it('takes ways in turn, each first equally often', async () => {
    const order: string[] = []
    const way = (name: string) => [name, async () => order.push(name)] as const

    const values = await inTurn([way('a'), way('b'), way('c')], 3, { pause: 0 })

    expect(order.join('')).toBe('abcbcacab')
    expect([...values.values()].every(({ length }) => length === 3)).toBe(true)
  })

  it('asks no question that was an example', () => {
    const queries = Array.from({ length: 30 }, (_, i) => ({ text: `question ${i}`, set: i % 3 === 0 ? 'law' : 'medicine' }))

    const { domains, asked } = questionsOf(queries, { experts: 2, examples: 5, count: 100 })

    expect(Object.keys(domains)).toEqual(['medicine', 'law'])
    expect(asked).toHaveLength(20)
    expect(asked.filter((text) => Object.values(domains).flat().includes(text))).toEqual([])
  })

  it('shuffles by its seed', () => {
    const values = Array.from({ length: 50 }, (_, i) => i)

    expect(shuffled(values, 1)).toEqual(shuffled(values, 1))
    expect(shuffled(values, 1)).not.toEqual(shuffled(values, 2))
    expect(shuffled(values, 1).sort((a, b) => a - b)).toEqual(values)
  })

  it('writes tables with three significant digits', () => {
    expect(
      table(
        ['what', 'ms'],
        [
          ['a', 1234.5],
          ['b', 12.34],
          ['c', 0.01234],
        ],
      ),
    ).toBe(['| what | ms |', '| --- | ---: |', '| a | 1,235 |', '| b | 12.3 |', '| c | 0.012 |'].join('\n'))
  })
})
