import { serveWorker } from '../../worker.ts'
import { searcher, type Searcher } from './nearest.ts'
import type { SearchMessage } from './threads.ts'
import type { SharedVectors } from './vectors.ts'

/** One thread of an exact search: memory is shared, so only queries and what was found cross. */
const searchers = new Map<number, { readonly search: Searcher; readonly dimensions: number }>()

serveWorker({
  load({ key, vectors, thread }: { key: number; vectors: SharedVectors; thread: number }) {
    searchers.set(key, { search: searcher(vectors, thread), dimensions: vectors.dimensions })
  },
  nearest({ key, queries, k }: SearchMessage, { transfer }) {
    const { search, dimensions } = searchers.get(key)!
    const vectors = Array.from({ length: queries.length / dimensions }, (_, i) => queries.slice(i * dimensions, (i + 1) * dimensions))
    const found = search(vectors, k)
    transfer(found.rows.buffer, found.similarities.buffer)
    return found
  },
  forget(key: number) {
    searchers.delete(key)
  },
})
