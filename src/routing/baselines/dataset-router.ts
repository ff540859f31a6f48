import { pilotRouter } from '../pilot-router.ts'
import type { ExpertEvidence, Router } from '../router.ts'
import { draw } from './draw.ts'
import { expertsOf, type RoutedQuery } from './lessons.ts'

export interface DatasetRouterOptions {
  readonly experts?: readonly string[]
  /** Train queries kept of each data set. @default 100 */
  readonly count?: number
  /** Which are drawn. @default 1 */
  readonly seed?: number
}

/**
 * Finds the train query nearest to the query, and asks the expert that its data set belongs to (the paper's DatasetRouter). Another
 * expert costs nothing but its queries: as many are kept as of a data set.
 */
export function datasetRouter(queries: readonly RoutedQuery[], options: DatasetRouterOptions = {}): Router {
  const { experts = expertsOf(queries), count = 100, seed = 1 } = options
  const evidence = experts.map((expert): ExpertEvidence => {
    const own = queries.filter(({ domain }) => domain === expert)
    const sets = [...new Set(own.map(({ set }) => set))]
    return {
      expert,
      pilots: sets.flatMap((set) =>
        drawn(
          own.filter((query) => query.set === set),
          count,
          seed,
        ),
      ),
    }
  })
  return drawing(pilotRouter(evidence, { aggregation: 'max' }), count, seed)
}

function drawing(router: Router, count: number, seed: number): Router {
  return {
    ...router,
    with: (evidence) => {
      const texts = evidence.pilots.map((pilot) => ({ ...pilot, text: pilot.text ?? '' }))
      return drawing(router.with({ ...evidence, pilots: drawn(texts, count, seed) }), count, seed)
    },
    without: (expert) => drawing(router.without(expert), count, seed),
  }
}

function drawn(queries: readonly Pick<RoutedQuery, 'text' | 'vector'>[], count: number, seed: number) {
  return draw(queries, count, seed).map(({ vector }) => ({ vector }))
}
