import { InvalidArgumentError } from '../errors.ts'
import type { LanguageModel, Prompt } from './language-model.ts'
import { startModel, type LocalModelOptions } from './model-worker.ts'
import type { LikelihoodRequest, LikelihoodResult, SampleRequest } from './protocol.ts'

export type CausalLanguageModelOptions = LocalModelOptions

/**
 * A causal language model on this machine: a directory in the layout of transformers.js (`config.json`, `tokenizer.json`,
 * `onnx/model.onnx`) or a hub repository such as `owner/name`. It runs in a worker thread of its own through
 * `@huggingface/transformers`. Prompt and answer are tokenised as one text, as the model would read them; a token over the border counts
 * as the answer's.
 * @throws MissingPackageError, ModelNotFoundError, InvalidModelError, InvalidArgumentError, DownloadError, OfflineError; when scoring,
 * MissingTokenError and PromptTooLongError
 */
export async function causalLanguageModel(source: string, options: CausalLanguageModelOptions = {}): Promise<LanguageModel> {
  const { id, window, worker } = await startModel(source, 'causal', options)
  return {
    id,
    window,
    async likelihoods(prompts, { signal, onProgress } = {}) {
      requirePrompts(prompts)
      if (prompts.length === 0) return []
      const result = await worker.request<LikelihoodResult>('likelihoods', { prompts } satisfies LikelihoodRequest, {
        signal,
        onReport: (done) => onProgress?.(done as number),
      })
      return [...result]
    },
    async sample({ before, key, after }, { count, maxTokens = 64, temperature = 1, seed = 1, signal }) {
      requirePrompts([{ before, key, after, answer: '' }])
      requireSampling({ count, maxTokens, temperature, window })
      const request: SampleRequest = { prompt: { before, key, after }, count, maxTokens, temperature, seed }
      return worker.request<string[]>('sample', request, { signal })
    },
    close: () => worker.close(),
  }
}

/** Checks once, at the border, how texts are to be drawn. @throws InvalidArgumentError */
export function requireSampling(how: {
  readonly count: number
  readonly maxTokens: number
  readonly temperature: number
  readonly window: number
}): void {
  const { count, maxTokens, temperature, window } = how
  for (const [name, value] of Object.entries({ count, maxTokens })) {
    if (!(Number.isInteger(value) && value > 0)) throw new InvalidArgumentError(name, `is ${value}, not a whole number above 0`)
  }
  if (maxTokens >= window) throw new InvalidArgumentError('maxTokens', `is ${maxTokens}, but the model reads ${window} tokens in all`)
  if (!(temperature >= 0 && temperature < Infinity)) throw new InvalidArgumentError('temperature', `is ${temperature}, not a number from 0`)
}

/** Checks once, at the border, that prompts are made of texts. */
export function requirePrompts(prompts: readonly Prompt[]): void {
  for (const [i, prompt] of prompts.entries()) {
    for (const part of ['before', 'key', 'after', 'answer'] as const) {
      if (typeof prompt?.[part] !== 'string') throw new InvalidArgumentError(`prompts[${i}].${part}`, 'is not a string')
    }
  }
}
