import type { Study } from '../eval/results.ts'
import { generalName } from '../load-pack.ts'
import { pilotLibraryRouter } from '../routing/baselines/pilot-library.ts'
import { by, byOwner, under } from './asked-set.ts'
import { studyMetric, type StudyField } from './study-field.ts'
import { studyPoint } from './study-point.ts'

/** How many pilots stand for a group of train queries: the k of k-means, which the paper sets to 1. */
export async function pilotsPerGroup(field: StudyField, counts: readonly number[] = [1, 2, 4, 8, 16, 32, 64]): Promise<Study> {
  const { experts, lessons, merged, seed } = field
  const variants = counts.flatMap((pilots) =>
    (['mean', 'max'] as const).map((aggregation) => ({
      name: `${aggregation} ${pilots}`,
      router: pilotLibraryRouter(lessons, { experts, aggregation, pilots }),
    })),
  )
  const asked = await field.ask(variants)
  const points = counts.map((pilots) =>
    studyPoint(pilots, asked, {
      general: by(generalName),
      'router:pilot-mean': under(`mean ${pilots}`),
      'router:pilot-max': under(`max ${pilots}`),
      'oracle:set': byOwner(experts, generalName),
    }),
  )
  return { name: 'pilots', varied: 'pilots per group', metric: studyMetric, merged, seed, points }
}
