import { InvalidArgumentError } from '../errors.ts'
import type { LanguageModel } from '../language-model/language-model.ts'
import { exampleKey } from '../tasks/example.ts'
import { groupLikelihoods, type AskModelOptions } from './answer-likelihoods.ts'

/** A text of which the label is known. */
export interface Exemplar {
  readonly text: string
  readonly label: string
}

/** A text to be labelled, with the exemplars that were retrieved for it. */
export interface ExemplarQuestion extends Exemplar {
  /** Labels to choose from. */
  readonly options: readonly string[]
  /** Best first. */
  readonly exemplars: readonly Exemplar[]
}

export interface ExemplarAccuracyOptions extends AskModelOptions {
  /** Exemplars that are looked at, of each question. @default 8 */
  readonly k?: number
  /** Chooses the option that is likeliest after the exemplars. @default none: votes are counted alone */
  readonly model?: LanguageModel
}

/** Shares of the questions that get their label, in [0, 1]; 0 where there is no question. */
export interface ExemplarAccuracy {
  readonly questions: number
  /** The label of the best exemplar. */
  readonly nearest: number
  /** The label that most of the exemplars have. */
  readonly majority: number
  /** The option that is likeliest after the exemplars. Absent without a model. */
  readonly model?: number
  /** Whether each question got its label, in order; the model's are `undefined` where it has no room for an option. */
  readonly right: {
    readonly nearest: readonly boolean[]
    readonly majority: readonly boolean[]
    readonly model?: readonly (boolean | undefined)[]
  }
  /** Tokens of exemplars that the model's window left no room for. */
  readonly cut?: number
}

/** How often exemplars lead to a question's label: by vote, and as examples before a language model. @throws InvalidArgumentError */
export async function exemplarAccuracy(
  questions: readonly ExemplarQuestion[],
  { k = 8, model, ...asking }: ExemplarAccuracyOptions = {},
): Promise<ExemplarAccuracy> {
  if (!(Number.isInteger(k) && k >= 0)) throw new InvalidArgumentError('k', `is ${k}, not a whole number of 0 or more`)
  const votes = questions.map(({ exemplars }) => exemplars.slice(0, k).map(({ label }) => label))
  const nearest = questions.map(({ label }, i) => votes[i]![0] === label)
  const majority = questions.map(({ label }, i) => majorityLabel(votes[i]!) === label)
  const found = { questions: questions.length, nearest: share(nearest), majority: share(majority) }
  if (!model) return { ...found, right: { nearest, majority } }

  const { chosen, cut } = await likeliestOptions(model, questions, k, asking)
  const right = questions.map(({ label }, i) => (chosen[i] === undefined ? undefined : chosen[i] === label))
  const answered = right.filter((one) => one !== undefined)
  return { ...found, model: share(answered), right: { nearest, majority, model: right }, cut }
}

/** The label that occurs most often; of equals the one whose best exemplar is better. `undefined` where there is none. */
export function majorityLabel(labels: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1)
  let best: string | undefined
  for (const [label, count] of counts) if (best === undefined || count > counts.get(best)!) best = label
  return best
}

/**
 * The option with the highest mean log-likelihood a token after the k best exemplars, each an input with its answer on the next line; of
 * equals the first. `undefined` where the model's window is too short for one of the options.
 */
async function likeliestOptions(
  model: LanguageModel,
  questions: readonly ExemplarQuestion[],
  k: number,
  asking: AskModelOptions,
): Promise<{ chosen: (string | undefined)[]; cut: number }> {
  const groups = questions.map(({ text, options, exemplars }) => {
    const key = exemplars
      .slice(0, k)
      .map((exemplar) => exampleKey({ input: exemplar.text, answer: exemplar.label }))
      .join('\n')
    const after = `${key === '' ? '' : '\n'}${text}\n`
    return { prompts: options.map((answer) => ({ before: '', key, after, answer })) }
  })
  const found = await groupLikelihoods(model, groups, asking)
  let cut = 0
  const chosen = found.map((likelihoods, i) => {
    let best: { readonly option: string; readonly mean: number } | undefined
    likelihoods?.forEach(({ logLikelihood, tokens, cut: own }, place) => {
      cut += own.key
      const mean = tokens === 0 ? -Infinity : logLikelihood / tokens
      if (best === undefined || mean > best.mean) best = { option: questions[i]!.options[place]!, mean }
    })
    return best?.option
  })
  return { chosen, cut }
}

function share(right: readonly boolean[]): number {
  return right.length === 0 ? 0 : right.filter(Boolean).length / right.length
}
