import type { Study } from '../eval/results.ts'
import { pilotLibraryRouter, type PilotLibraryOptions } from '../routing/baselines/pilot-library.ts'
import { under } from './asked-set.ts'
import { studyMetric, type StudyField } from './study-field.ts'
import { studyPoint } from './study-point.ts'

/** What can be done for the hygiene of a pilot library. */
const libraries: Readonly<Record<string, PilotLibraryOptions>> = {
  'as in the paper': {},
  'ties to the domain': { ties: 'domain' },
  'ties dropped': { ties: 'drop' },
  'groups of 5 and more': { smallestGroup: 5 },
  'groups of 20 and more': { smallestGroup: 20 },
  'weighed by group': { weights: true },
  'mean-centred': { meanCentre: true },
  'all of these': { ties: 'drop', smallestGroup: 5, weights: true, meanCentre: true },
  'grouped by domain': { label: 'domain' },
}

/** The mean over an expert's pilots (the paper's text) against the nearest of them (its released code), and what hygiene does for both. */
export async function pilotAggregation(field: StudyField): Promise<Study> {
  const { experts, lessons, merged, seed } = field
  const variants = Object.entries(libraries).flatMap(([name, options]) =>
    (['mean', 'max'] as const).map((aggregation) => ({
      name: `${aggregation}, ${name}`,
      router: pilotLibraryRouter(lessons, { ...options, experts, aggregation }),
    })),
  )
  const asked = await field.ask(variants)
  const points = Object.keys(libraries).map((name) =>
    studyPoint(name, asked, { 'router:pilot-mean': under(`mean, ${name}`), 'router:pilot-max': under(`max, ${name}`) }),
  )
  return { name: 'aggregation', varied: 'pilot library', metric: studyMetric, merged, seed, points }
}
