/** What a plan goes by. */
export interface Circumstances {
  /** Threads that may be busy at once. */
  readonly threads: number
  /** Of the model's files, external weights included. */
  readonly modelBytes: number
  /** That other programs and models leave. */
  readonly freeBytes: number
  /** Weights are whole numbers: products take a quarter of the time, so that threads rarely have enough to share. */
  readonly quantised: boolean
}

/** How a model is spread over sessions, each in a worker of its own. */
export interface ThreadPlan {
  /** Threads of the session that answers queries. */
  readonly latency: number
  /** Sessions for long lists, started when the first comes, and the threads of each. None: the first session serves them too. */
  readonly throughput: { readonly workers: number; readonly threads: number }
}

/** Threads wait for each other about a hundred times in a pass, so more of them soon bring nothing to a query. */
const mostForQuery = 4
/** A quantised model up to this size answers a short query fastest on one thread. */
const smallQuantised = 64 * 2 ** 20
/** What a session needs beside its weights: values on their way, the thread's own heap, the tokenizer. */
const sessionBytes = 150 * 2 ** 20

/**
 * One session of several threads for queries, and as many single-threaded ones for long lists as there are threads, since those need not wait
 * for each other: fewer with more threads each where that many copies of the model would take more than half of the free memory.
 */
export function planThreads({ threads, modelBytes, freeBytes, quantised }: Circumstances): ThreadPlan {
  const latency = quantised && modelBytes <= smallQuantised ? 1 : Math.min(threads, mostForQuery)
  const room = Math.floor(freeBytes / 2 / (modelBytes + sessionBytes))
  const workers = Math.min(threads, room)
  // One worker with all threads gains little over the session there is, unless that has fewer.
  if (threads === 1 || workers === 0 || (workers === 1 && latency === threads)) return { latency, throughput: { workers: 0, threads: 0 } }
  return { latency, throughput: { workers, threads: Math.floor(threads / workers) } }
}
