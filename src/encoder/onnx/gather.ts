import { reviveError } from '../../errors.ts'
import type { EncodeOptions } from '../encoder.ts'
import type { Vector } from '../../vector.ts'
import type { EncodeResult, OpenResult } from './protocol.ts'

/** A session of a model. It runs what it is given one piece after the other. */
export interface Lane {
  /** Encodes texts, each in the way its handle stands for. */
  run(texts: readonly string[], handles: readonly number[]): Promise<EncodeResult>
}

/** The sessions of a model. */
export interface Lanes {
  /** Answers queries; and everything else as long as there are no others. */
  readonly latency: Lane
  /** Those for long lists that are ready. */
  throughput(): readonly Lane[]
  /** Asked for when there is work for them: now, and then again and again. */
  wanted(): void
}

/** Sends texts to a model in passes that calls share. */
export interface Gatherer {
  encode(view: View, texts: readonly string[], options?: EncodeOptions): Promise<Vector[]>
}

/** In which way a call uses the model. */
type View = Pick<OpenResult, 'handle' | 'dimensions' | 'maxTokens'>

/** Characters of a call that is no query any more: about 500 tokens. */
const queryBudget = 2_048
/** Characters of a piece where sessions share a long list: enough to sort by length, and few enough to end at the same time. */
const [smallestPiece, largestPiece] = [1_024, 8_192]
/** Characters of a pass where one session serves all, about 2,000 tokens: a query waits for no more than that. */
const sharedBudget = 8_192
/** Of a long list a session always has its next piece waiting. */
const piecesAhead = 2
/** Queries beyond this many characters are worth more than one session. */
const crowd = 256

/** One `encode` call and what is still to do of it. */
interface Call {
  readonly view: View
  readonly texts: readonly string[]
  /** What each text costs, in characters. */
  readonly costs: Float64Array
  /** All positions, longest text first, so that what is sent together is of similar length. */
  readonly order: Uint32Array
  /** A long list, of which pieces are made. */
  readonly isLong: boolean
  /** How many of `order` are on their way or back. */
  sent: number
  /** What is not, in characters. */
  unsent: number
  /** How many have not come back. */
  left: number
  readonly vectors: Vector[]
  readonly onTruncated: EncodeOptions['onTruncated']
  resolve(vectors: Vector[]): void
  reject(error: unknown): void
}

type Taken = readonly { readonly call: Call; readonly position: number }[]

/** What a session is busy with. */
interface Load {
  queries: number
  pieces: number
}

/**
 * Joins concurrent calls into shared passes, whatever way each of them uses the model, and cuts long ones into pieces, so that many
 * single queries cost few passes and a query need not wait for ten thousand documents. Nothing waits for company: what comes while all
 * sessions are busy travels together next.
 */
export function gatherCalls(lanes: Lanes): Gatherer {
  let calls: Call[] = []
  let planned = false
  const loads = new Map<Lane, Load>()
  const loadOf = (lane: Lane): Load => loads.get(lane) ?? idle

  const send = async (lane: Lane, kind: keyof Load, taken: Taken): Promise<void> => {
    if (taken.length === 0) return
    const load = loads.get(lane) ?? { queries: 0, pieces: 0 }
    loads.set(lane, load)
    load[kind]++
    try {
      const result = await lane.run(
        taken.map(({ call, position }) => call.texts[position]!),
        taken.map(({ call }) => call.view.handle),
      )
      handOut(taken, result)
      // A call that failed is over, whatever else of it is to do.
      if (result.failed) drop(new Set(result.failed.positions.map((i) => taken[i]!.call)))
    } catch (error) {
      for (const { call } of taken) call.reject(error)
      drop(new Set(taken.map(({ call }) => call)))
    } finally {
      load[kind]--
      if (load.queries + load.pieces === 0) loads.delete(lane)
      plan()
    }
  }
  const drop = (over: ReadonlySet<Call>): void => {
    calls = calls.filter((call) => !over.has(call))
  }
  const takeOf = (from: readonly Call[], budget: number): Taken => {
    const taken = take(from, budget)
    calls = calls.filter(({ sent, order }) => sent < order.length)
    return taken
  }

  /** Gives every session that can take more what is best for it. */
  const work = (): void => {
    planned = false
    const queries = calls.filter(({ isLong }) => !isLong)
    const long = calls.length > queries.length
    const waiting = costOf(queries)
    if (long || waiting > crowd) lanes.wanted()
    const throughput = lanes.throughput()
    const { latency } = lanes
    if (throughput.length === 0) {
      if (calls.length > 0 && loadOf(latency) === idle) void send(latency, 'queries', takeOf(calls, sharedBudget))
      return
    }

    for (let lane = next(throughput, loadOf); lane && calls.some(({ isLong }) => isLong); lane = next(throughput, loadOf)) {
      const lists = calls.filter(({ isLong }) => isLong)
      const share = costOf(lists) / (throughput.length * piecesAhead * 2)
      void send(lane, 'pieces', takeOf(lists, Math.max(smallestPiece, Math.min(largestPiece, share))))
    }
    if (waiting === 0 || queries.length === 0) return
    const free = throughput.filter((lane) => loadOf(lane) === idle)
    const shared = throughput.some((lane) => loadOf(lane).queries > 0)
    // Threads of the first session would want the same cores as those that have queries already.
    if (free.length > 0 && (shared || waiting > crowd)) {
      // Half of a share each: what is embedded can be searched while the other half is.
      const half = Math.max(crowd, Math.min(sharedBudget, waiting / free.length / 2))
      for (const lane of free) {
        const rest = queries.filter(({ sent, order }) => sent < order.length)
        void send(lane, 'queries', takeOf(rest, half))
      }
    } else if (loadOf(latency) === idle && !(shared && throughput.every((lane) => loadOf(lane).pieces === 0)))
      void send(latency, 'queries', takeOf(queries, sharedBudget))
  }
  const plan = (): void => {
    if (planned) return
    planned = true
    // Calls made in the same turn travel together.
    queueMicrotask(work)
  }

  return {
    encode: (view, texts, { signal, onTruncated } = {}) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        if (texts.length === 0) return resolve([])
        // More than this of a text is not read, so a megabyte costs like a page.
        const costs = Float64Array.from(texts, ({ length }) => 1 + Math.min(length, view.maxTokens * 5))
        const unsent = costs.reduce((sum, cost) => sum + cost, 0)
        let ended = false
        const onAbort = (): void => {
          drop(new Set([call]))
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
          costs,
          order: Uint32Array.from(texts, (_, position) => position).sort((a, b) => costs[b]! - costs[a]!),
          isLong: unsent > queryBudget,
          sent: 0,
          unsent,
          left: texts.length,
          vectors: Array.from<Vector>({ length: texts.length }),
          onTruncated: (truncation) => ended || onTruncated?.(truncation),
          resolve: end(resolve),
          reject: end(reject),
        }
        signal?.addEventListener('abort', onAbort, { once: true })
        calls.push(call)
        plan()
      }),
  }
}

const idle: Load = { queries: 0, pieces: 0 }

/** The session that runs out of pieces first, unless all have enough. */
function next(lanes: readonly Lane[], loadOf: (lane: Lane) => Load): Lane | undefined {
  let best: Lane | undefined
  let least = piecesAhead
  for (const lane of lanes) {
    const { pieces, queries } = loadOf(lane)
    if (pieces + queries < least) [best, least] = [lane, pieces + queries]
  }
  return best
}

function costOf(calls: readonly Call[]): number {
  let sum = 0
  for (const { unsent } of calls) sum += unsent
  return sum
}

/** The next texts of some calls, at least one: the oldest call always moves on; then the shortest come first. */
function take(calls: readonly Call[], budget: number): Taken {
  const taken: { call: Call; position: number }[] = []
  const from = (call: Call, most: number): void => {
    for (; call.sent < call.order.length && most > 0; most--) {
      const position = call.order[call.sent]!
      const price = call.costs[position]!
      if (taken.length > 0 && price > budget) return
      budget -= price
      call.unsent -= price
      call.sent++
      taken.push({ call, position })
    }
  }
  if (calls.length === 0) return taken
  from(calls[0]!, 1)
  for (const call of [...calls].sort((a, b) => a.unsent - b.unsent)) from(call, Number.POSITIVE_INFINITY)
  return taken
}

/** Gives every call what is its own of a pass. */
function handOut(taken: Taken, { vectors, truncated, failed }: EncodeResult): void {
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
