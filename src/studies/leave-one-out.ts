import { InvalidArgumentError } from '../errors.ts'
import type { Study } from '../eval/results.ts'
import { generalName } from '../load-pack.ts'
import { pilotLibraryRouter } from '../routing/baselines/pilot-library.ts'
import { lessonsOf, routerOf } from './arrivals.ts'
import { by, byBest, under } from './asked-set.ts'
import { studyMetric, type StudyField } from './study-field.ts'
import { percent, studyPoint } from './study-point.ts'

/** Each expert is taken away in turn, with all that routers learned of it: what becomes of the sets that were its own. */
export async function leaveOneOut(field: StudyField, wanted?: readonly string[]): Promise<Study> {
  const { experts, merged, seed } = field
  const owned = experts.flatMap((expert) => {
    const sets = field.sets.filter((set) => field.owner(set) === expert)
    return sets.length > 0 && (wanted?.includes(expert) ?? true) ? [{ expert, sets }] : []
  })
  if (owned.length === 0)
    throw new InvalidArgumentError('sets', 'belong to none of the experts that would be left out', `Experts: ${experts.join(', ')}.`)

  const variants = owned.flatMap(({ expert, sets }) => {
    const left = experts.filter((name) => name !== expert)
    const lessons = lessonsOf(field, left)
    return [
      { name: `with ${expert}`, router: routerOf(field, experts), sets },
      { name: `routed without ${expert}`, router: routerOf(field, left), sets },
      { name: `mean without ${expert}`, router: pilotLibraryRouter(lessons, { experts: left, aggregation: 'mean' }), sets },
      { name: `max without ${expert}`, router: pilotLibraryRouter(lessons, { experts: left, aggregation: 'max' }), sets },
    ]
  })
  const asked = await field.ask(variants)
  const points = owned.map(({ expert, sets }) => {
    const own = asked.filter(({ set }) => sets.includes(set))
    const chosen = own.flatMap(({ variants: answers }) => answers.get(`routed without ${expert}`)!.chosen)
    const fallen = chosen.filter((name) => name === generalName).length
    return studyPoint(
      expert,
      own,
      {
        'with its expert': under(`with ${expert}`),
        general: by(generalName),
        routed: under(`routed without ${expert}`),
        'router:pilot-mean': under(`mean without ${expert}`),
        'router:pilot-max': under(`max without ${expert}`),
        'oracle:query': byBest([generalName, ...experts.filter((name) => name !== expert)]),
      },
      `${percent(fallen / Math.max(1, chosen.length))} of ${chosen.length} queries fall back`,
    )
  })
  return { name: 'leave-one-out', varied: 'expert left out', metric: studyMetric, merged, seed, points }
}
