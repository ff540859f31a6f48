import { InvalidModelError, InvalidScoreError } from '../errors.ts'
import { tokenBatches } from './batches.ts'
import { fitPrompt, type FittedPrompt } from './fit-prompt.ts'
import type { Likelihood, Prompt } from './language-model.ts'
import type { LoadedModel, Tensor } from './load.ts'

/**
 * How likely each prompt's answer is: padded on the right, so that every token stands where it stands alone.
 * @param pause Called between two passes; throws to end the work.
 * @throws PromptTooLongError, MissingTokenError, InvalidModelError
 */
export async function likelihoods(
  model: LoadedModel,
  prompts: readonly Prompt[],
  pause: (done: number) => Promise<void>,
): Promise<Likelihood[]> {
  const tokens = { tokenize: model.tokenize, opening: model.special.opening, bosId: model.bosId, path: model.path }
  const fitted = prompts.map((prompt, index) => fitPrompt(prompt, model.window, tokens, index))
  for (const { ids } of fitted) model.check(ids)
  const results = fitted.map(({ ids, answerAt, cut }) => ({ logLikelihood: 0, tokens: ids.length - answerAt, read: ids.length, cut }))
  const asked = [...fitted.keys()].filter((i) => results[i]!.tokens > 0)
  let done = prompts.length - asked.length
  // The last token says nothing about another.
  for (const batch of tokenBatches(asked.map((i) => fitted[i]!.ids.length - 1))) {
    const places = batch.map((at) => asked[at]!)
    const sums = await runBatch(
      model,
      places.map((i) => fitted[i]!),
    )
    for (const [row, i] of places.entries()) {
      if (Number.isNaN(sums[row]))
        throw new InvalidScoreError(model.path, i, `gives the answer of prompt number ${i + 1} a likelihood that is no number`)
      results[i] = { ...results[i]!, logLikelihood: sums[row]! }
    }
    done += places.length
    await pause(done)
  }
  return results
}

async function runBatch(model: LoadedModel, batch: readonly FittedPrompt[]): Promise<number[]> {
  const width = Math.max(...batch.map(({ ids }) => ids.length)) - 1
  const fill = (values: readonly number[], padding: number): number[] => [
    ...values,
    ...Array.from({ length: width - values.length }, () => padding),
  ]
  const inputs = {
    input_ids: batch.map(({ ids }) => fill(ids.slice(0, -1), model.padId)),
    attention_mask: batch.map(({ ids }) =>
      fill(
        ids.slice(1).map(() => 1),
        0,
      ),
    ),
  }
  // Large vocabularies make large outputs: models that can are asked for the answers' places only.
  const from = Math.min(...batch.map(({ answerAt }) => answerAt)) - 1
  const keep = model.inputNames.includes('num_logits_to_keep') ? { num_logits_to_keep: model.scalar(width - from) } : {}
  const logits = logitsOf(await model.run(inputs, keep), model.path)
  const [rows, places, vocabulary] = logits.dims as [number, number, number]
  if (rows !== batch.length || (places !== width && places !== width - from))
    throw new InvalidModelError(model.path, `gives logits of [${logits.dims.join()}] for ${batch.length} texts of ${width} tokens`)

  return batch.map(({ ids, answerAt }, row) => {
    let sum = 0
    for (let at = answerAt; at < ids.length; at++) {
      const start = (row * places + at - 1 - (width - places)) * vocabulary
      sum += logProbability(logits.data, start, vocabulary, ids[at]!)
    }
    // A token that is impossible makes the answer so, which no number says.
    return Number.isFinite(sum) ? Math.min(0, sum) : Number.NaN
  })
}

/** The logits of an output, in single precision. @throws InvalidModelError */
export function logitsOf(output: Readonly<Record<string, Tensor>>, path: string): Tensor {
  const logits = output.logits
  if (!logits) throw new InvalidModelError(path, `gives ${Object.keys(output).join(', ') || 'nothing'}, but no logits`)
  return logits.to('float32')
}

/** Summed in double precision; the largest logit is taken off first, so nothing overflows. */
function logProbability(logits: Float32Array, start: number, length: number, id: number): number {
  let largest = -Infinity
  for (let i = start; i < start + length; i++) if (logits[i]! > largest) largest = logits[i]!
  let sum = 0
  for (let i = start; i < start + length; i++) sum += Math.exp(logits[i]! - largest)
  return id < length ? logits[start + id]! - largest - Math.log(sum) : Number.NaN
}
