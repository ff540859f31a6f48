import { startClock } from '../progress.ts'
import { checkResume, copyArrays, fingerprintOf } from './checkpoint.ts'
import type { AdapterExpertOptions, TableExpertOptions } from './expert.ts'
import { bestLook, fitQuerySide, scoreHeldOut, type FitOptions, type FitSet, type FitState, type Look } from './fit.ts'
import type { Prepared } from './prepare.ts'

/** What came of a training; the best state is in its query side. */
export interface Outcome {
  readonly heldOut: { readonly general: number; readonly expert: number }
  readonly rate: number
  readonly steps: number
}

/**
 * Does the runs of a training. Without folds: one run a rate, the held-out queries choose rate and step. With folds: one run for each
 * rate and fold, judged by the fold; then one on all queries, at the rate and for the steps that did best on average.
 */
export async function runPlan(prepared: Prepared, options: TableExpertOptions | AdapterExpertOptions): Promise<Outcome> {
  const { sets, splits, room, side, settings, general } = prepared
  const { rates, steps } = settings
  const runner = startRunner(prepared, options)
  if (settings.folds === 0) {
    let best = { score: -1, step: 0, rate: rates[0]! }
    for (const rate of rates) {
      const looks = await runner.run(sets, { rate, lookEvery: Math.max(10, Math.round(steps / 10)), patience: 4 })
      const look = bestLook(looks)
      if (look.score <= best.score) continue
      best = { ...look, rate }
      runner.crown()
    }
    runner.takeBest()
    return { heldOut: { general, expert: best.score }, rate: best.rate, steps: best.step }
  }

  const lookEvery = Math.max(1, Math.round(steps / 10))
  let best = { score: -1, step: 0, rate: rates[0]! }
  for (const rate of rates) {
    const runs: (readonly Look[])[] = []
    for (const split of splits) runs.push(await runner.run(split, { rate, lookEvery, patience: Infinity }))
    const look = bestLook(runs[0]!.map(({ step }, i) => ({ step, score: mean(runs.map((looks) => looks[i]!.score)) })))
    if (look.score > best.score) best = { ...look, rate }
  }
  await runner.run(sets, { rate: best.rate, until: best.step, lookEvery: 0, patience: Infinity })
  const { rate, step } = best
  if (sets.some(({ heldOut }) => heldOut.length > 0)) {
    return { heldOut: { general, expert: await scoreHeldOut(side, sets, room, options.signal) }, rate, steps: step }
  }
  return { heldOut: { general, expert: best.score }, rate, steps: step }
}

/** Counts steps over runs, keeps checkpoints, and passes by the runs that a checkpoint has behind it. */
function startRunner({ side, room, settings, foreign, texts, sets, pull }: Prepared, options: TableExpertOptions | AdapterExpertOptions) {
  const { onProgress, onCheckpoint, checkpointEvery = 100, signal, resume } = options
  const { steps, rates } = settings
  const fingerprint = fingerprintOf(
    options.method,
    options.base.id,
    settings,
    texts,
    options.foreign,
    pull,
    sets.map(({ count, queries, heldOut }) => [count, queries, heldOut]),
  )
  checkResume(resume, fingerprint)
  const total = steps * (settings.folds === 0 ? rates.length : rates.length * settings.folds + 1)
  const clock = startClock(total, resume?.step ?? 0)
  const champion = Object.fromEntries(Object.entries(side.state).map(([name, values]) => [name, values.slice()]))
  const finished: (readonly Look[])[] = []
  let done = 0
  let left = resume
  let since = 0
  let live = false

  const checkpoint = (run: FitState) =>
    onCheckpoint?.({
      fingerprint,
      step: done,
      runs: [...finished],
      run,
      arrays: { ...side.state, ...Object.fromEntries(Object.entries(champion).map(([name, values]) => [`best ${name}`, values])) },
    })

  return {
    async run(
      these: readonly FitSet[],
      how: Pick<FitOptions, 'rate' | 'lookEvery' | 'patience'> & { readonly until?: number },
    ): Promise<readonly Look[]> {
      const { until = steps } = how
      const before = finished.length
      const behind = left?.runs[before]
      if (behind) {
        finished.push(behind)
        done += until
        live = false
        return behind
      }
      live = true
      const from = left?.run
      if (left) {
        copyArrays(left.arrays, side.state)
        copyArrays(left.arrays, champion, 'best ')
      }
      left = undefined
      const start = done
      const looks = await fitQuerySide(
        side,
        these,
        room,
        {
          ...settings,
          ...how,
          foreign,
          signal,
          async onStep({ step, looks: soFar }, loss) {
            done = start + step
            onProgress?.({ ...clock(done), stage: 'train', loss, ...(soFar.length > 0 && { score: bestLook(soFar).score }) })
            if (++since < checkpointEvery) return
            since = 0
            await checkpoint({ step, looks: [...soFar] })
          },
        },
        from,
      )
      done = start + until
      finished.push(looks)
      return looks
    },
    /** The run just over has won; one that a checkpoint has behind it is there already. */
    crown() {
      if (live) copyArrays(side.state, champion)
    },
    takeBest() {
      copyArrays(champion, side.state)
    },
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
