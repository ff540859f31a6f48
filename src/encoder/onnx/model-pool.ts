import { PilotfishError } from '../../errors.ts'
import type { LoraWeights } from '../lora/weights.ts'
import { gatherCalls, type Gatherer, type Lane } from './gather.ts'
import type {
  AdaptRequest,
  EncodeRequest,
  EncodeResult,
  ForgetRequest,
  LoadRequest,
  NamedOpenRequest,
  OpenRequest,
  OpenResult,
} from './protocol.ts'
import { startSession, type SessionWorker } from './session-worker.ts'

/** A loaded model: one session for queries, and those for long lists once one came. */
export interface ModelPool {
  /** Joins the calls of all users of the model. */
  readonly calls: Gatherer
  open(request: OpenRequest): Promise<OpenResult>
  /** A way to use the model as `base` does, but changed. @returns its handle */
  adapt(base: number, weights: LoraWeights): Promise<number>
  forget(handle: number): Promise<void>
  /** Answers everything first. */
  close(): Promise<void>
}

/** How a worker gets to know a way to use the model. */
type Lesson =
  | { readonly method: 'open'; readonly argument: NamedOpenRequest; readonly base?: undefined }
  | { readonly method: 'adapt'; readonly argument: AdaptRequest; readonly base: number }

/** A session beside the first. */
interface Helper {
  readonly lane: Lane
  forget(handle: number): Promise<void>
  close(): Promise<void>
}

/** @param onLost Called when the first session's worker is gone: nothing can be asked of the model any more. */
export function modelPool(request: Omit<LoadRequest, 'gate' | 'beside'>, onLost: () => void): ModelPool {
  const { building: _, quantising: __, ...built } = request
  const first = startSession(request)
  // Whoever opens the model sees the error.
  first.catch(() => {})
  const lessons = new Map<number, Lesson>()
  let handles = 0
  let helpers: readonly Helper[] = []
  let starting: Promise<unknown> | undefined
  /** Of helpers that are not used any more. */
  const ends: Promise<void>[] = []
  let closing: Promise<void> | undefined

  const ask = async <T>(method: string, argument: unknown): Promise<T> => {
    try {
      return await (await first).request<T>(method, argument)
    } catch (error) {
      if (isLost(error)) onLost()
      throw error
    }
  }
  const latency: Lane = { run: (texts, handles) => ask<EncodeResult>('encode', { texts, handles } satisfies EncodeRequest) }

  const start = async (): Promise<void> => {
    const { hash, plan } = await first
    const { workers, threads } = plan.throughput
    const startOne = async (): Promise<void> => {
      const session = await startSession({ ...built, beside: { threads, hash } })
      const helper = helperOf(session, lessons, latency, () => {
        helpers = helpers.filter((other) => other !== helper)
        ends.push(helper.close().catch(() => {}))
      })
      if (closing) await helper.close()
      else helpers = [...helpers, helper]
    }
    // Nobody's error: the first session does what others do not.
    await Promise.allSettled(Array.from({ length: workers }, startOne))
  }

  return {
    calls: gatherCalls({
      latency,
      throughput: () => helpers.map(({ lane }) => lane),
      wanted() {
        if (request.threads > 1 && !closing) starting ??= start().catch(() => {})
      },
    }),
    async open(wish) {
      const argument = { ...wish, handle: handles++ }
      const opened = await ask<OpenResult>('open', argument)
      lessons.set(argument.handle, { method: 'open', argument })
      return opened
    },
    async adapt(base, weights) {
      const argument = { handle: handles++, base, weights }
      await ask('adapt', argument)
      lessons.set(argument.handle, { method: 'adapt', argument, base })
      return argument.handle
    },
    async forget(handle) {
      lessons.delete(handle)
      await Promise.all([ask('forget', { handle } satisfies ForgetRequest), ...helpers.map((helper) => helper.forget(handle))])
    },
    close() {
      closing ??= (async () => {
        const worker = await first.catch(() => undefined)
        await Promise.all([worker?.close(), starting, ...helpers.map((helper) => helper.close())])
        await Promise.all(ends)
      })()
      return closing
    },
  }
}

/**
 * A session that learns each way to use the model when it is first asked for it. What it cannot learn, and it should be able to as the first one
 * was, it leaves to the first, and is not asked again.
 */
function helperOf(worker: SessionWorker, lessons: ReadonlyMap<number, Lesson>, understudy: Lane, retire: () => void): Helper {
  const known = new Map<number, Promise<unknown>>()
  const learn = (handle: number): Promise<unknown> | undefined => {
    const lesson = lessons.get(handle)
    if (known.has(handle) || !lesson) return known.get(handle)
    const learned = (async () => {
      if (lesson.base !== undefined) await learn(lesson.base)
      await worker.request(lesson.method, lesson.argument)
    })()
    known.set(handle, learned)
    return learned
  }
  return {
    lane: {
      async run(texts, handles) {
        try {
          for (const handle of new Set(handles)) await learn(handle)
        } catch {
          retire()
          return understudy.run(texts, handles)
        }
        try {
          return await worker.request<EncodeResult>('encode', { texts, handles } satisfies EncodeRequest)
        } catch (error) {
          if (isLost(error)) retire()
          throw error
        }
      },
    },
    async forget(handle) {
      if (!known.delete(handle)) return
      await worker.request('forget', { handle } satisfies ForgetRequest)
    },
    close: () => worker.close(),
  }
}

function isLost(error: unknown): boolean {
  return PilotfishError.is(error) && error.code === 'WORKER_FAILED'
}
