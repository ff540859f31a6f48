import type { ResultsDirectory } from './eval/results-directory.ts'
import { queryMap } from './eval/query-map.ts'
import type { PilotPlace, QueryRecord } from './eval/results.ts'
import type { SetResult } from './eval/set-result.ts'
import type { LoadedPack } from './load-pack.ts'
import { pilotLibrary } from './routing/baselines/pilot-library.ts'
import type { RoutedQuery } from './routing/baselines/lessons.ts'
import type { PilotVectors } from './routing/pilots.ts'
import type { Router } from './routing/router.ts'
import type { Vector } from './vector.ts'

/** Queries on the map, at most: more are a blot, and take minutes. */
export const mostPlaces = 1500

export interface PackResults {
  readonly comparison: object
  readonly results: readonly SetResult[]
  /** What the pilot library was made from. */
  readonly lessons: readonly RoutedQuery[]
  readonly metric: string
  readonly documents: Parameters<ResultsDirectory['write']>[0]['documents']
  /** Called with how much of the map is done, in [0, 1]. */
  readonly onShare?: (share: number) => void
}

/** Puts a comparison, every query's record and a map of queries and pilots into a results directory. */
export async function writePackResults(
  pack: LoadedPack,
  directory: ResultsDirectory,
  { comparison, results, lessons, metric, documents, onShare }: PackResults,
  signal: AbortSignal | undefined,
): Promise<void> {
  const shown = results.flatMap(({ set, records = [] }) =>
    spread(records, Math.ceil(mostPlaces / results.length)).map(({ id, text }) => ({ key: `${set}/${id}`, text })),
  )
  const pilots = [...defaultPilots(pack.router), ...libraryPilots(lessons)]
  const queries = await pack.base.encode(
    shown.map(({ text }) => text),
    signal && { signal },
  )
  const places = await queryMap([...queries, ...pilots.map(({ vector }) => vector)], {
    ...(onShare && { onShare }),
    ...(signal && { signal }),
  })
  const placeOf = new Map(shown.map(({ key }, i) => [key, places[i]]))

  await directory.write({
    comparison,
    queries: recordsOf(results, metric, placeOf),
    documents,
    pilots: pilots.flatMap(({ expert, weight, router }, i): PilotPlace[] => {
      const place = places[shown.length + i]
      return place ? [{ expert, place, weight, router }] : []
    }),
  })
}

function* recordsOf(
  results: readonly SetResult[],
  metric: string,
  placeOf: ReadonlyMap<string, readonly [number, number] | undefined>,
): Generator<QueryRecord> {
  for (const { set, records = [], scores } of results) {
    const systems = Object.keys(scores)
    for (const [i, record] of records.entries()) {
      const place = placeOf.get(`${set}/${record.id}`)
      const own = systems.map((system) => [system, Math.round(scores[system]![metric]![i]! * 1e6) / 1e6])
      yield { set, ...record, scores: Object.fromEntries(own), ...(place && { place }) }
    }
  }
}

interface MapPilot extends Omit<PilotPlace, 'place'> {
  readonly vector: Vector
}

/** What the pack's router compares queries with; nothing of a router that is not ours. */
function defaultPilots(router: Router): MapPilot[] {
  if (!('state' in router)) return []
  const { experts } = router.state as { readonly experts: readonly { readonly name: string; readonly pilots: PilotVectors }[] }
  return experts.flatMap(({ name, pilots: { values, weights, dimensions } }) =>
    Array.from(weights, (weight, i) => ({
      expert: name,
      weight,
      router: 'router:default',
      vector: values.slice(i * dimensions, (i + 1) * dimensions),
    })),
  )
}

function libraryPilots(lessons: readonly RoutedQuery[]): MapPilot[] {
  return pilotLibrary(lessons).flatMap(({ expert, pilots }) =>
    pilots.map(({ vector, weight = 1 }) => ({ expert, weight, router: 'router:pilot-mean', vector })),
  )
}

/** At most so many, over the whole length. */
function spread<T>(items: readonly T[], most: number): T[] {
  const count = Math.min(items.length, most)
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!)
}
