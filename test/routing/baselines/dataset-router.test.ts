import { describe, expect, it } from 'vitest'
import { datasetRouter } from '../../../src/routing/baselines/dataset-router.ts'
import { draw } from '../../../src/routing/baselines/draw.ts'
import { ask, describeRouter } from '../../conformance/router.ts'
import { learned } from './learned.ts'
import { lesson, plainLessons } from './lessons.ts'

describeRouter(
  'datasetRouter',
  learned(() => datasetRouter([])),
)

describe('datasetRouter', () => {
  it('asks the expert that the set of the nearest query belongs to, whoever answers that query best', () => {
    const router = datasetRouter([...plainLessons, lesson('tenant in court', 'legal', { medical: 1, legal: 0 })])

    expect(router.route(ask('a tenant in court')).experts).toEqual([{ name: 'legal', weight: 1 }])
  })

  it('keeps as many queries of each set as asked, not of each expert', () => {
    const queries = [
      ...plainLessons,
      lesson('tenant', 'legal', {}, 'contracts'),
      lesson('court', 'legal', {}, 'rulings'),
      lesson('clause', 'legal', {}, 'rulings'),
    ]
    const router = datasetRouter(queries, { count: 1 })
    const similarity = (text: string): number => router.route(ask(text)).scores.find(({ expert }) => expert === 'legal')!.similarity

    expect(similarity('tenant')).toBeCloseTo(1, 6)
    expect([similarity('court'), similarity('clause')].sort()).toEqual([0, expect.closeTo(1, 6)])
  })

  it('draws the same queries for the same seed, others for another', () => {
    const items = Array.from({ length: 100 }, (_, i) => ({ text: `query ${i}` }))

    expect(draw(items, 10, 1)).toEqual(draw([...items].reverse(), 10, 1).reverse())
    expect(draw(items, 10, 1)).not.toEqual(draw(items, 10, 2))
    expect(draw(items.slice(0, 5), 10, 1)).toEqual(items.slice(0, 5))
  })
})
