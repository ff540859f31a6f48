import type { LanguageModel } from '../language-model/language-model.ts'
import type { TaskSample } from '../tasks/sample.ts'
import { exemplarAccuracy, type ExemplarQuestion } from './exemplars.ts'
import type { Measured } from './measure.ts'
import type { OrderedSamples } from './order-samples.ts'
import { withoutCandidates } from './perplexity.ts'

type LabelMeasure = 'nearestLabel' | 'majorityLabel' | 'likeliestLabel'

export interface LabelAccuracyOptions {
  readonly k: number
  readonly model?: LanguageModel
  readonly signal?: AbortSignal
  /** Called with further questions that the model has answered. */
  readonly onAsked?: (questions: number) => void
}

/**
 * Whether the exemplars that each system puts first lead to the label of each sample, by vote and before a language model.
 * @param reasons Why samples are no questions about exemplars.
 */
export async function labelAccuracy(
  samples: readonly TaskSample[],
  reasons: readonly (string | undefined)[],
  question: (sample: TaskSample, places: readonly number[]) => ExemplarQuestion,
  orders: ReadonlyMap<string, OrderedSamples>,
  { k, model, signal, onAsked }: LabelAccuracyOptions,
): Promise<{ readonly measured: Record<LabelMeasure, Measured>; readonly cut: ReadonlyMap<string, number> }> {
  const asked = [...samples.keys()].filter((i) => reasons[i] === undefined)
  const nearest = new Map<string, readonly number[]>()
  const majority = new Map<string, readonly number[]>()
  const likeliest = new Map<string, readonly (number | undefined)[]>()
  const cut = new Map<string, number>()
  /** Answers to the questions as values of all samples. */
  const spread = <T>(right: readonly (boolean | undefined)[], missing: T): (number | T)[] => {
    const values: (number | T)[] = samples.map(() => missing)
    asked.forEach((place, i) => (values[place] = right[i] === undefined ? missing : Number(right[i])))
    return values
  }
  const systems = [...orders].filter(([, { best }]) => asked.every((place) => best[place] !== undefined))
  for (const [name, places] of asked.length === 0
    ? []
    : [[withoutCandidates, undefined] as const, ...systems.map(([system, { best }]) => [system, best] as const)]) {
    if (!places && !model) continue
    const questions = asked.map((place) => question(samples[place]!, places?.[place] ?? []))
    const found = await exemplarAccuracy(questions, {
      k,
      ...(model && { model }),
      ...(signal && { signal }),
      ...(onAsked && { onDone: onAsked }),
    })
    if (places) nearest.set(name, spread(found.right.nearest, 0))
    if (places) majority.set(name, spread(found.right.majority, 0))
    if (found.right.model) likeliest.set(name, spread(found.right.model, undefined))
    cut.set(name, found.cut ?? 0)
  }
  const columns = [...likeliest.values()]
  const unanswered = reasons.map((reason, i) => {
    if (reason !== undefined) return reason
    if (!model) return 'no language model was given'
    return columns.some((column) => column[i] === undefined) ? "has a label longer than the model's window" : undefined
  })
  return {
    measured: {
      nearestLabel: { reasons, columns: nearest },
      majorityLabel: { reasons, columns: majority },
      likeliestLabel: {
        reasons: unanswered,
        columns: new Map([...likeliest].map(([name, values]) => [name, values.map((value) => value ?? 0)])),
      },
    },
    cut,
  }
}
