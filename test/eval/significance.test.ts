import { describe, expect, it } from 'vitest'
import { interval, resampledMeans } from '../../src/eval/bootstrap.ts'
import { randomisationTest, type Paired } from '../../src/eval/significance.ts'
import { seededRandom } from '../conformance/random.ts'

const paired = (first: readonly number[], second: readonly number[]): Paired => ({
  first: Float64Array.from(first),
  second: Float64Array.from(second),
})

/** p by trying every assignment of signs, which a few queries allow. */
function exact(sets: readonly Paired[]): number {
  const differences = sets.flatMap(({ first, second }) =>
    Array.from(first, (value, i) => (value - second[i]!) / first.length / sets.length),
  )
  const seen = Math.abs(differences.reduce((sum, value) => sum + value, 0))
  let extreme = 0
  const all = 2 ** differences.length
  for (let signs = 0; signs < all; signs++) {
    const sum = differences.reduce((total, value, i) => total + (signs & (2 ** i) ? value : -value), 0)
    if (Math.abs(sum) >= seen - 1e-12) extreme++
  }
  return extreme / all
}

describe('randomisationTest', () => {
  it('comes close to trying every assignment of signs', () => {
    const next = seededRandom(3)
    const scores = (count: number, lead: number) => Array.from({ length: count }, () => next() + lead)
    const sets = [paired(scores(11, 0.2), scores(11, 0)), paired(scores(6, 0.2), scores(6, 0))]

    const { mean, sets: each } = randomisationTest(sets)

    expect(mean).toBeCloseTo(exact(sets), 1.7)
    expect(each[0]).toBeCloseTo(exact([sets[0]!]), 1.7)
    expect(each[1]).toBeCloseTo(exact([sets[1]!]), 1.7)
  })

  it('is 1 where no query differs, and the least there is where all do', () => {
    const same = paired([0.5, 1, 0], [0.5, 1, 0])
    const better = paired(Array<number>(60).fill(1), Array<number>(60).fill(0))

    expect(randomisationTest([same, better]).sets).toEqual([1, 1 / 10_001])
    expect(randomisationTest([same])).toEqual({ mean: 1, sets: [1] })
  })

  it('lets each set weigh the same, however many queries it has', () => {
    // Ahead by little on many queries, behind by much on few: the mean over sets is 0.
    const large = paired(Array<number>(400).fill(0.1), Array<number>(400).fill(0))
    const small = paired(Array<number>(20).fill(0), Array<number>(20).fill(0.1))

    expect(randomisationTest([large, small]).mean).toBeGreaterThan(0.9)
  })

  it('gives the same for the same seed, whoever comes first', () => {
    const next = seededRandom(5)
    const [a, b] = [0, 1].map(() => Array.from({ length: 50 }, () => next()))
    const there = randomisationTest([paired(a!, b!)], { seed: 9 })

    expect(randomisationTest([paired(a!, b!)], { seed: 9 })).toEqual(there)
    expect(randomisationTest([paired(b!, a!)], { seed: 9 })).toEqual(there)
    expect(randomisationTest([paired(a!, b!)], { seed: 10 })).not.toEqual(there)
  })

  it('tests eighteen thousand queries in a tenth of a second', () => {
    const next = seededRandom(6)
    const sets = [4500, 3500, 3000, 7000].map((count) => {
      const scores = () => Array.from({ length: count }, () => next())
      return paired(scores(), scores())
    })

    const started = performance.now()
    randomisationTest(sets)

    // Ten times what it takes on a machine that is not busy.
    expect(performance.now() - started).toBeLessThan(1000)
  })
})

describe('resampledMeans', () => {
  it('spreads as wide as the standard error says', () => {
    const next = seededRandom(4)
    const scores = Float64Array.from({ length: 400 }, () => next())

    const [low, high] = interval(resampledMeans([scores])[0]!)

    // Uniform scores deviate by 0.2887; 1.96 standard errors of 400 of them are 0.0283.
    expect((high - low) / 2).toBeCloseTo(0.0283, 2)
    const mean = scores.reduce((sum, value) => sum + value, 0) / 400
    expect(low).toBeLessThan(mean)
    expect(high).toBeGreaterThan(mean)
  })

  it('draws the same queries for all systems', () => {
    const [a, b] = resampledMeans([Float64Array.from([0, 0, 1]), Float64Array.from([0.5, 0.5, 1.5])])

    for (let i = 0; i < a!.length; i++) expect(b![i]! - a![i]!).toBeCloseTo(0.5, 12)
  })
})
