/** Sends a list of items; what comes back is one result for each. */
export type SendMany<Item, Result> = (items: readonly Item[], signal: AbortSignal | undefined) => Promise<Result[]>

export interface Joined<Item, Result> {
  /** Rejects as `send` does for these items alone, and with the signal's reason when it aborts. */
  call(items: readonly Item[], signal: AbortSignal | undefined): Promise<Result[]>
  /** Sends what waits: other requests that are made later must not overtake it. */
  flush(): void
}

interface Waiting<Item, Result> {
  readonly items: readonly Item[]
  readonly signal: AbortSignal | undefined
  resolve(results: Result[]): void
  reject(error: unknown): void
}

/**
 * Joins calls that are made in the same turn of the event loop, up to `most` items together. Nothing waits longer than that turn, and no call
 * notices the others: where sending several together fails, each is sent alone.
 */
export function joinedCalls<Item, Result>(send: SendMany<Item, Result>, most: number): Joined<Item, Result> {
  let waiting: Waiting<Item, Result>[] = []
  let items = 0
  let planned = false

  const alone = ({ items, signal, resolve, reject }: Waiting<Item, Result>): void => void send(items, signal).then(resolve, reject)

  const together = async (calls: readonly Waiting<Item, Result>[]): Promise<void> => {
    const left = new Set(calls)
    const nobody = new AbortController()
    const stops = calls.flatMap((call) => {
      const { signal } = call
      if (!signal) return []
      const onAbort = (): void => {
        left.delete(call)
        call.reject(signal.reason)
        if (left.size === 0) nobody.abort(signal.reason)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      return () => signal.removeEventListener('abort', onAbort)
    })
    try {
      const results = await send(
        calls.flatMap((call) => call.items),
        nobody.signal,
      )
      let start = 0
      for (const call of calls) call.resolve(results.slice(start, (start += call.items.length)))
    } catch {
      // Whichever of them it was.
      for (const call of left) alone(call)
    } finally {
      for (const stop of stops) stop()
    }
  }

  const flush = (): void => {
    const calls = waiting.filter(({ signal, reject }) => {
      if (signal?.aborted) reject(signal.reason)
      return !signal?.aborted
    })
    waiting = []
    items = 0
    if (calls.length === 1) alone(calls[0]!)
    else if (calls.length > 1) void together(calls)
  }

  return {
    call(asked, signal) {
      if (items + asked.length > most) flush()
      return new Promise((resolve, reject) => {
        waiting.push({ items: asked, signal, resolve, reject })
        items += asked.length
        if (items >= most) return flush()
        if (planned) return
        planned = true
        // After all that is ready to run now, which may bring more.
        queueMicrotask(() =>
          process.nextTick(() => {
            planned = false
            flush()
          }),
        )
      })
    },
    flush,
  }
}
