import { describe, expect, it } from 'vitest'
import { classificationHeadRouter } from '../../../src/routing/baselines/classification-head.ts'
import { expertClassifiersRouter } from '../../../src/routing/baselines/expert-classifiers.ts'
import { baselineRouters, learnBaselineRouters } from '../../../src/routing/baselines/index.ts'
import type { RoutedQuery } from '../../../src/routing/baselines/lessons.ts'
import type { Router } from '../../../src/routing/router.ts'
import { ask, legal } from '../../conformance/router.ts'
import { normalize } from '../../../src/vector.ts'
import { legalTexts, lesson, plainLessons } from './lessons.ts'

/** Hundreds of vectors in three directions. */
const manyLessons = Array.from({ length: 600 }, (_, i): RoutedQuery => {
  const vector = normalize(Float32Array.from({ length: 256 }, (_unused, j) => Math.sin(i * 31 + j * (1 + (i % 3)))))
  const domain = ['medical', 'shell', 'legal'][i % 3]!
  return { vector, text: `${i}`, set: domain, domain, scores: {} }
})

const winner = (router: Router, text: string): string => router.route(ask(text)).experts[0]!.name

for (const [name, make] of [
  ['classificationHeadRouter', classificationHeadRouter],
  ['expertClassifiersRouter', expertClassifiersRouter],
] as const) {
  describe(name, () => {
    const router = make(plainLessons)

    it('asks the expert whose queries the query resembles, always one and without BM25', () => {
      expect(winner(router, 'fever and cough')).toBe('medical')
      expect(winner(router, 'grep through a file')).toBe('shell')
      expect(router.route(ask('grep a child'))).toMatchObject({ decision: 'expert', lexicalWeight: 0 })
    })

    it('shows every expert, best first, with scores that sum to 1', () => {
      const { scores, margin } = router.route(ask('dose for a child'))

      expect(scores.map(({ expert }) => expert)).toEqual(['medical', 'shell'])
      expect(scores[0]!.score + scores[1]!.score).toBeCloseTo(1, 6)
      expect(margin).toBeCloseTo(scores[0]!.score - scores[1]!.score, 6)
    })

    it('learns whom a query belongs to, or who answers it best, as told', () => {
      const queries = [...plainLessons, ...legalTexts.map((text) => lesson(text, 'legal', { shell: 1, legal: 0, medical: 0 }))]

      expect(winner(make(queries, { label: 'domain' }), 'a tenant in court')).toBe('legal')
      expect(winner(make(queries, { label: 'best' }), 'a tenant in court')).toBe('shell')
    })

    it('learns another expert from evidence alone and stays as it was itself', () => {
      const wider = router.with(legal)

      expect(wider.experts).toEqual(['medical', 'shell', 'legal'])
      expect(winner(wider, 'tenant and lease')).toBe('legal')
      expect(winner(wider, 'grep a file')).toBe('shell')
      expect(wider.route(ask('tenant and lease')).lexicalWeight).toBeCloseTo(0.6, 6)
      expect(router.experts).toEqual(['medical', 'shell'])
    })

    it('forgets an expert with the queries of its domain', () => {
      const forgot = router.with(legal).without('legal')

      expect(forgot.route(ask('fever dose'))).toEqual(router.route(ask('fever dose')))
      expect(router.without('unknown').experts).toEqual(router.experts)
      expect(router.without('shell').route(ask('grep a file'))).toMatchObject({ experts: [{ name: 'medical' }], margin: 1 })
    })

    it('replaces what it knew under the same name', () => {
      const replaced = router.with({ ...legal, expert: 'shell' })

      expect(replaced.experts).toHaveLength(2)
      expect(winner(replaced, 'tenant in court')).toBe('shell')
    })

    it('falls back only where there is nothing to go by', () => {
      expect(router.route(ask('xyzzy'))).toMatchObject({ decision: 'fallback', experts: [{ name: 'general' }] })
      expect(make([]).route(ask('fever'))).toMatchObject({ decision: 'fallback', scores: [] })
      expect(make([]).with(legal).route(ask('tenant')).experts[0]!.name).toBe('legal')
    })

    it('never chooses an expert that no query teaches it, and gives no NaN for one', () => {
      const { scores } = make(plainLessons, { experts: ['mute', 'medical', 'shell'] }).route(ask('fever'))

      expect(scores.at(-1)).toEqual({ expert: 'mute', score: 0, similarity: 0 })
      for (const { score } of scores) expect(score).not.toBeNaN()
    })

    it('refuses vectors of another length and BM25 weights outside [0, 1]', () => {
      expect(() => router.route({ text: 'fever', vector: new Float32Array(3).fill(1) })).toThrow(/12-dimensional/)
      expect(() => router.with({ expert: 'odd', pilots: [{ vector: new Float32Array(3).fill(1) }] })).toThrow(/dimensional/)
      expect(() => router.with({ expert: 'odd', pilots: [{ vector: new Float32Array(12).fill(Number.NaN) }] })).toThrow(/not a finite/)
      expect(() => router.with({ ...legal, lexicalWeight: 1.5 })).toThrow(/not a number from 0 to 1/)
    })
  })
}

describe('baselineRouters', () => {
  it("makes the paper's five routers, of the same experts", () => {
    const routers = baselineRouters(plainLessons)

    expect([...routers.keys()]).toEqual([
      'router:pilot-mean',
      'router:pilot-max',
      'router:dataset',
      'router:classification-head',
      'router:expert-classifiers',
    ])
    for (const router of routers.values()) {
      expect(router.experts).toEqual(['medical', 'shell'])
      expect(winner(router, 'cough and fever')).toBe('medical')
    }
  })

  it('learns the same without holding up the thread, and stops when told', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    const routers = await learnBaselineRouters(manyLessons)
    clearInterval(timer)

    expect(turns).toBeGreaterThan(3)
    const query = { text: '', vector: manyLessons[1]!.vector }
    for (const [name, router] of baselineRouters(manyLessons)) expect(routers.get(name)!.route(query)).toEqual(router.route(query))
    await expect(learnBaselineRouters(manyLessons, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
  })
})
