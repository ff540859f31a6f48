import type { Vector } from '../../vector.ts'
import { startClock, startMeter } from '../progress.ts'
import { checkResume, copyArrays, fingerprintOf } from './checkpoint.ts'
import type { AnyExpertOptions } from './expert.ts'
import { fitQuerySide, type FitOptions, type FitSet, type FitState, type FitStep, type Look } from './fit.ts'
import { bestLook, scoreHeldOut } from './look.ts'
import type { Prepared } from './prepare.ts'

/** What came of a training; its state is in the query side. */
export interface Outcome {
  readonly heldOut: { readonly general: number; readonly expert: number }
  readonly pull: number
  readonly rate: number
  readonly steps: number
  readonly unseen?: readonly UnseenQuery[]
}

/** A query with the vector that an expert gives it which has not learned from it. */
export interface UnseenQuery {
  readonly text: string
  readonly vector: Vector
}

interface Best {
  readonly score: number
  readonly pull: number
  readonly rate: number
  readonly step: number
}

/**
 * Does the runs of a training. Without folds: one run for each rate and each further pull, the held-out queries choose among them and their steps.
 * With folds: one run for each rate and fold, judged by the fold; then one on all queries, at the rate and for the steps that did best
 * on average.
 */
export async function runPlan(prepared: Prepared, options: AnyExpertOptions): Promise<Outcome> {
  const { sets, side, room, general, settings, start } = prepared
  const runner = startRunner(prepared, options)
  if (settings.folds === 0) {
    const { score, ...best } = await bestRun(prepared, runner)
    return { heldOut: { general, expert: score }, pull: best.pull, rate: best.rate, steps: best.step }
  }
  const { score, pull, rate, step } = await bestOfFolds(prepared, runner)
  start(pull)
  const unseen = options.crossFit ? await crossFit(prepared, options, rate, step) : undefined
  await runner.run(sets, { rate, until: step, lookEvery: 0, patience: Infinity })
  const judged = sets.some(({ heldOut }) => heldOut.length > 0)
  const expert = judged ? await scoreHeldOut(side, sets, room, options.signal) : score
  return { heldOut: { general, expert }, pull, rate, steps: step, ...(unseen && { unseen }) }
}

/** Trains once more without each fold, the way that won, and asks what becomes of the fold's queries. */
async function crossFit(
  { splits, side, room, foreign, foreignText, settings, texts }: Prepared,
  { signal, onProgress }: AnyExpertOptions,
  rate: number,
  until: number,
): Promise<UnseenQuery[]> {
  const { dimensions } = side
  const clock = startClock(splits.length * until)
  const unseen: UnseenQuery[] = []
  for (const [fold, split] of splits.entries()) {
    const onStep = ({ step }: FitState): void => onProgress?.({ ...clock(fold * until + step), stage: 'judge' })
    await fitQuerySide(side, split, room, {
      ...settings,
      rate,
      until,
      lookEvery: 0,
      patience: Infinity,
      foreign,
      foreignText,
      signal,
      onStep,
    })
    const queries = split.flatMap(({ heldOut }) => heldOut.map(({ query }) => query))
    const atOnce = room.heldOut.length / dimensions
    for (let from = 0; from < queries.length; from += atOnce) {
      const part = queries.slice(from, from + atOnce)
      await side.forward(part, room.heldOut.subarray(0, part.length * dimensions))
      part.forEach((query, i) => unseen.push({ text: texts[query]!, vector: room.heldOut.slice(i * dimensions, (i + 1) * dimensions) }))
    }
  }
  return unseen
}

async function bestRun({ sets, settings: { rates, steps, earlyStopping }, pulls, start }: Prepared, runner: Runner): Promise<Best> {
  let best: Best | undefined
  // All rates with the first pull, the other pulls at the best rate.
  for (const pull of pulls) {
    for (const rate of best ? [best.rate] : rates) {
      start(pull)
      const how = earlyStopping
        ? { lookEvery: Math.max(10, Math.round(steps / 10)), patience: 4 }
        : { lookEvery: steps, patience: Infinity, keepLast: true }
      const looks = await runner.run(sets, { rate, ...how })
      const look = earlyStopping ? bestLook(looks) : looks.at(-1)!
      if (best && look.score <= best.score) continue
      best = { ...look, pull, rate }
      runner.crown()
    }
  }
  start(best!.pull)
  runner.takeBest()
  return best!
}

async function bestOfFolds({ splits, settings: { rates, steps }, pulls, start }: Prepared, runner: Runner): Promise<Best> {
  const lookEvery = Math.max(1, Math.round(steps / 10))
  let best: Best | undefined
  for (const pull of pulls) {
    for (const rate of rates) {
      start(pull)
      const runs: (readonly Look[])[] = []
      for (const split of splits) runs.push(await runner.run(split, { rate, lookEvery, patience: Infinity }))
      const look = bestLook(runs[0]!.map(({ step }, i) => ({ step, score: mean(runs.map((looks) => looks[i]!.score)) })))
      if (!best || look.score > best.score) best = { ...look, pull, rate }
    }
  }
  return best!
}

type Runner = ReturnType<typeof startRunner>

/** Counts steps over runs, keeps checkpoints, and passes by the runs that a checkpoint has behind it. */
function startRunner(
  { side, room, settings, foreign, foreignText, readTexts, documentsId, sets, pulls }: Prepared,
  options: AnyExpertOptions,
) {
  const { onProgress, onLog, onCheckpoint, checkpointEvery = 100, signal, resume } = options
  const { steps, rates } = settings
  const fingerprint = fingerprintOf(
    options.method,
    options.base.id,
    options.method === 'lora' && [options.targets, options.rank, options.alpha, options.weightDecay, options.clip, options.queryTokens],
    settings,
    readTexts,
    documentsId,
    options.foreign,
    pulls,
    sets.map(({ count, queries, heldOut, loss }) => [count, queries, heldOut, loss]),
  )
  checkResume(resume, fingerprint)
  const runs = settings.folds > 0 ? pulls.length * rates.length * settings.folds + 1 : rates.length + pulls.length - 1
  const total = steps * runs
  const clock = startClock(total, resume?.step ?? 0)
  const meter = startMeter()
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
      how: Pick<FitOptions, 'rate' | 'lookEvery' | 'patience'> & { readonly until?: number; readonly keepLast?: boolean },
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
          foreignText,
          signal,
          async onStep(state: FitState, { loss, rate, pace, queries }: FitStep) {
            const { step, looks: soFar } = state
            done = start + step
            const shares: Record<string, number> = {}
            queries.forEach((count, i) => {
              const name = sets[i]!.task ?? String(i)
              if (count > 0) shares[name] = (shares[name] ?? 0) + count
            })
            const look = soFar.at(-1)
            onLog?.({
              run: before,
              step,
              loss,
              rate,
              pace,
              queries: shares,
              ...(look?.step === step && { score: look.score }),
            })
            const speed = meter(settings.batchSize)
            onProgress?.({
              ...clock(done),
              stage: 'train',
              loss,
              ...(speed !== undefined && { queriesPerSecond: speed }),
              ...(soFar.length > 0 && { score: bestLook(soFar).score }),
            })
            if (++since < checkpointEvery) return
            since = 0
            await checkpoint({ ...state, looks: [...soFar] })
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
