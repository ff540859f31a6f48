import type { Environment, ExitCode, Interrupt } from './environment.ts'

/** Turns requests to stop into a signal and an exit code. */
export interface Stopper {
  /** Aborted by the request after which nothing is waited for. */
  readonly signal: AbortSignal
  /** Whether there was any request. */
  requested(): boolean
  /** What the process ends with after a request. */
  exitCode(): ExitCode
  /** Ends the listening. */
  release(): void
}

/** Aborts at the first request; with `onFirst`, that one is announced and the second aborts. */
export function stopper(environment: Environment, onFirst?: () => void): Stopper {
  const abort = new AbortController()
  let received: Interrupt | undefined
  const release = environment.onInterrupt((signal) => {
    const again = received !== undefined
    received ??= signal
    if (onFirst && !again) onFirst()
    else abort.abort()
  })
  return {
    signal: abort.signal,
    requested: () => received !== undefined,
    exitCode: () => (received === 'SIGTERM' ? 143 : 130),
    release,
  }
}
