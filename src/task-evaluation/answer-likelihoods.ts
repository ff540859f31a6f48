import { InvalidScoreError, PromptTooLongError } from '../errors.ts'
import type { LanguageModel, Likelihood, Prompt } from '../language-model/language-model.ts'

/** Prompts that belong together: where the model has no room for one of them, none counts. */
export interface PromptGroup {
  readonly prompts: readonly Prompt[]
}

export interface AskModelOptions {
  readonly signal?: AbortSignal
  /** Called with further groups that are done. */
  readonly onDone?: (groups: number) => void
}

/** Prompts that are asked at a time, at least. */
const blockSize = 128

/**
 * Likelihoods of every prompt of every group, in order; `undefined` for a group with an answer longer than the model's window. A prompt that
 * occurs in a group several times is asked once.
 * @throws InvalidScoreError, and whatever the model throws
 */
export async function groupLikelihoods(
  model: LanguageModel,
  groups: readonly PromptGroup[],
  { signal, onDone }: AskModelOptions = {},
): Promise<(Likelihood[] | undefined)[]> {
  const results: (Likelihood[] | undefined)[] = groups.map(() => undefined)
  let block: AskedGroup[] = []
  let size = 0
  const flush = async (): Promise<void> => {
    const asked = block.length
    await askBlock(model, block, results, signal)
    ;[block, size] = [[], 0]
    onDone?.(asked)
  }
  for (const [place, { prompts }] of groups.entries()) {
    const { distinct, slots } = unlike(prompts)
    block.push({ place, distinct, slots })
    size += distinct.length
    if (size >= blockSize) await flush()
  }
  if (block.length > 0) await flush()
  return results
}

interface AskedGroup {
  readonly place: number
  readonly distinct: readonly Prompt[]
  /** For every prompt of the group, where it is among the distinct ones. */
  readonly slots: readonly number[]
}

async function askBlock(
  model: LanguageModel,
  block: readonly AskedGroup[],
  results: (Likelihood[] | undefined)[],
  signal: AbortSignal | undefined,
): Promise<void> {
  let left = block
  while (left.length > 0) {
    signal?.throwIfAborted()
    const prompts = left.flatMap(({ distinct }) => distinct)
    try {
      const likelihoods = await model.likelihoods(prompts, signal && { signal })
      let at = 0
      for (const { place, distinct, slots } of left) {
        const own = distinct.map((_, i) => checked(model, likelihoods[at + i], at + i))
        at += distinct.length
        results[place] = slots.map((slot) => own[slot]!)
      }
      return
    } catch (error) {
      if (!(error instanceof PromptTooLongError)) throw error
      // The model says so before it begins, so asking again without that group costs little.
      const owners = left.flatMap((group) => group.distinct.map(() => group))
      const tooLong = owners[error.index]
      if (tooLong === undefined) throw error
      left = left.filter((group) => group !== tooLong)
    }
  }
}

function checked(model: LanguageModel, likelihood: Likelihood | undefined, index: number): Likelihood {
  if (likelihood && Number.isFinite(likelihood.logLikelihood) && likelihood.tokens >= 0) return likelihood
  throw new InvalidScoreError(
    model.id,
    index,
    likelihood ? `gives the log-likelihood ${likelihood.logLikelihood}` : 'gives no likelihood at all',
  )
}

function unlike(prompts: readonly Prompt[]): { distinct: Prompt[]; slots: number[] } {
  const places = new Map<string, number>()
  const distinct: Prompt[] = []
  const slots = prompts.map((prompt) => {
    const key = JSON.stringify([prompt.before, prompt.key, prompt.after, prompt.answer])
    if (!places.has(key)) places.set(key, distinct.push(prompt) - 1)
    return places.get(key)!
  })
  return { distinct, slots }
}
