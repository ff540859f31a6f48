import type { Study } from '../eval/results.ts'
import { generalName } from '../load-pack.ts'
import { pilotLibraryRouter } from '../routing/baselines/pilot-library.ts'
import { by, byBest, byOwner, under } from './asked-set.ts'
import { arriving, lessonsOf, routerOf } from './arrivals.ts'
import { studyMetric, type StudyField } from './study-field.ts'
import { studyPoint } from './study-point.ts'

/** Experts arrive one by one, in an order that the seed fixes: what routers make of those there are, and what oracles would. */
export async function numberOfExperts(field: StudyField): Promise<Study> {
  const { merged, seed } = field
  const stages = arriving(field)
  const variants = stages.flatMap(({ present }, i) => {
    const lessons = lessonsOf(field, present)
    const pilots = (aggregation: 'mean' | 'max') => pilotLibraryRouter(lessons, { experts: present, aggregation })
    return [
      { name: `routed ${i}`, router: routerOf(field, present) },
      { name: `mean ${i}`, router: pilots('mean') },
      { name: `max ${i}`, router: pilots('max') },
    ]
  })
  const asked = await field.ask(variants)
  const points = stages.map(({ newcomer, present }, i) =>
    studyPoint(
      i + 1,
      asked,
      {
        general: by(generalName),
        routed: under(`routed ${i}`),
        'router:pilot-mean': under(`mean ${i}`),
        'router:pilot-max': under(`max ${i}`),
        'oracle:set': byOwner(present, generalName),
        'oracle:query': byBest([generalName, ...present]),
      },
      `+ ${newcomer}`,
    ),
  )
  return { name: 'experts', varied: 'experts', metric: studyMetric, merged, seed, points }
}
