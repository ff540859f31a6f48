import { setTimeout as wait } from 'node:timers/promises'
import { DownloadError } from '../../errors.ts'

/** What every request to a hub carries. */
export interface HubAccess {
  readonly token: string | undefined
  /** Milliseconds without a byte before an attempt counts as failed. */
  readonly timeout: number
  readonly signal: AbortSignal | undefined
}

/** Attempts at one file or listing, the first included. */
const attempts = 5

/** A JSON document, with retries. @throws DownloadError */
export function hubJson(url: string, access: HubAccess): Promise<unknown> {
  return withRetries(access.signal, async () => {
    const { response, stalled } = await hubFetch(url, access)
    try {
      return await response.json()
    } catch (error) {
      if (error instanceof SyntaxError)
        throw new DownloadError(url, 'the answer is not JSON, so this is no Hugging Face-type hub', response.status, error)
      throw failure(url, error, access, stalled)
    } finally {
      stalled.stop()
    }
  })
}

/** Repeats what failed in a way that may pass: network trouble, 408, 429 and 5xx. Waits longer each time. */
export async function withRetries<T>(signal: AbortSignal | undefined, attempt: () => Promise<T>): Promise<T> {
  for (let count = 1; ; count++) {
    try {
      signal?.throwIfAborted()
      return await attempt()
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof TransientError)) throw error
      if (count === attempts) throw new DownloadError(error.url, `${error.problem}, ${attempts} times`, error.status, error.cause)
      await wait(Math.max(error.delay, 100 * 2 ** count * (0.75 + Math.random() / 2)), undefined, { ...(signal && { signal }) }).catch(() =>
        signal?.throwIfAborted(),
      )
    }
  }
}

/** A failure that may pass. Never leaves this folder. */
export class TransientError extends Error {
  readonly url: string
  readonly problem: string
  readonly status: number | undefined
  /** Milliseconds the server asks us to wait. */
  readonly delay: number

  constructor(url: string, problem: string, { status, cause, delay = 0 }: { status?: number; cause?: unknown; delay?: number } = {}) {
    super(problem, { cause })
    this.url = url
    this.problem = problem
    this.status = status
    this.delay = delay
  }
}

/** Ends a request when nothing has come for a while. */
export interface StallGuard {
  /** Something came. */
  touch(): void
  stop(): void
  readonly tripped: boolean
}

/** One request. The answer is 2xx, or 3xx with `redirect: 'manual'`. The guard runs until it is stopped. */
export async function hubFetch(
  url: string,
  access: HubAccess,
  init: RequestInit = {},
): Promise<{ response: Response; stalled: StallGuard }> {
  const { guard: stalled, signal } = stallGuard(access)
  try {
    const response = await fetch(url, {
      ...init,
      signal,
      // Sizes and hashes are those of the file itself, not of a compressed form.
      headers: {
        'accept-encoding': 'identity',
        'user-agent': 'pilotfish',
        ...(access.token && { authorization: `Bearer ${access.token}` }),
        ...init.headers,
      },
    })
    stalled.touch()
    if (response.ok || (init.redirect === 'manual' && response.status >= 300 && response.status < 400)) return { response, stalled }
    await response.body?.cancel()
    throw refusal(url, response)
  } catch (error) {
    stalled.stop()
    throw error instanceof DownloadError || error instanceof TransientError ? error : failure(url, error, access, stalled)
  }
}

/** What went wrong below HTTP. An abort of the caller's stays what it is. */
export function failure(url: string, error: unknown, access: HubAccess, stalled: StallGuard): unknown {
  if (access.signal?.aborted) return access.signal.reason
  if (stalled.tripped) return new TransientError(url, `nothing came for ${access.timeout} ms`, { cause: error })
  const cause = (error as { cause?: { code?: unknown; message?: unknown } }).cause
  return new TransientError(
    url,
    `the connection failed (${String(cause?.code ?? cause?.message ?? (error as Error).message)}); without a network, use a model that is cached with \`offline: true\``,
    { cause: error },
  )
}

function refusal(url: string, { status, headers }: Response): Error {
  if (status === 408 || status === 429 || status >= 500) {
    return new TransientError(url, `the hub answered ${status}`, {
      status,
      delay: Math.min(30, Number(headers.get('retry-after')) || 0) * 1000,
    })
  }
  const said = headers.get('x-error-message')
  const advice =
    status === 401 || status === 403
      ? 'the repository is private, gated or misspelt; give a `token` that may read it (or set HF_TOKEN), and accept its terms on the hub'
      : status === 404
        ? 'there is no such repository, revision or file; check the spelling of each'
        : 'the request was refused'
  return new DownloadError(url, `the hub answered ${status}${said ? ` ("${said}")` : ''}: ${advice}`, status)
}

function stallGuard({ timeout, signal }: HubAccess): { guard: StallGuard; signal: AbortSignal } {
  const stall = new AbortController()
  let tripped = false
  const timer = setTimeout(() => {
    tripped = true
    stall.abort()
  }, timeout)
  const guard = {
    touch: () => void timer.refresh(),
    stop: () => clearTimeout(timer),
    get tripped() {
      return tripped
    },
  }
  return { guard, signal: signal ? AbortSignal.any([signal, stall.signal]) : stall.signal }
}
