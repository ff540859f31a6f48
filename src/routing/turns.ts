import { setImmediate as nextTurn } from 'node:timers/promises'

/** Work in parts: it rests at every `yield`, where other work may be done. */
export type Turns<T> = Generator<void, T, void>

/** Does the work without a rest. */
export function atOnce<T>(work: Turns<T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}

/** Lets timers and requests of this thread go between the parts. */
export async function inTurns<T>(work: Turns<T>, signal?: AbortSignal): Promise<T> {
  for (;;) {
    await nextTurn()
    signal?.throwIfAborted()
    const { done, value } = work.next()
    if (done) return value
  }
}
