import type { PilotExpert, PilotRouter } from './pilot-router.ts'
import { pilotRouterOf, paperDecision } from './pilot-router.ts'
import type { Router } from './router.ts'
import type { TextRouter } from './text-router.ts'

/**
 * The routers of the RouterRetriever paper over the pilots that a router of ours has: by the mean of the cosines (the paper's
 * text) and by the largest (its released code). `undefined` for a router without pilots, or one that is not ours.
 */
export function paperRouters(router: Router): { readonly mean: PilotRouter; readonly max: PilotRouter } | undefined {
  if (!('state' in router)) return undefined
  const experts = (router as TextRouter | PilotRouter).state.experts.map(({ name, lexicalWeight, pilots }): PilotExpert => ({
    name,
    lexicalWeight,
    pilots,
  }))
  if (!experts.some(({ pilots }) => pilots.weights.length > 0)) return undefined
  const routerBy = (aggregation: 'mean' | 'max'): PilotRouter =>
    pilotRouterOf({ experts, aggregation, weights: true, centre: undefined, decision: paperDecision })
  return { mean: routerBy('mean'), max: routerBy('max') }
}
