import { pilotRouter } from '../pilot-router.ts'
import { clusterPilots, packPilots } from '../pilots.ts'
import type { ExpertEvidence, Pilot, Router } from '../router.ts'
import { expertsOf, labelOf, labelled, type LabelOptions, type RoutedQuery } from './lessons.ts'

export interface PilotLibraryOptions extends LabelOptions {
  /** Names in the order that ties go by. @default as the queries name them */
  readonly experts?: readonly string[]
  /** How an expert's pilots speak for it: the mean of their cosines (the paper) or the largest (its released code). @default 'mean' */
  readonly aggregation?: 'mean' | 'max'
  /** Pilots of a group: k of k-means. @default 1, their mean */
  readonly pilots?: number
  /** Groups of fewer queries give no pilot: a handful of strays must not speak for an expert. @default 1 */
  readonly smallestGroup?: number
  /** Let a pilot count by the queries it stands for (mean aggregation only). @default false */
  readonly weights?: boolean
  /** Compare what is left of vectors without what all have in common. @default false */
  readonly meanCentre?: boolean
}

/**
 * RouterRetriever's router (arXiv 2409.02685, section 3.2): the queries of each set are grouped by the expert that answers them best,
 * a group's pilot is the mean of its base vectors, and a query goes to the expert whose pilots are nearest. The defaults are the
 * paper's. Another expert costs a mean over its queries; nothing that is known of the others changes.
 */
export function pilotLibraryRouter(queries: readonly RoutedQuery[], options: PilotLibraryOptions = {}): Router {
  const { aggregation = 'mean', weights = false, meanCentre = false, pilots = 1 } = options
  return grouping(pilotRouter(pilotLibrary(queries, options), { aggregation, weights, meanCentre }), pilots)
}

/** The pilot embeddings of each expert, one expert after another. */
export function pilotLibrary(queries: readonly RoutedQuery[], options: PilotLibraryOptions = {}): ExpertEvidence[] {
  const { experts = expertsOf(queries), pilots = 1, smallestGroup = 1 } = options
  const groups = new Map(experts.map((expert) => [expert, new Map<string, Pilot[]>()]))
  for (const query of labelled(queries, options)) {
    const bySet = groups.get(labelOf(query, experts, options) ?? '')
    if (!bySet) continue
    const group = bySet.get(query.set) ?? []
    bySet.set(query.set, group)
    group.push({ vector: query.vector })
  }
  return [...groups].map(([expert, bySet]) => ({
    expert,
    pilots: [...bySet.values()].filter((group) => group.length >= smallestGroup).flatMap((group) => centroids(expert, group, pilots)),
  }))
}

/** What comes to a library later is one group of its own. */
function grouping(router: Router, pilots: number): Router {
  return {
    ...router,
    with: (evidence) => grouping(router.with({ ...evidence, pilots: centroids(evidence.expert, evidence.pilots, pilots) }), pilots),
    without: (expert) => grouping(router.without(expert), pilots),
  }
}

function centroids(expert: string, group: readonly Pilot[], count: number): Pilot[] {
  const { dimensions, values, weights } = clusterPilots(packPilots(expert, group), count)
  return Array.from(weights, (weight, i) => ({ vector: values.slice(i * dimensions, (i + 1) * dimensions), weight }))
}
