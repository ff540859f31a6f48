import { InvalidModelError, InvalidScoreError, PromptTooLongError } from '../errors.ts'
import { tokenBatches } from './batches.ts'
import { logitsOf } from './likelihoods.ts'
import type { LoadedModel } from './load.ts'
import type { PairRequest, PairResult } from './protocol.ts'

/**
 * How well the second text of each pair fits the first, as a classifier of text pairs says: its only logit, or its last one where it has
 * several, which by convention is the class that means "fits". What is too long loses the end of the second text, then of the first.
 * @throws InvalidModelError, MissingTokenError, PromptTooLongError
 */
export async function scorePairs(
  model: LoadedModel,
  pairs: PairRequest['pairs'],
  pause: (done: number) => Promise<void>,
): Promise<PairResult> {
  const fitted = pairs.map(([first, second], index) => fitPair(model, first, second, index))
  for (const { ids } of fitted) model.check(ids)
  const scores = new Float64Array(pairs.length)
  let done = 0
  for (const batch of tokenBatches(fitted.map(({ ids }) => ids.length))) {
    const width = fitted[batch[0]!]!.ids.length
    const fill = (values: readonly number[], padding: number): number[] => [
      ...values,
      ...Array.from({ length: width - values.length }, () => padding),
    ]
    const rows = batch.map((i) => fitted[i]!)
    const output = await model.run({
      input_ids: rows.map(({ ids }) => fill(ids, model.padId)),
      attention_mask: rows.map(({ ids }) =>
        fill(
          ids.map(() => 1),
          0,
        ),
      ),
      ...(model.inputNames.includes('token_type_ids') && { token_type_ids: rows.map(({ types }) => fill(types, 0)) }),
    })
    const { dims, data } = logitsOf(output, model.path)
    if (dims.length !== 2 || dims[0] !== batch.length || !(dims[1]! > 0))
      throw new InvalidModelError(model.path, `gives logits of [${dims.join()}] for ${batch.length} pairs of texts`)
    for (const [row, i] of batch.entries()) scores[i] = data[(row + 1) * dims[1]! - 1]!
    done += batch.length
    await pause(done)
  }
  const wrong = scores.findIndex((score) => !Number.isFinite(score))
  if (wrong >= 0) throw new InvalidScoreError(model.path, wrong, `gives pair number ${wrong + 1} the score ${scores[wrong]}`)
  return { scores, tokens: fitted.map(({ ids }) => ids.length), cut: fitted.map(({ cut }) => cut) }
}

function fitPair(model: LoadedModel, first: string, second: string, index: number) {
  const { opening, between, closing } = model.special
  const room = model.window - opening.length - between.length - closing.length
  if (room < 2) throw new PromptTooLongError(index, model.window - room + 2, model.window, first)
  const [a, b] = [model.tokenize(first), model.tokenize(second)]
  // Half of the window is the second text's in any case.
  const left = a.slice(0, Math.max(room - b.length, Math.ceil(room / 2)))
  const right = b.slice(0, room - left.length)
  const head = [...opening, ...left, ...between]
  const tail = [...right, ...closing]
  const types = [...head.map(() => 0), ...tail.map(() => 1)]
  // BERT's separator belongs to the first text.
  return { ids: [...head, ...tail], types, cut: b.length - right.length }
}
