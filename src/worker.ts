import { Worker, parentPort, type Transferable } from 'node:worker_threads'
import { ClosedError, WorkerFailedError, describeError, reviveError, type ErrorMessage } from './errors.ts'

/** A worker thread that answers named requests. One request is one promise; errors keep their class. */
export interface WorkerClient {
  /** Aborting rejects at once; the worker is told, and finishes or drops the request as it can. */
  request<T>(method: string, argument?: unknown, options?: RequestOptions): Promise<T>
  /** Has something done of which nothing comes back, not even its failing. */
  notify(method: string, argument?: unknown): void
  /** Sends `close`, waits until the worker has answered everything, and ends it. Safe to call twice. */
  close(): Promise<void>
}

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined
  readonly transfer?: readonly Transferable[]
  /** Receives what the handler passes to `report`. */
  readonly onReport?: (report: unknown) => void
}

/** What runs inside the worker for one method. */
export type WorkerHandler = (
  argument: never,
  context: { readonly signal: AbortSignal; report(value: unknown): void; transfer(...items: Transferable[]): void },
) => unknown

/** Requests without an id are not answered. */
type Request = { id?: number; method: string; argument?: unknown } | { id: number; abort: true }
type Response = { id: number; value?: unknown; error?: ErrorMessage } | { id: number; report: unknown }

/**
 * Starts `src/<source>` (or its built form `dist/<built>.js`) as a worker. The thread keeps the process alive only
 * while requests are under way.
 */
export function startWorker(name: string, source: string, built: string): WorkerClient {
  // Built files lie side by side in dist/; from sources the TypeScript file is loaded through tsx.
  const fromSource = import.meta.url.endsWith('.ts')
  const worker = fromSource
    ? new Worker(loadThroughTsx(new URL(source, import.meta.url).href), { name, eval: true, execArgv: [] })
    : new Worker(new URL(`./${built}.js`, import.meta.url), { name })
  worker.unref()

  const pending = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void; onReport: RequestOptions['onReport'] }>()
  let nextId = 1
  let failure: Error | undefined
  let closing: Promise<void> | undefined

  const settle = (id: number): void => {
    pending.delete(id)
    // While it closes, the thread must keep the process alive: `close()` waits for its end.
    if (pending.size === 0 && !closing) worker.unref()
  }
  worker.on('message', (response: Response) => {
    const call = pending.get(response.id)
    if (!call) return
    if ('report' in response) return call.onReport?.(response.report)
    settle(response.id)
    if (response.error) call.reject(reviveError(response.error))
    else call.resolve(response.value)
  })
  const fail = (cause?: unknown): void => {
    failure ??= closing ? new ClosedError(name) : new WorkerFailedError(name, cause)
    for (const call of pending.values()) call.reject(failure)
    pending.clear()
  }
  worker.on('error', fail)
  worker.on('exit', () => fail())

  const send = <T>(method: string, argument: unknown, { signal, transfer, onReport }: RequestOptions = {}): Promise<T> => {
    if (failure) return Promise.reject(failure)
    const id = nextId++
    return new Promise<T>((resolve, reject) => {
      const onAbort = (): void => {
        worker.postMessage({ id, abort: true } satisfies Request)
        settle(id)
        reject(signal!.reason)
      }
      const finish =
        <A>(then: (value: A) => void) =>
        (value: A): void => {
          signal?.removeEventListener('abort', onAbort)
          then(value)
        }
      pending.set(id, { resolve: finish(resolve as (value: unknown) => void), reject: finish(reject), onReport })
      worker.ref()
      try {
        worker.postMessage({ id, method, argument } satisfies Request, transfer)
      } catch (error) {
        settle(id)
        return reject(error)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  return {
    request(method, argument, options = {}) {
      if (closing) return Promise.reject(new ClosedError(name))
      if (options.signal?.aborted) return Promise.reject(options.signal.reason)
      return send(method, argument, options)
    },
    notify(method, argument) {
      if (!failure && !closing) worker.postMessage({ method, argument } satisfies Request)
    },
    close() {
      // Never `terminate()`: ending a thread inside native code aborts the process.
      closing ??= failure
        ? Promise.resolve()
        : new Promise<void>((resolve, reject) => {
            worker.once('exit', () => resolve())
            send('close', undefined).catch((error) => (failure ? resolve() : reject(error)))
          })
      return closing
    },
  }
}

/** On Node 20 `--import tsx` does not reach worker threads, so the thread registers tsx itself before it loads its file. */
function loadThroughTsx(url: string): string {
  return `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(url)}) })`
}

/**
 * Answers requests inside a worker, one at a time in order of arrival: handlers need no locks. A `close` handler, when
 * there is one, runs last. An aborted request that has not begun is dropped.
 */
export function serveWorker(handlers: Readonly<Record<string, WorkerHandler>>): void {
  const port = parentPort
  if (!port) throw new Error('serveWorker runs inside a worker thread only.')
  const aborts = new Map<number, AbortController>()
  let tail: Promise<void> = Promise.resolve()

  port.on('message', (request: Request) => {
    if ('abort' in request) return aborts.get(request.id)?.abort()
    const { id } = request
    const abort = new AbortController()
    if (id !== undefined) aborts.set(id, abort)
    tail = tail.then(async () => {
      const transfer: Transferable[] = []
      try {
        abort.signal.throwIfAborted()
        const value = await handlers[request.method]?.(request.argument as never, {
          signal: abort.signal,
          report: (report) => id !== undefined && port.postMessage({ id, report } satisfies Response),
          transfer: (...items) => void transfer.push(...items),
        })
        if (id !== undefined) port.postMessage({ id, value } satisfies Response, transfer)
      } catch (error) {
        if (id !== undefined) port.postMessage({ id, error: describeError(error) } satisfies Response)
      } finally {
        if (id !== undefined) aborts.delete(id)
        if (request.method === 'close') port.close()
      }
      // Lets abort messages that arrived meanwhile be seen before the next request begins.
      await new Promise(setImmediate)
    })
  })
}
