import type { LanguageModel } from '../language-model/language-model.ts'
import { unscorable } from '../rewards/templates.ts'
import type { TaskSample } from '../tasks/sample.ts'
import type { CandidateSystem } from './candidate-system.ts'
import { labelAccuracy } from './label-accuracy.ts'
import { labelledSamples } from './labelled-samples.ts'
import { difference, judgedOf, judgedValues, meanOf, type Measured } from './measure.ts'
import { orderSamples, type OrderedSamples } from './order-samples.ts'
import { answerLikelihoods, perplexity, withoutCandidates, type Perplexity } from './perplexity.ts'
import { whyNotRanked, whyNotRewarded } from './rankings.ts'
import { taskMeasures, type SystemFigures, type TaskDifference, type TaskFigures, type TaskMeasure } from './task-figures.ts'
import { takingTurns } from './turns.ts'

export interface EvaluateTaskOptions {
  readonly cutoff: number
  readonly k: number
  readonly seed: number
  readonly model?: LanguageModel
  readonly signal?: AbortSignal
  readonly onProgress: (progress: { readonly stage: 'ordering' | 'asking'; readonly done: number; readonly share: number }) => void
}

/** What a pass of the language model costs, in samples that are put in order. */
const passCost = 20

/** All that can be measured of the samples of one task. */
export async function evaluateTask(
  samples: readonly TaskSample[],
  systems: readonly CandidateSystem[],
  options: EvaluateTaskOptions,
): Promise<TaskFigures> {
  const { cutoff, k, seed, model, signal } = options
  const labelled = labelledSamples()
  const labelReasons = samples.map(labelled.whyNot)
  const asked = samples.filter((sample) => unscorable(sample) === undefined).length
  const questions = labelReasons.filter((reason) => reason === undefined).length
  const step = steps(options, samples.length * systems.length, model ? (asked + questions * (systems.length + 1)) * passCost : 0)

  const orders = new Map<string, OrderedSamples>()
  for (const system of systems) {
    orders.set(
      system.name,
      await orderSamples(system, samples, { cutoff, keep: k, seed, onOrdered: step.ordered, ...(signal && { signal }) }),
    )
  }
  const answers = await measureAnswers(samples, orders, options, step.asked)
  const labels = await labelAccuracy(samples, labelReasons, labelled.question, orders, {
    k,
    onAsked: step.asked,
    ...(model && { model }),
    ...(signal && { signal }),
  })

  const ranking = (measure: 'ndcg' | 'recall' | 'rewardNdcg', whyNot: (sample: TaskSample) => string | undefined): Measured => {
    const reasons = samples.map(whyNot)
    const columns = [...orders].flatMap(([name, { scores }]): [string, number[]][] => {
      const values = scores.map((of) => of?.[measure])
      return reasons.some((reason, i) => reason === undefined && values[i] === undefined) ? [] : [[name, values.map((value) => value ?? 0)]]
    })
    return { reasons, columns: new Map(columns) }
  }
  const measured: Record<TaskMeasure, Measured> = {
    ndcg: ranking('ndcg', whyNotRanked),
    recall: ranking('recall', whyNotRanked),
    rewardNdcg: ranking('rewardNdcg', whyNotRewarded),
    perplexity: answers.measured,
    ...labels.measured,
  }
  return summarise(measured, orders, {
    seed,
    cutoff,
    samples: samples.length,
    answers: answers.found,
    cutExemplars: labels.cut,
    ...(signal && { signal }),
  })
}

/** Perplexity of the answers after what each system puts first, and without anything. */
async function measureAnswers(
  samples: readonly TaskSample[],
  orders: ReadonlyMap<string, OrderedSamples>,
  { model, signal }: EvaluateTaskOptions,
  onDone: (samples: number) => void,
): Promise<{ measured: Measured; found: ReadonlyMap<string, Perplexity> }> {
  if (!model) {
    const reasons = samples.map((sample) => unscorable(sample) ?? 'no language model was given')
    return { measured: { reasons, columns: new Map() }, found: new Map() }
  }
  const able = [...orders].filter(([, { best }]) => samples.every((sample, i) => unscorable(sample) !== undefined || best[i] !== undefined))
  const contexts = able.map(([, { best }]) => samples.map(({ candidates }, i) => (best[i] ?? []).map((place) => candidates[place]!)))
  const rows = await answerLikelihoods(model, samples, contexts, { onDone, ...(signal && { signal }) })
  const reasons = rows.map((row) => (typeof row === 'string' ? row : undefined))
  const judged = rows.filter((row) => typeof row !== 'string')
  const columns = new Map<string, readonly number[]>()
  const found = new Map<string, Perplexity>()
  for (const [at, name] of [withoutCandidates, ...able.map(([system]) => system)].entries()) {
    const own = perplexity(judged.map((row) => row[at]!))
    if (!own) continue
    found.set(name, own)
    // Log-likelihood a token, so that differences of perplexities can be tested sample by sample.
    columns.set(
      name,
      rows.map((row) => (typeof row === 'string' ? 0 : row[at]!.logLikelihood / row[at]!.tokens)),
    )
  }
  return { measured: { reasons, columns }, found }
}

interface Further {
  readonly seed: number
  readonly cutoff: number
  readonly samples: number
  readonly answers: ReadonlyMap<string, Perplexity>
  readonly cutExemplars: ReadonlyMap<string, number>
  readonly signal?: AbortSignal
}

async function summarise(
  measured: Readonly<Record<TaskMeasure, Measured>>,
  orders: ReadonlyMap<string, OrderedSamples>,
  { seed, cutoff, samples, answers, cutExemplars, signal }: Further,
): Promise<TaskFigures> {
  const against = [...orders.keys()][0]
  const breathe = takingTurns(signal)
  const systems: Record<string, SystemFigures> = {}
  for (const name of [withoutCandidates, ...orders.keys()]) {
    const scores: Partial<Record<TaskMeasure, number>> = {}
    const tests: Partial<Record<TaskMeasure, TaskDifference>> = {}
    for (const measure of taskMeasures) {
      const { columns } = measured[measure]
      const [own, other] = [columns.get(name), columns.get(against!)]
      const values = own && judgedValues(measured[measure], own)
      const score = measure === 'perplexity' ? answers.get(name)?.perplexity : values && meanOf(values)
      if (score === undefined || !values) continue
      scores[measure] = score
      await breathe()
      if (other && name !== against) tests[measure] = difference(values, judgedValues(measured[measure], other), seed)
    }
    const truncated = orders.get(name)?.truncated
    const cut = answers.get(name)?.cut
    const cutOff = cutExemplars.get(name)
    if (name === withoutCandidates && Object.keys(scores).length === 0) continue
    systems[name] = {
      scores,
      ...(Object.keys(tests).length > 0 && { tests }),
      ...(truncated && truncated.queries + truncated.candidates > 0 && { truncated }),
      ...(cut && cut.key + cut.after > 0 && { cut }),
      ...(cutOff !== undefined && cutOff > 0 && { cutExemplars: cutOff }),
    }
  }
  const measures = Object.fromEntries(taskMeasures.map((measure) => [measure, judgedOf(measured[measure])])) as TaskFigures['measures']
  return { samples, cutoff, measures, systems, ...(against !== undefined && { against }) }
}

/** Counts what is done, and which share of the task that is. */
function steps({ onProgress }: EvaluateTaskOptions, ordering: number, asking: number) {
  let ordered = 0
  let asked = 0
  const share = (): number => Math.min(1, (ordered + asked * passCost) / Math.max(1, ordering + asking))
  return {
    ordered: (samples: number): void => onProgress({ stage: 'ordering', done: (ordered += samples), share: share() }),
    asked: (samples: number): void => onProgress({ stage: 'asking', done: (asked += samples), share: share() }),
  }
}
