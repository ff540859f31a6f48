import { setTimeout as wait } from 'node:timers/promises'

/** Where and how to ask. */
export interface EndpointRequest {
  readonly url: string
  readonly body: object
  readonly apiKey: string | undefined
  /** Milliseconds for an attempt, the answer's body included. */
  readonly timeout: number
  /** The first included. */
  readonly attempts: number
  /** Ends attempts and waits. */
  readonly signal: AbortSignal
}

/** An endpoint that did not answer as it should. Never leaves this folder. */
export class EndpointFailure extends Error {
  /** It may pass. */
  readonly transient: boolean
  /** Milliseconds the server asks us to wait. */
  readonly delay: number
  /** Of a refusal that will not pass. */
  readonly status: number | undefined

  constructor(
    problem: string,
    { transient = false, delay = 0, status, cause }: { transient?: boolean; delay?: number; status?: number; cause?: unknown } = {},
  ) {
    super(problem, { cause })
    this.status = status
    this.transient = transient
    this.delay = delay
  }
}

/** Longest wait that a server may ask for. */
const longestWait = 60_000

/** Posts JSON and returns the JSON of the answer. Repeats what may pass, network trouble, 408, 429 and 5xx, waiting longer each time. */
export async function postJson(request: EndpointRequest): Promise<unknown> {
  const { attempts, signal } = request
  for (let count = 1; ; count++) {
    signal.throwIfAborted()
    try {
      return await attempt(request)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof EndpointFailure) || !error.transient) throw error
      if (count === attempts)
        throw new EndpointFailure(`${error.message}${attempts > 1 ? `, ${attempts} times` : ''}`, { cause: error.cause })
      const pause = Math.max(error.delay, 100 * 2 ** count * (0.75 + Math.random() / 2))
      await wait(pause, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }
}

async function attempt({ url, body, apiKey, timeout, signal }: EndpointRequest): Promise<unknown> {
  const stop = new AbortController()
  let late = false
  const timer = setTimeout(() => {
    late = true
    stop.abort()
  }, timeout)
  const onAbort = (): void => stop.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const response = await fetch(url, {
      method: 'POST',
      signal: stop.signal,
      // A key must not follow wherever a server points.
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        'user-agent': 'pilotfish',
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    if (!response.ok) throw refusal(response, apiKey === undefined ? text : text.replaceAll(apiKey, '…'))
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new EndpointFailure('its answer is not JSON', { cause })
    }
  } catch (error) {
    if (error instanceof EndpointFailure) throw error
    if (late) throw new EndpointFailure(`it did not answer within ${timeout} ms`, { transient: true, cause: error })
    const cause = (error as { cause?: { code?: unknown; message?: unknown } }).cause
    throw new EndpointFailure(`the connection failed (${String(cause?.code ?? cause?.message ?? (error as Error).message)})`, {
      transient: true,
      cause: error,
    })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

function refusal({ status, headers }: Response, text: string): EndpointFailure {
  if (status >= 300 && status < 400)
    return new EndpointFailure(`it answered ${status} and points to ${headers.get('location') ?? 'nowhere'}; give that URL if you trust it`)
  const said = messageIn(text)
  const problem = `it answered ${status}${said && ` ("${said}")`}`
  if (status === 408 || status === 429 || status >= 500)
    return new EndpointFailure(problem, { transient: true, delay: askedDelay(headers.get('retry-after')) })
  const advice =
    status === 401 || status === 403
      ? '; check its API key'
      : status === 404 || status === 405
        ? '; check the URL, which must be the whole path of the endpoint, and the name of the model'
        : status === 413 || status === 422 || status === 400
          ? '; a text may be too long for it, or a batch too large (`batchSize`)'
          : ''
  return new EndpointFailure(`${problem}${advice}`, { status })
}

/** Seconds or a date, in milliseconds from now. */
function askedDelay(header: string | null): number {
  if (header === null) return 0
  const seconds = Number(header)
  const milliseconds = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now()
  return Math.min(longestWait, Math.max(0, milliseconds || 0))
}

/** What servers say of their errors, on one short line. */
function messageIn(text: string): string {
  let said: unknown
  try {
    const answer = JSON.parse(text) as { error?: unknown; message?: unknown; detail?: unknown }
    const { error, message, detail } = answer
    said = (error as { message?: unknown } | undefined)?.message ?? error ?? message ?? detail
  } catch {
    said = text
  }
  const line = (typeof said === 'string' ? said : '').replace(/\s+/g, ' ').trim()
  return line.length > 200 ? `${line.slice(0, 200)}…` : line
}
