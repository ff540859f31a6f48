import type { LoadedPack } from '../load-pack.ts'
import { isTextRouter, newcomerFigures, withNewcomer, type NewcomerFigures } from '../routing/newcomer-figures.ts'
import type { Pilot, Router } from '../routing/router.ts'
import { defaultDecision, routerOf, type TextRouter } from '../routing/text-router.ts'
import type { TrainingQuery } from '../train/expert/pairs.ts'
import { random, shuffled } from '../train/random.ts'
import type { Division } from './division.ts'
import type { JudgedQuery } from './search.ts'

/** Queries that teach the router, and those it keeps as counter-examples for experts to come. */
const mostLessons = 1000
const mostExamples = 300
/** Sentences of the documents. */
const mostPassages = 3000

/** Teaches a pack's router when to ask its new expert, and measures what becomes of routing. */
export async function teachRouter(
  { base, router }: Pick<LoadedPack, 'base' | 'router'>,
  judged: readonly JudgedQuery[],
  { sets, judges }: Division,
  { name, lexicalWeight, seed, signal }: { name: string; lexicalWeight: number; seed: number; signal: AbortSignal | undefined },
): Promise<{ router: Router; routing: NewcomerFigures }> {
  const own = shuffled(judged, random(seed, 0x1e55)).map(({ text, vector }): LessonPilot => ({ text, vector }))
  const further = await lessons(judges === 'folds' ? sets.slice(1) : sets, mostLessons - (judges === 'folds' ? own.length : 0))
  const pilots = [...own, ...further]
  // In folds nothing is held out for good, but a router that lacks a fifth of the questions is soon made.
  const lacking = judges === 'folds' ? own.slice(0, Math.ceil(own.length / 5)) : own
  const passages = shuffled(sets[0].documents, random(seed, 0x1e57)).flatMap(sentences).slice(0, mostPassages)
  const evidence = { expert: name, pilots, passages, lexicalWeight }
  const routing = await newcomerFigures(router, evidence, pilots.slice(lacking.length), lacking, signal)
  return { router: trimmed(await withNewcomer(router, evidence, signal), name), routing }

  /** Questions beside those that judge, the user's own first. */
  async function lessons(from: readonly Division['sets'][number][], most: number): Promise<LessonPilot[]> {
    const chosen: TrainingQuery[] = []
    for (const { queries } of from) chosen.push(...shuffled(queries, random(seed, 0x1e56)).slice(0, Math.max(0, most - chosen.length)))
    const vectors = await base.encode(
      chosen.map(({ text }) => text),
      signal && { signal },
    )
    return chosen.map(({ text }, i) => ({ text, vector: vectors[i]! }))
  }
}

/** What can be taken for something said: lines of code and tables teach a router little. */
function sentences(text: string): string[] {
  const parts = text.split(/(?<=[.?!])\s+|\n+/).map((part) => part.trim())
  return parts.filter(({ length }) => length > 25 && length < 300)
}

type LessonPilot = Pilot & { readonly text: string }

/** Keeps as many of the newcomer's examples as of other experts. */
function trimmed(router: Router, name: string): Router {
  if (!isTextRouter(router)) return router
  const { state } = router
  const experts = state.experts.map((expert) =>
    expert.name === name ? { ...expert, examples: expert.examples.slice(0, mostExamples) } : expert,
  )
  return routerOf({ ...state, experts })
}

/**
 * Where BM25's share lies when held-out questions leave it open: at the router's share for domains it does not know, which of
 * 0.3 to 0.85 did best on further train questions of six sets, with 60 pairs, 200 and 1000.
 */
export function expectedShare(router: Router): number {
  const decision = 'state' in router ? (router as TextRouter).state.decision : defaultDecision
  return decision.fallback.lexicalWeight
}
