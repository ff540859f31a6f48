import { randomisationTest } from '../eval/significance.ts'
import type { Judged, TaskDifference } from './task-figures.ts'

/** What one measure says of each sample under each system. */
export interface Measured {
  /** Why each sample is left out; `undefined` for those that are judged. */
  readonly reasons: readonly (string | undefined)[]
  /** By system, one value a sample; of those left out it is not looked at. A system is missing where it has no value for a judged one. */
  readonly columns: ReadonlyMap<string, readonly number[]>
}

export function judgedOf({ reasons }: Pick<Measured, 'reasons'>): Judged {
  const left: Record<string, number> = {}
  for (const reason of reasons) if (reason !== undefined) left[reason] = (left[reason] ?? 0) + 1
  return { samples: reasons.filter((reason) => reason === undefined).length, left }
}

/** Values of the judged samples. */
export function judgedValues({ reasons }: Measured, column: readonly number[]): Float64Array {
  return Float64Array.from(column.filter((_, i) => reasons[i] === undefined))
}

/** Mean over the judged samples; `undefined` without any. */
export function meanOf(values: Float64Array): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length
}

export function difference(first: Float64Array, second: Float64Array, seed: number): TaskDifference {
  const test = randomisationTest([{ first, second }], { seed })
  return { difference: meanOf(first.map((value, i) => value - second[i]!)) ?? 0, p: test.mean }
}
