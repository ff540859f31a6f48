import { EndpointFailure } from '../encoder/endpoint/request.ts'
import { UnsupportedError } from '../errors.ts'
import type { Likelihood } from './language-model.ts'

/** What `/v1/completions` answers, as far as we read it. */
export interface Completion {
  readonly choices: readonly { readonly index?: number; readonly text?: unknown; readonly logprobs?: EchoedTokens | null }[]
}

interface EchoedTokens {
  readonly tokens?: readonly string[]
  readonly token_logprobs?: readonly (number | null)[]
  /** Where each token begins, in characters of the text (code points, as Python counts). */
  readonly text_offset?: readonly number[]
}

/**
 * The likelihood of an answer in an echo of prompt and answer. A token that reaches over the border counts as the answer's, as in models
 * that run here; what was completed after the answer does not count.
 */
export function answerOf(completion: Completion, prompt: string, answer: string, who: string): Omit<Likelihood, 'cut'> {
  const { tokens, token_logprobs: values, text_offset: offsets } = completion.choices[0]?.logprobs ?? {}
  if (!Array.isArray(values) || !Array.isArray(offsets) || !Array.isArray(tokens))
    throw new UnsupportedError(
      `${who} answers without the log-probabilities of the prompt's tokens.`,
      'Rewards need a server that takes `echo` together with `logprobs`, such as vLLM; or run a model on this machine by its directory or hub name.',
    )
  if (values.length !== tokens.length || offsets.length !== tokens.length || tokens.some((token) => typeof token !== 'string'))
    throw new EndpointFailure(
      `it gives ${tokens.length} tokens, ${values.length} log-probabilities and ${offsets.length} places, not one of each`,
    )
  const begin = [...prompt].length
  const end = begin + [...answer].length
  // Some servers count the token that begins every text as if it were written out.
  const first = tokens[0] ?? ''
  const shift = !(prompt + answer).startsWith(first) && offsets[1] === [...first].length ? offsets[1] : 0
  const endOf = (i: number): number => (offsets[i + 1] ?? offsets[i]! + [...tokens[i]!].length) - shift
  const places = [...values.keys()].filter((i) => endOf(i) > begin && offsets[i]! - shift < end && (shift === 0 || i > 0))
  // Part of an answer would pass for a likely one.
  if (places.length === 0 || !(endOf(places.at(-1)!) >= begin + [...answer.trimEnd()].length))
    throw new EndpointFailure('it does not echo the prompt to its end, or not with its places in the text')
  let logLikelihood = 0
  for (const i of places) {
    const value = values[i]
    if (value === null && i === 0)
      throw new UnsupportedError(
        `${who} does not say how likely the first token of a text is, and the answer begins with it.`,
        'Put something before the answer.',
      )
    if (typeof value !== 'number' || !Number.isFinite(value)) throw new EndpointFailure('it gives log-probabilities that are no numbers')
    logLikelihood += value
  }
  return { logLikelihood: Math.min(0, logLikelihood), tokens: places.length, read: values.length }
}
