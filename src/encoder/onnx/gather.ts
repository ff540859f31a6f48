import { reviveError } from '../../errors.ts'
import type { EncodeOptions } from '../encoder.ts'
import type { Vector } from '../../vector.ts'
import type { EncodeResult, OpenResult } from './protocol.ts'

/** Characters sent to the worker at a time, about 2,000 tokens: a query waits for no more than that. */
const characterBudget = 8_192

/** In which way a call uses the model. */
type View = Pick<OpenResult, 'handle' | 'dimensions' | 'maxTokens'>

/** One `encode` call and what is still to do of it. */
interface Call {
  readonly view: View
  readonly texts: readonly string[]
  /** All positions, longest text first, so that what is sent together is of similar length. */
  readonly order: readonly number[]
  /** How many of them are on their way or back. */
  sent: number
  /** How many have not come back. */
  left: number
  readonly vectors: Vector[]
  readonly onTruncated: EncodeOptions['onTruncated']
  resolve(vectors: Vector[]): void
  reject(error: unknown): void
}

/** Sends texts to a model in passes that calls share. */
export interface Gatherer {
  encode(view: View, texts: readonly string[], options?: EncodeOptions): Promise<Vector[]>
}

/**
 * Joins concurrent calls into shared passes, whatever way each of them uses the model, and cuts long ones into pieces, so that many
 * single queries cost few passes and a query need not wait for ten thousand documents.
 * @param run Encodes texts, each in the way its handle stands for.
 */
export function gatherCalls(run: (texts: readonly string[], handles: readonly number[]) => Promise<EncodeResult>): Gatherer {
  // More than this of a text is not read, so a megabyte costs like a page.
  const cost = ({ maxTokens }: View, text: string): number => Math.min(text.length, maxTokens * 5)
  let calls: Call[] = []
  let running: Promise<void> | undefined

  const take = (): { call: Call; position: number }[] => {
    const taken: { call: Call; position: number }[] = []
    let budget = characterBudget
    const from = (call: Call, most: number): void => {
      for (; call.sent < call.order.length && most > 0; most--) {
        const position = call.order[call.sent]!
        const price = cost(call.view, call.texts[position]!)
        if (taken.length > 0 && price > budget) return
        budget -= price
        call.sent++
        taken.push({ call, position })
      }
    }
    // The oldest always moves on; then the shortest calls first.
    from(calls[0]!, 1)
    for (const call of [...calls].sort((a, b) => a.order.length - a.sent - (b.order.length - b.sent))) from(call, Number.POSITIVE_INFINITY)
    calls = calls.filter((call) => call.sent < call.order.length)
    return taken
  }

  const work = async (): Promise<void> => {
    // Calls made in the same turn travel together.
    await Promise.resolve()
    while (calls.length > 0) {
      const taken = take()
      try {
        const result = await run(
          taken.map(({ call, position }) => call.texts[position]!),
          taken.map(({ call }) => call.view.handle),
        )
        handOut(taken, result)
        // A call that failed is over, whatever else of it is to do.
        if (result.failed) calls = calls.filter((call) => !result.failed!.positions.some((i) => taken[i]!.call === call))
      } catch (error) {
        for (const { call } of taken) call.reject(error)
        calls = calls.filter((call) => !taken.some((other) => other.call === call))
      }
    }
    // Here and not in `finally`, which would run after a call that comes in between.
    running = undefined
  }

  return {
    encode: (view, texts, { signal, onTruncated } = {}) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        if (texts.length === 0) return resolve([])
        const order = texts.map((_, position) => position).sort((a, b) => cost(view, texts[b]!) - cost(view, texts[a]!))
        let ended = false
        const onAbort = (): void => {
          calls = calls.filter((other) => other !== call)
          end(reject)(signal!.reason)
        }
        const end =
          <A>(settle: (value: A) => void) =>
          (value: A): void => {
            ended = true
            signal?.removeEventListener('abort', onAbort)
            settle(value)
          }
        const call: Call = {
          view,
          texts,
          order,
          sent: 0,
          left: texts.length,
          vectors: Array.from<Vector>({ length: texts.length }),
          onTruncated: (truncation) => ended || onTruncated?.(truncation),
          resolve: end(resolve),
          reject: end(reject),
        }
        signal?.addEventListener('abort', onAbort, { once: true })
        calls.push(call)
        running ??= work()
      }),
  }
}

/** Gives every call what is its own of a pass. */
function handOut(taken: readonly { call: Call; position: number }[], { vectors, truncated, failed }: EncodeResult): void {
  let end = 0
  taken.forEach(({ call, position }, i) => {
    const start = end
    end += call.view.dimensions
    // What one expert's weights make of a text is no matter of the others in the pass.
    if (failed?.positions.includes(i)) return call.reject(reviveError(failed.error))
    call.vectors[position] = vectors.slice(start, end)
    const tokens = truncated[i]
    try {
      if (tokens !== undefined) call.onTruncated?.({ index: position, tokens, limit: call.view.maxTokens })
    } catch (error) {
      call.reject(error)
    }
    if (--call.left === 0) call.resolve(call.vectors)
  })
}
