import type { Router } from '../router.ts'
import { atOnce, inTurns, type Turns } from '../turns.ts'
import { learningHead, type ClassificationHeadOptions } from './classification-head.ts'
import { datasetRouter, type DatasetRouterOptions } from './dataset-router.ts'
import { learningClassifiers, type ExpertClassifiersOptions } from './expert-classifiers.ts'
import { expertsOf, type RoutedQuery } from './lessons.ts'
import { pilotLibraryRouter, type PilotLibraryOptions } from './pilot-library.ts'

export interface BaselineOptions {
  /** Experts to choose from. @default those that the queries name, the general one aside */
  readonly experts?: readonly string[]
  readonly pilots?: Omit<PilotLibraryOptions, 'experts' | 'aggregation'>
  readonly dataset?: Omit<DatasetRouterOptions, 'experts'>
  readonly head?: Omit<ClassificationHeadOptions, 'experts'>
  readonly classifiers?: Omit<ExpertClassifiersOptions, 'experts'>
}

/**
 * The routers that RouterRetriever is compared with, and its own, all learned from the same train queries: by the name they have in
 * results. Each asks one expert, always: none falls back on a question it can read, fuses or asks BM25. Training takes seconds.
 */
export function baselineRouters(queries: readonly RoutedQuery[], options: BaselineOptions = {}): Map<string, Router> {
  return atOnce(learning(queries, options))
}

/** The same without holding up this thread. */
export function learnBaselineRouters(
  queries: readonly RoutedQuery[],
  options: BaselineOptions & { readonly signal?: AbortSignal } = {},
): Promise<Map<string, Router>> {
  return inTurns(learning(queries, options), options.signal)
}

function* learning(queries: readonly RoutedQuery[], options: BaselineOptions): Turns<Map<string, Router>> {
  const { experts = expertsOf(queries) } = options
  return new Map<string, Router>([
    ['router:pilot-mean', pilotLibraryRouter(queries, { ...options.pilots, experts, aggregation: 'mean' })],
    ['router:pilot-max', pilotLibraryRouter(queries, { ...options.pilots, experts, aggregation: 'max' })],
    ['router:dataset', datasetRouter(queries, { ...options.dataset, experts })],
    ['router:classification-head', yield* learningHead(queries, { ...options.head, experts })],
    ['router:expert-classifiers', yield* learningClassifiers(queries, { ...options.classifiers, experts })],
  ])
}
