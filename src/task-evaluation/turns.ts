import { setImmediate as nextTurn } from 'node:timers/promises'

/** What gives way to other work every few milliseconds. Throws the signal's reason once it is aborted. */
export function takingTurns(signal: AbortSignal | undefined): () => Promise<void> | undefined {
  let turn = performance.now()
  return () => {
    signal?.throwIfAborted()
    if (performance.now() - turn < 10) return undefined
    return nextTurn().then(() => {
      signal?.throwIfAborted()
      turn = performance.now()
    })
  }
}
