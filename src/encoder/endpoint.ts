import { ClosedError, EncoderFailedError, InvalidArgumentError } from '../errors.ts'
import { isFinite, normalize, type Vector } from '../vector.ts'
import type { Encoder } from './encoder.ts'
import { checkedUrl, keyOf, turns } from './endpoint/access.ts'
import { protocols, type EndpointProtocolName } from './endpoint/protocols.ts'
import { EndpointFailure, postJson } from './endpoint/request.ts'
import { fingerprint } from './fingerprint.ts'
import { requireTexts } from './texts.ts'

/** A server that makes embeddings. */
export interface EndpointOptions {
  /** The whole URL that texts are posted to, such as `https://api.openai.com/v1/embeddings` or `http://localhost:8080/embed`. */
  readonly url: string
  /** Name of the model: sent to servers that have several, and what tells its vectors from those of others. */
  readonly model: string
  /** Length of its vectors. */
  readonly dimensions: number
  /** @default by the URL's end: `openai` for `/embeddings`, `tei` for `/embed` */
  readonly protocol?: EndpointProtocolName
  /** Ask an OpenAI-type server for vectors of so many dimensions, where its model can be cut to a length. @default false */
  readonly shorten?: boolean
  /** Put before every text. @default '' */
  readonly prompt?: string
  /** Sent as a bearer token. */
  readonly apiKey?: string
  /** Environment variable that holds the key, read when the server is first asked. */
  readonly apiKeyVariable?: string
  /** Equal ids mean interchangeable vectors. @default a fingerprint of model, dimensions and prompt: a server may move */
  readonly id?: string
  /** Texts in a request. @default 32 */
  readonly batchSize?: number
  /** Requests under way at a time. @default 4 */
  readonly concurrency?: number
  /** Milliseconds for an answer. @default 30000 */
  readonly timeout?: number
  /** Attempts at a request, the first included: network trouble, 408, 429 and 5xx are tried again. @default 5 */
  readonly attempts?: number
}

/**
 * Encodes at an OpenAI-compatible `/v1/embeddings` or a Text Embeddings Inference `/embed` endpoint: your texts leave this machine for that
 * URL. Nothing is asked before the first text. Vectors come out at unit length; a text of white space is zeros and is not sent.
 * @throws InvalidArgumentError; when encoding, EncoderFailedError for a server that does not answer as it should
 */
export function endpointEncoder(options: EndpointOptions): Encoder {
  const { url, model, dimensions, prompt = '', shorten = false, batchSize = 32, concurrency = 4, timeout = 30_000, attempts = 5 } = options
  const protocol = protocols[checkedProtocol(options)]
  for (const [name, value] of Object.entries({ dimensions, batchSize, concurrency, timeout, attempts })) {
    if (!(Number.isInteger(value) && value > 0)) throw new InvalidArgumentError(name, `is ${value}, not a whole number above 0`)
  }
  if (typeof model !== 'string' || model === '')
    throw new InvalidArgumentError('model', 'is missing', 'Name the model behind the endpoint.')
  const turn = turns(concurrency)

  const encodeBatch = async (texts: readonly string[], signal: AbortSignal): Promise<Vector[]> => {
    const body = protocol.body(
      // Half of a pair of surrogates is no text to some servers.
      texts.map((text) => (prompt + text).toWellFormed()),
      { model, dimensions: shorten ? dimensions : undefined },
    )
    const answer = await postJson({ url, body, apiKey: keyOf(options), timeout, attempts, signal })
    const rows = protocol.vectors(answer)
    if (rows?.length !== texts.length)
      throw new EndpointFailure(
        `it answered ${texts.length} texts with ${rows ? `${rows.length} vectors` : 'something that is no list of vectors'}`,
      )
    return rows.map((row) => vectorOf(row, dimensions))
  }

  /** Requests for all texts that say something; the first failure ends the others. */
  const encodeAll = async (texts: readonly string[], signal: AbortSignal | undefined): Promise<Vector[]> => {
    const vectors: Vector[] = texts.map(() => new Float32Array(dimensions))
    const asked = [...texts.keys()].filter((i) => texts[i]!.trim() !== '')
    const batches = Array.from({ length: Math.ceil(asked.length / batchSize) }, (_, i) => asked.slice(i * batchSize, (i + 1) * batchSize))
    const stop = new AbortController()
    const onAbort = (): void => stop.abort(signal!.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    const embed = async (places: readonly number[]): Promise<void> => {
      stop.signal.throwIfAborted()
      const made = await encodeBatch(
        places.map((i) => texts[i]!),
        stop.signal,
      )
      places.forEach((i, at) => (vectors[i] = made[at]!))
    }
    try {
      await Promise.all(batches.map((places) => turn(() => embed(places))))
      return vectors
    } catch (error) {
      stop.abort(error)
      throw failed(options, error)
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  const running = new Set<Promise<unknown>>()
  let closed = false
  return {
    id: options.id ?? fingerprint('endpoint', { model, dimensions, prompt }),
    dimensions,
    async encode(texts, { signal } = {}) {
      if (closed) throw new ClosedError('The endpoint encoder')
      requireTexts(texts)
      signal?.throwIfAborted()
      const encoding = encodeAll(texts, signal)
      running.add(encoding)
      return encoding.finally(() => running.delete(encoding))
    },
    async close() {
      closed = true
      await Promise.allSettled(running)
    },
  }
}

/** How long the vectors of an endpoint are: asks it for one. @throws InvalidArgumentError, EncoderFailedError */
export async function endpointDimensions(
  options: Omit<EndpointOptions, 'dimensions'>,
  { signal = new AbortController().signal }: { readonly signal?: AbortSignal } = {},
): Promise<number> {
  const { url, model, timeout = 30_000, attempts = 5 } = options
  const protocol = protocols[checkedProtocol(options)]
  try {
    const body = protocol.body(['How long is a vector?'], { model, dimensions: undefined })
    const row = protocol.vectors(await postJson({ url, body, apiKey: keyOf(options), timeout, attempts, signal }))?.[0]
    if (Array.isArray(row) && row.length > 0) return row.length
    throw new EndpointFailure('it answered with something that is no vector')
  } catch (error) {
    throw failed(options, error)
  }
}

function failed({ model, url }: Pick<EndpointOptions, 'model' | 'url'>, error: unknown): unknown {
  return error instanceof EndpointFailure ? new EncoderFailedError(`${model} at ${url}`, error.message, error.cause) : error
}

/** @throws InvalidArgumentError */
function checkedProtocol({ url, protocol }: Pick<EndpointOptions, 'url' | 'protocol'>): EndpointProtocolName {
  const parsed = checkedUrl(url)
  if (protocol !== undefined && !(protocol in protocols))
    throw new InvalidArgumentError('protocol', `is "${String(protocol)}", not one of ${Object.keys(protocols).join(', ')}`)
  const path = parsed.pathname.replace(/\/+$/, '')
  const guess = path.endsWith('/embeddings') ? 'openai' : path.endsWith('/embed') ? 'tei' : undefined
  const chosen = protocol ?? guess
  if (chosen === undefined)
    throw new InvalidArgumentError(
      'url',
      `ends neither in /embeddings nor in /embed: ${url}`,
      'Give the whole path, or say the `protocol`.',
    )
  return chosen
}

function vectorOf(row: unknown, dimensions: number): Vector {
  if (!Array.isArray(row)) throw new EndpointFailure('it answered with something that is no vector')
  if (row.length !== dimensions) throw new EndpointFailure(`its vectors have ${row.length} dimensions, not ${dimensions}`)
  const vector = Float32Array.from(row as number[], (value) => (typeof value === 'number' ? value : Number.NaN))
  if (!isFinite(vector)) throw new EndpointFailure('its vectors have elements that are not finite numbers')
  return normalize(vector)
}
