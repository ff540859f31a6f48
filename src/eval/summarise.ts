import { setImmediate as nextTurn } from 'node:timers/promises'
import { interval, resampledMeans, type Interval } from './bootstrap.ts'
import { meanOverSets, type Difference, type Spread, type SystemScores } from './comparison.ts'
import { meanCost } from './costs.ts'
import type { Metric, Scores } from './evaluate.ts'
import type { RoutingAccuracy, SetResult } from './set-result.ts'
import { randomisationTest } from './significance.ts'

/** How differences were tested. */
export interface Statistics {
  /** Assignments of signs in the randomisation test. */
  readonly permutations: number
  /** Resamples behind intervals. */
  readonly resamples: number
  readonly seed: number
}

export const statistics: Statistics = { permutations: 10_000, resamples: 1000, seed: 1 }

export interface SummariseOptions {
  readonly metrics: readonly Metric[]
  /** Names of systems that a system is compared with, where both were asked. */
  readonly rivals: (system: string) => readonly string[]
  /** Called with how much is done, in [0, 1]. */
  readonly onShare?: (share: number) => void
  readonly signal?: AbortSignal
}

/** What a comparison says of every system: means, intervals, tests, costs and accuracy. Gives way to other work now and then. */
export async function summarise(
  systems: readonly string[],
  results: readonly SetResult[],
  { metrics, rivals, onShare, signal }: SummariseOptions,
): Promise<Record<string, SystemScores>> {
  const pairs = systems.flatMap((system) =>
    rivals(system)
      .filter((rival) => rival !== system && systems.includes(rival))
      .map((rival) => ({ system, rival })),
  )
  const intervals = new Map(systems.map((system) => [system, spread<Interval>(results)]))
  const differences = new Map(pairs.map((pair) => [pair, spread<Difference>(results)]))

  let done = 0
  const step = async (): Promise<void> => {
    await nextTurn()
    signal?.throwIfAborted()
    onShare?.(done++ / (metrics.length * (results.length + pairs.length)))
  }
  for (const metric of metrics) {
    const columns = results.map(({ scores }) => systems.map((system) => Float64Array.from(scores[system]![metric]!)))
    const overall = systems.map(() => new Float64Array(statistics.resamples))
    const resampled: Float64Array[][] = []
    for (const [place, rows] of columns.entries()) {
      await step()
      const means = resampledMeans(rows, { resamples: statistics.resamples, seed: statistics.seed + place })
      resampled.push(means)
      means.forEach((values, i) => values.forEach((value, at) => (overall[i]![at]! += value / results.length)))
    }
    systems.forEach((system, i) => {
      const own = intervals.get(system)!
      own.mean[metric] = interval(overall[i]!)
      results.forEach(({ set }, place) => (own.sets[set]![metric] = interval(resampled[place]![i]!)))
    })
    for (const pair of pairs) {
      await step()
      const [a, b] = [systems.indexOf(pair.system), systems.indexOf(pair.rival)]
      const test = randomisationTest(
        columns.map((rows) => ({ first: rows[a]!, second: rows[b]! })),
        { permutations: statistics.permutations, seed: statistics.seed },
      )
      const own = differences.get(pair)!
      const gaps = columns.map((rows) => mean(rows[a]!) - mean(rows[b]!))
      own.mean[metric] = { difference: mean(gaps), interval: interval(minus(overall[a]!, overall[b]!)), p: test.mean }
      results.forEach(({ set }, place) => {
        const rows = resampled[place]!
        own.sets[set]![metric] = { difference: gaps[place]!, interval: interval(minus(rows[a]!, rows[b]!)), p: test.sets[place]! }
      })
    }
  }

  onShare?.(1)
  return Object.fromEntries(
    systems.map((system) => {
      const bySet = Object.fromEntries(results.map((result) => [result.set, meansOf(result, system, metrics)]))
      const compared = pairs.filter((pair) => pair.system === system)
      return [
        system,
        {
          mean: meanOverSets(bySet, metrics),
          sets: bySet,
          intervals: intervals.get(system)!,
          ...(compared.length > 0 && {
            significance: Object.fromEntries(compared.map((pair) => [pair.rival, differences.get(pair)!])),
          }),
          ...costOverSets(system, results),
          ...accuracyOverSets(system, results),
        },
      ]
    }),
  )
}

/** Sums in the order of the queries, as `evaluate` makes them. */
function meansOf({ scores }: SetResult, system: string, metrics: readonly Metric[]): Scores {
  return Object.fromEntries(metrics.map((metric) => [metric, mean(scores[system]![metric]!)])) as Scores
}

function costOverSets(system: string, results: readonly SetResult[]): Pick<SystemScores, 'cost'> {
  const sets = results.flatMap(({ set, costs }) => (costs[system] ? [[set, costs[system]] as const] : []))
  const overall = meanCost(sets.map(([, cost]) => cost))
  return overall ? { cost: { ...overall, sets: Object.fromEntries(sets) } } : {}
}

function accuracyOverSets(system: string, results: readonly SetResult[]): Pick<SystemScores, 'accuracy'> {
  const sets = results.flatMap(({ set, accuracy }) => (accuracy[system] ? [[set, accuracy[system]] as const] : []))
  if (sets.length === 0) return {}
  const over = (of: (accuracy: RoutingAccuracy) => number | undefined): number | undefined => {
    const known = sets.map(([, accuracy]) => of(accuracy)).filter((share) => share !== undefined)
    return known.length === 0 ? undefined : mean(known)
  }
  const best = over((accuracy) => accuracy.best)
  const owner = over((accuracy) => accuracy.owner)
  return { accuracy: { ...(best !== undefined && { best }), ...(owner !== undefined && { owner }), sets: Object.fromEntries(sets) } }
}

function spread<T>(results: readonly SetResult[]) {
  return {
    mean: {} as Record<string, T>,
    sets: Object.fromEntries(results.map(({ set }) => [set, {} as Record<string, T>])),
  } satisfies Spread<T>
}

function minus(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value - b[i]!)
}

function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  return values.length === 0 ? 0 : sum / values.length
}
