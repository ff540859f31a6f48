import { seededWords } from './random-words.ts'

/** Lower and upper end of a 95 % interval. */
export type Interval = readonly [low: number, high: number]

export interface BootstrapOptions {
  /** @default 1000 */
  readonly resamples?: number
  /** @default 1 */
  readonly seed?: number
}

/**
 * Means of resamples of one set's queries, drawn with replacement: a row a system, a column a resample. All systems see the same
 * resamples, so that rows may be subtracted.
 * @param scores A list for each system, of the same queries in the same order.
 */
export function resampledMeans(scores: readonly Float64Array[], { resamples = 1000, seed = 1 }: BootstrapOptions = {}): Float64Array[] {
  const queries = scores[0]?.length ?? 0
  const means = scores.map(() => new Float64Array(resamples))
  if (queries === 0) return means
  const next = seededWords(seed)
  const times = new Float64Array(queries)
  for (let sample = 0; sample < resamples; sample++) {
    times.fill(0)
    for (let i = 0; i < queries; i++) times[Math.floor((next() / 4_294_967_296) * queries)]! += 1
    scores.forEach((own, system) => {
      let sum = 0
      for (let i = 0; i < queries; i++) sum += times[i]! * own[i]!
      means[system]![sample] = sum / queries
    })
  }
  return means
}

/** The middle 95 % of values (percentiles). */
export function interval(values: Float64Array): Interval {
  const sorted = values.slice().sort()
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(share * (sorted.length - 1))))] ?? 0
  return [at(0.025), at(0.975)]
}
