import type { ExpertEvidence, Router } from '../../../src/routing/router.ts'

/** A router that is told of its experts one after the other, for the promises that all routers make. */
export const learned =
  (empty: () => Router) =>
  (evidence: readonly ExpertEvidence[]): Router => {
    const names = evidence.map(({ expert }) => expert)
    const twice = names.find((name, i) => names.indexOf(name) < i)
    if (twice !== undefined) throw new Error(`has the expert "${twice}" twice`)
    return evidence.reduce((router, one) => router.with(one), empty())
  }
