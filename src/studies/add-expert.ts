import type { Study } from '../eval/results.ts'
import { withNewcomer } from '../routing/newcomer-figures.ts'
import type { Router } from '../routing/router.ts'
import { arriving, lessonsOf, routerOf } from './arrivals.ts'
import { under, type AskedSet } from './asked-set.ts'
import { studyMetric, type StudyField } from './study-field.ts'
import { mean, percent, studyPoint } from './study-point.ts'

/**
 * Experts join one at a time, told of by example queries alone; nothing else is trained and no document touched. For each the
 * scores before and after: of its own sets, and of those of the experts that were there.
 */
export async function addExpert(field: StudyField, signal?: AbortSignal): Promise<Study> {
  const { merged, seed } = field
  const stages = arriving(field).filter(({ newcomer }) => lessonsOf(field, [newcomer]).length > 0)
  let router = routerOf(field, [])
  const routers: Router[] = [router]
  for (const { newcomer } of stages) {
    const pilots = lessonsOf(field, [newcomer]).map(({ vector, text }) => ({ vector, text }))
    router = await withNewcomer(router, { expert: newcomer, pilots }, signal)
    routers.push(router)
  }
  const asked = await field.ask(routers.map((each, i) => ({ name: `routed ${i}`, router: each })))

  const points = stages.map(({ newcomer }, i) => {
    const arrived = stages.slice(0, i).map((stage) => stage.newcomer)
    const own = ({ owner }: AskedSet): boolean => owner === newcomer
    const earlier = ({ owner }: AskedSet): boolean => owner !== undefined && arrived.includes(owner)
    const of = (which: (one: AskedSet) => boolean, stage: number) => (one: AskedSet) =>
      which(one) ? under(`routed ${stage}`)(one) : undefined
    return studyPoint(
      newcomer,
      asked,
      {
        'own sets before': of(own, i),
        'own sets after': of(own, i + 1),
        'earlier sets before': of(earlier, i),
        'earlier sets after': of(earlier, i + 1),
      },
      changes(asked.filter(earlier), i),
    )
  })
  return { name: 'add-expert', varied: 'expert that joins', metric: studyMetric, merged, seed, points }
}

/** How many of the earlier experts' queries go elsewhere, and what that does to them. */
function changes(asked: readonly AskedSet[], stage: number): string {
  const moved = asked.flatMap(({ variants }) => {
    const [before, after] = [variants.get(`routed ${stage}`)!, variants.get(`routed ${stage + 1}`)!]
    return before.chosen.map((name, query) => ({
      moved: name !== after.chosen[query],
      gain: after.scores[query]! - before.scores[query]!,
    }))
  })
  if (moved.length === 0) return 'the first'
  const gain = 100 * mean(moved.map((one) => one.gain))
  return `${percent(moved.filter((one) => one.moved).length / moved.length)} of ${moved.length} earlier queries go elsewhere, ${gain >= 0 ? '+' : '−'}${Math.abs(gain).toFixed(2)} on all of them`
}
