import type { RoutedQuery } from '../routing/baselines/lessons.ts'
import type { Router } from '../routing/router.ts'
import { random, shuffled } from '../train/random.ts'
import type { StudyField } from './study-field.ts'

/** Experts in the order in which they arrive, which the seed fixes, with those that are there by then (in the pack's order). */
export function arriving({ experts, seed }: StudyField): { readonly newcomer: string; readonly present: readonly string[] }[] {
  const order = shuffled(experts, random(seed, 0xa11))
  return order.map((newcomer, i) => {
    const arrived = order.slice(0, i + 1)
    return { newcomer, present: experts.filter((name) => arrived.includes(name)) }
  })
}

/** The pack's router, which has lost every expert that is not there. */
export function routerOf({ pack, experts }: StudyField, present: readonly string[]): Router {
  return experts.filter((name) => !present.includes(name)).reduce((router, name) => router.without(name), pack.router)
}

/** What there is to learn where only these experts and their sets are known. */
export function lessonsOf({ lessons }: StudyField, present: readonly string[]): RoutedQuery[] {
  return lessons.filter(({ domain }) => present.includes(domain))
}
