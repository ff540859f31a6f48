import { checkedUrl, keyOf, turns } from '../encoder/endpoint/access.ts'
import { EndpointFailure, postJson } from '../encoder/endpoint/request.ts'
import { fingerprint } from '../encoder/fingerprint.ts'
import { ClosedError, InvalidArgumentError, LanguageModelFailedError } from '../errors.ts'
import { requirePrompts, requireSampling } from './causal.ts'
import { answerOf, type Completion } from './endpoint-answer.ts'
import { fitCharacters } from './fit-characters.ts'
import type { LanguageModel, Likelihood, Prompt } from './language-model.ts'

/** A server that completes texts and says how likely they are. */
export interface EndpointLanguageModelOptions {
  /** The whole URL, such as `http://localhost:8000/v1/completions`. */
  readonly url: string
  /** Name of the model behind it. */
  readonly model: string
  /** Sent as a bearer token. */
  readonly apiKey?: string
  /** Environment variable that holds the key, read when the server is first asked. */
  readonly apiKeyVariable?: string
  /** Tokens the model reads at most. Nothing is cut where it is not given: the server refuses what is too long. @default Infinity */
  readonly window?: number
  /** Characters that count as a token when a prompt must be cut to `window`: we do not have the server's tokenizer. @default 3 */
  readonly charactersPerToken?: number
  /** Requests under way at a time. @default 4 */
  readonly concurrency?: number
  /** Milliseconds for an answer. @default 60000 */
  readonly timeout?: number
  /** Attempts at a request, the first included: network trouble, 408, 429 and 5xx are tried again. @default 5 */
  readonly attempts?: number
}

/**
 * A language model behind an OpenAI-compatible `/v1/completions`: every prompt with its answer leaves this machine for that URL, is echoed,
 * and the log-probabilities of the answer's tokens are summed. Servers that echo with log-probabilities are vLLM and others that run open
 * models; many hosted ones do not. Nothing is asked before the first prompt.
 * @throws InvalidArgumentError; when asked, LanguageModelFailedError for a server that does not answer as it should, UnsupportedError for
 * one that gives no log-probabilities, PromptTooLongError
 */
export function endpointLanguageModel(options: EndpointLanguageModelOptions): LanguageModel {
  const { url, model, window = Infinity, charactersPerToken = 3, concurrency = 4, timeout = 60_000, attempts = 5 } = options
  checkedUrl(url)
  if (typeof model !== 'string' || model === '')
    throw new InvalidArgumentError('model', 'is missing', 'Name the model behind the endpoint.')
  for (const [name, value] of Object.entries({ concurrency, timeout, attempts, ...(window !== Infinity && { window }) })) {
    if (!(Number.isInteger(value) && value > 0)) throw new InvalidArgumentError(name, `is ${value}, not a whole number above 0`)
  }
  if (!(charactersPerToken > 0 && charactersPerToken < Infinity))
    throw new InvalidArgumentError('charactersPerToken', `is ${charactersPerToken}, not a number above 0`)
  const who = `${model} at ${url}`
  const turn = turns(concurrency)
  const running = new Set<Promise<unknown>>()
  let closed = false
  /** Servers that refuse to complete nothing are asked for one token, which is not looked at. */
  let fewest = 0

  const ask = async (body: object, signal: AbortSignal): Promise<Completion> => {
    const answer = await postJson({ url, body: { model, ...body }, apiKey: keyOf(options), timeout, attempts, signal })
    if (typeof answer !== 'object' || answer === null || !Array.isArray((answer as Completion).choices))
      throw new EndpointFailure('it answered with something that is no completion')
    return answer as Completion
  }

  const likelihood = async (prompt: Prompt, index: number, signal: AbortSignal): Promise<Likelihood> => {
    const { text, cut } = fitCharacters(prompt, window, charactersPerToken, index)
    if (prompt.answer === '') return { logLikelihood: 0, tokens: 0, cut }
    // Half of a pair of surrogates is no text to some servers.
    const [before, answer] = [text.toWellFormed(), prompt.answer.toWellFormed()]
    const body = { prompt: before + answer, echo: true, logprobs: 1, temperature: 0 }
    let echoed: Completion
    try {
      echoed = await ask({ ...body, max_tokens: fewest }, signal)
    } catch (error) {
      if (!(error instanceof EndpointFailure) || fewest > 0 || ![400, 422].includes(error.status ?? 0)) throw error
      echoed = await ask({ ...body, max_tokens: 1 }, signal)
      fewest = 1
    }
    return { ...answerOf(echoed, before, answer, who), cut }
  }

  /** The first failure ends what else is under way. */
  const withStop = async <T>(signal: AbortSignal | undefined, action: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    if (closed) throw new ClosedError('The endpoint language model')
    signal?.throwIfAborted()
    const stop = new AbortController()
    const onAbort = (): void => stop.abort(signal!.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    const acting = action(stop.signal)
    running.add(acting)
    try {
      return await acting
    } catch (error) {
      stop.abort(error)
      throw error instanceof EndpointFailure ? new LanguageModelFailedError(who, error.message, error.cause) : error
    } finally {
      running.delete(acting)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  return {
    id: fingerprint('completions', { model, window: String(window), charactersPerToken }),
    window,
    async likelihoods(prompts, { signal, onProgress } = {}) {
      requirePrompts(prompts)
      let done = 0
      return withStop(signal, (stop) =>
        Promise.all(
          prompts.map((prompt, index) =>
            turn(async () => {
              stop.throwIfAborted()
              const found = await likelihood(prompt, index, stop)
              onProgress?.(++done)
              return found
            }),
          ),
        ),
      )
    },
    async sample({ before, key, after }, { count, maxTokens = 64, temperature = 1, seed = 1, signal }) {
      requirePrompts([{ before, key, after, answer: '' }])
      requireSampling({ count, maxTokens, temperature, window })
      const { text } = fitCharacters({ before, key, after, answer: '' }, window - maxTokens, charactersPerToken)
      return withStop(signal, (stop) =>
        turn(async () => {
          const body = { prompt: text.toWellFormed(), max_tokens: maxTokens, n: count, temperature, seed }
          const { choices } = await ask(body, stop)
          const texts = choices.map((choice) => choice?.text)
          if (texts.length !== count || !texts.every((one) => typeof one === 'string'))
            throw new EndpointFailure(`it answered with ${texts.length} completions where ${count} were asked for`)
          return texts
        }),
      )
    },
    async close() {
      closed = true
      await Promise.allSettled(running)
    },
  }
}
