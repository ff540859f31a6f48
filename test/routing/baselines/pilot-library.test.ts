import { describe, expect, it } from 'vitest'
import { pilotLibrary, pilotLibraryRouter } from '../../../src/routing/baselines/pilot-library.ts'
import { dot, normalize } from '../../../src/vector.ts'
import { ask, describeRouter, legal, toyVector } from '../../conformance/router.ts'
import { lesson, medicalTexts, plainLessons } from './lessons.ts'
import { learned } from './learned.ts'

describeRouter(
  'pilotLibraryRouter, mean',
  learned(() => pilotLibraryRouter([])),
)
describeRouter(
  'pilotLibraryRouter, max',
  learned(() => pilotLibraryRouter([], { aggregation: 'max' })),
)

describe('pilotLibrary', () => {
  it("makes one pilot of a set's queries that one expert answers best: their mean", () => {
    const [medical, shell] = pilotLibrary(plainLessons)
    const mean = new Float32Array(12)
    for (const text of medicalTexts) toyVector(text).forEach((value, i) => (mean[i]! += value))

    expect(medical!.pilots).toHaveLength(1)
    expect(medical!.pilots[0]!.weight).toBe(5)
    expect(dot(medical!.pilots[0]!.vector, normalize(mean))).toBeCloseTo(1, 5)
    expect(shell!.pilots).toHaveLength(1)
  })

  it('gives an expert a pilot of every set whose queries it answers best, however few', () => {
    const stray = lesson('lease', 'legal', { medical: 0.6, shell: 0.1 })

    expect(pilotLibrary([...plainLessons, stray])[0]!.pilots).toHaveLength(2)
    expect(pilotLibrary([...plainLessons, stray], { smallestGroup: 2 })[0]!.pilots).toHaveLength(1)
  })

  it('makes as many pilots of a group as asked', () => {
    expect(pilotLibrary(plainLessons, { pilots: 3 })[0]!.pilots).toHaveLength(3)
    expect(pilotLibrary(plainLessons, { pilots: 100 })[0]!.pilots).toHaveLength(5)
  })

  it('drops queries on which experts tie, when told to', () => {
    const tied = medicalTexts.map((text) => lesson(text, 'medical', { shell: 0, medical: 0 }))

    expect(pilotLibrary(tied).map(({ expert, pilots }) => [expert, pilots.length])).toEqual([
      ['shell', 1],
      ['medical', 0],
    ])
    expect(pilotLibrary(tied, { ties: 'drop' }).flatMap(({ pilots }) => pilots)).toEqual([])
    expect(pilotLibrary(tied, { ties: 'domain' })[1]!.pilots).toHaveLength(1)
  })
})

describe('pilotLibraryRouter', () => {
  it('asks the expert with the nearest pilots, always', () => {
    const route = pilotLibraryRouter(plainLessons).route(ask('grep a file and a dose for a child with a lease in court'))

    expect(route.decision).toBe('expert')
    expect(route.lexicalWeight).toBe(0)
  })

  it('lets a stray group speak as loud as a large one, unless groups are weighed', () => {
    const stray = lesson('grep a file', 'shell', { medical: 1, shell: 0 })
    const similarityOf = (weights: boolean): number => {
      const { scores } = pilotLibraryRouter([...plainLessons, stray], { weights }).route(ask('fever and cough'))
      return scores.find(({ expert }) => expert === 'medical')!.score
    }

    expect(similarityOf(true)).toBeGreaterThan(similarityOf(false))
  })

  it('takes an expert that comes later for one more group, as the paper does', () => {
    const router = pilotLibraryRouter(plainLessons).with(legal)
    const similarity = router.route(ask('tenant')).scores.find(({ expert }) => expert === 'legal')!.similarity

    expect(similarity).toBeLessThan(0.9) // to the mean of five queries, not to "tenant in court"
    expect(router.route(ask('tenant')).experts[0]!.name).toBe('legal')
  })
})
