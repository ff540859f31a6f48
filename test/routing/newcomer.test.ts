import { describe, expect, it } from 'vitest'
import { newcomerLift } from '../../src/routing/newcomer.ts'
import { routerOf, textRouter, type TextRouter } from '../../src/routing/text-router.ts'
import { ask, evidence, legal, medical, shell } from '../conformance/router.ts'

/** Many queries in words that the newcomer's domain shares. */
const office = evidence(
  'office',
  [
    'lease of the office file',
    'tenant file',
    'find the lease file',
    'file a clause',
    'process the tenant',
    'court process',
    'lease process',
    'clause process file',
  ].flatMap((query) => [query, `please ${query}`, `how do I ${query}`, `${query} today`]),
)
/** A few queries, each with a word of its own. */
const court = evidence('court', [
  'tenant eviction',
  'lease dispute',
  'breach of a clause',
  'process served by a bailiff',
  'file an appeal',
  'tenant sued',
  'lease verdict',
  'clause void',
  'court hearing',
])
const before = textRouter([medical, shell, office])

const share = (router: TextRouter, text: string, expert: string): number =>
  router.route(ask(text)).scores.find((score) => score.expert === expert)!.score

/** The same router with the newcomer as it was trained, not lifted. */
function unlifted(router: TextRouter, name: string, lift: number): TextRouter {
  const experts = router.state.experts.map((expert) =>
    expert.name === name ? { ...expert, model: { ...expert.model!, bias: expert.model!.bias - lift } } : expert,
  )
  return routerOf({ ...router.state, experts })
}

describe('a newcomer among experts that have seen more', () => {
  it('is lifted when older experts claim its queries', () => {
    const trained = textRouter([medical, shell, office, court])
    const lift = newcomerLift('court', court.pilots, trained.state)
    const router = before.with(court) as TextRouter

    expect(lift).toBeGreaterThan(0.5)
    for (const text of ['verdict on the tenant file', 'appeal on the lease']) {
      expect(share(router, text, 'court')).toBeGreaterThan(share(unlifted(router, 'court', lift), text, 'court'))
    }
  })

  it('takes no queries from the others', () => {
    const router = before.with(court)

    for (const [text, expert] of [
      ['fever dose for a child', 'medical'],
      ['grep a file', 'shell'],
      ['please find the lease file', 'office'],
    ] as const) {
      expect(router.route(ask(text)).scores[0]!.expert).toBe(expert)
    }
  })

  it('is not lifted where it wins anyway, without rivals, or by two queries', () => {
    const among = textRouter([medical, shell]).with(legal) as TextRouter

    expect(newcomerLift('legal', legal.pilots, among.state)).toBe(0)
    expect(newcomerLift('legal', legal.pilots, textRouter([legal]).state)).toBe(0)
    expect(newcomerLift('court', court.pilots.slice(0, 2), textRouter([office, court]).state)).toBe(0)
  })
})
