import { sparseDot } from './logistic.ts'
import type { ExpertEvidence, Pilot, Router, SparseFeatures } from './router.ts'
import { weighFeatures } from './text-evidence.ts'
import { adding, type TextRouter, type TextRouterState } from './text-router.ts'
import { inTurns } from './turns.ts'

/** What a router does with an expert's queries it has not seen, and with those of the experts that were there before. */
export interface NewcomerFigures {
  /** Of the newcomer's queries: the share it is asked, alone or beside another, and the share it leads. In [0, 1]. */
  readonly own: { readonly queries: number; readonly asked: number; readonly leads: number }
  /**
   * Of the stored examples of the other experts, by their words alone: the share that is led by the expert they came from,
   * before and after, and the share the newcomer takes. `undefined` for routers that store none.
   */
  readonly others: { readonly examples: number; readonly before: number; readonly after: number; readonly taken: number } | undefined
}

/**
 * Measures honestly what adding an expert does: its own queries by a router that knows only `seen`, the others' examples
 * by one whose newcomer was not trained against them.
 */
export async function newcomerFigures(
  router: Router,
  evidence: ExpertEvidence,
  seen: readonly Pilot[],
  unseen: readonly (Pilot & { text: string })[],
  signal?: AbortSignal,
): Promise<NewcomerFigures> {
  const { expert } = evidence
  const informed = await withNewcomer(router, { ...evidence, pilots: seen }, signal)
  const routes = unseen.map(({ text, vector }) => informed.route({ text, vector }))
  const share = (count: number, of: number): number => (of === 0 ? 0 : count / of)
  const asked = routes.filter((route) => route.experts.some(({ name }) => name === expert)).length
  const leads = routes.filter((route) => route.experts[0]?.name === expert).length
  const own = { queries: unseen.length, asked: share(asked, unseen.length), leads: share(leads, unseen.length) }
  if (!isTextRouter(router)) return { own, others: undefined }

  const old = router.without(expert) as TextRouter
  const counts = { examples: 0, before: 0, after: 0, taken: 0 }
  for (const half of [0, 1]) {
    const experts = old.state.experts.map((one) => ({ ...one, examples: one.examples.filter((_, i) => i % 2 !== half) }))
    const { state: trained } = await inTurns(adding({ ...evidence, pilots: [...seen, ...unseen] }, { ...old.state, experts }), signal)
    for (const { name, examples } of old.state.experts) {
      for (const example of examples.filter((_, i) => i % 2 === half)) {
        const [was, is] = [leader(old.state, example), leader(trained, example)]
        counts.examples++
        if (was === name) counts.before++
        if (is === name) counts.after++
        if (is === expert) counts.taken++
      }
    }
  }
  const { examples, before, after, taken } = counts
  const others = { examples, before: share(before, examples), after: share(after, examples), taken: share(taken, examples) }
  return { own, others: examples === 0 ? undefined : others }
}

/** The router with the newcomer, made without holding up this thread. */
export async function withNewcomer(router: Router, evidence: ExpertEvidence, signal?: AbortSignal): Promise<Router> {
  return isTextRouter(router) ? inTurns(adding(evidence, router.state), signal) : router.with(evidence)
}

/** Routers of ours that keep examples and classifiers. */
export function isTextRouter(router: Router): router is TextRouter {
  return 'state' in router && 'rarity' in (router as TextRouter).state
}

function leader({ experts, rarity }: TextRouterState, example: SparseFeatures): string | undefined {
  const features = weighFeatures(example, rarity)
  let best: { name: string; words: number } | undefined
  for (const { name, model } of experts) {
    if (!model) continue
    const words = model.bias + sparseDot(features, model.weights)
    if (!best || words > best.words) best = { name, words }
  }
  return best?.name
}
