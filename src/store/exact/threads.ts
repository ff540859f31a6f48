import { availableParallelism } from 'node:os'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { startWorker, type WorkerClient } from '../../worker.ts'
import type { Vector } from '../../vector.ts'
import { searcher, type Nearest, type Searcher } from './nearest.ts'
import type { SharedVectors } from './vectors.ts'

/** Threads that search; several stores may use the same. */
export interface SearchThreads {
  readonly count: number
  /** Finds the `k` rows nearest to each vector. */
  nearest(vectors: SharedVectors, queries: readonly Vector[], k: number, signal?: AbortSignal): Promise<Nearest>
  /** Lets go of vectors that will not be searched again. */
  forget(vectors: SharedVectors): Promise<void>
  close(): Promise<void>
}

export interface SearchMessage {
  readonly key: number
  readonly queries: Float32Array
  readonly k: number
}

/** Queries that one thread takes at a time. */
const share = 96
/** Products from which on threads pay; below, starting them and handing over takes longer. */
const worthwhile = 2e7

/** @param count Threads, each of which is started when it is first needed. */
export function searchThreads(count = availableParallelism()): SearchThreads {
  const workers: WorkerClient[] = []
  const own = new WeakMap<SharedVectors, Searcher>()
  const known = new Map<SharedVectors, { readonly key: number; readonly loaded: Promise<unknown>[] }>()
  let keys = 0

  const worker = (index: number): WorkerClient => (workers[index] ??= startWorker('search', './store/exact/worker.ts', 'search-worker'))

  const inPlace = async (vectors: SharedVectors, queries: readonly Vector[], k: number, signal?: AbortSignal): Promise<Nearest> => {
    const search = own.get(vectors) ?? searcher(vectors, 0)
    own.set(vectors, search)
    const parts: Nearest[] = []
    for (let from = 0; from < queries.length; from += share) {
      if (from > 0) await nextTurn()
      signal?.throwIfAborted()
      parts.push(search(queries.slice(from, from + share), k))
    }
    return joined(parts, queries.length, k)
  }

  return {
    count,
    async nearest(vectors, queries, k, signal) {
      signal?.throwIfAborted()
      if (vectors.count * vectors.dimensions * queries.length < worthwhile) return inPlace(vectors, queries, k, signal)

      const { key, loaded } = known.get(vectors) ?? { key: keys++, loaded: [] }
      known.set(vectors, { key, loaded })
      const starts = Array.from({ length: Math.ceil(queries.length / share) }, (_, i) => i * share)
      const parts: Nearest[] = []
      let next = 0
      const serve = async (thread: number): Promise<void> => {
        while (next < starts.length) {
          const at = next++
          await (loaded[thread] ??= worker(thread).request('load', { key, vectors, thread }))
          const message: SearchMessage = { key, queries: flat(queries.slice(starts[at], starts[at]! + share), vectors.dimensions), k }
          parts[at] = await worker(thread).request<Nearest>('nearest', message, { signal })
        }
      }
      await Promise.all(Array.from({ length: Math.min(count, starts.length) }, (_, thread) => serve(thread)))
      return joined(parts, queries.length, k)
    },
    async forget(vectors) {
      const entry = known.get(vectors)
      known.delete(vectors)
      if (entry) await Promise.all(entry.loaded.map((_, thread) => worker(thread).request('forget', entry.key)))
    },
    async close() {
      await Promise.all(workers.map((each) => each.close()))
    },
  }
}

function joined(parts: readonly Nearest[], queries: number, k: number): Nearest {
  if (parts.length === 1) return parts[0]!
  const rows = new Int32Array(queries * k)
  const similarities = new Float64Array(queries * k)
  let at = 0
  for (const part of parts) {
    rows.set(part.rows, at)
    similarities.set(part.similarities, at)
    at += part.rows.length
  }
  return { rows, similarities }
}

function flat(vectors: readonly Vector[], dimensions: number): Float32Array {
  const values = new Float32Array(vectors.length * dimensions)
  vectors.forEach((vector, i) => values.set(vector, i * dimensions))
  return values
}
