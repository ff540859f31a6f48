import type { StudyPoint } from '../eval/results.ts'
import type { AskedSet } from './asked-set.ts'

/** Scores of a set's queries under a system; `undefined` where the system does not answer that set. */
export type Scored = (asked: AskedSet) => readonly number[] | undefined

/** Means of every set and over sets, each set weighing the same; of sets that a system answers. */
export function studyPoint(
  at: number | string,
  asked: readonly AskedSet[],
  systems: Readonly<Record<string, Scored>>,
  note?: string,
): StudyPoint {
  const sets: Record<string, Record<string, number>> = {}
  for (const one of asked) {
    const scores = Object.entries(systems).flatMap(([name, scored]) => {
      const values = scored(one)
      return values === undefined ? [] : [[name, mean(values)] as const]
    })
    if (scores.length > 0) sets[one.set] = Object.fromEntries(scores)
  }
  const means = Object.keys(systems).flatMap((name) => {
    const values = Object.values(sets).flatMap((scores) => scores[name] ?? [])
    return values.length === 0 ? [] : [[name, mean(values)] as const]
  })
  return { at, ...(note !== undefined && { note }), mean: Object.fromEntries(means), sets }
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}

/** "3.1 %" */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
