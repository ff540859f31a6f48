import { performance } from 'node:perf_hooks'
import { serve } from './serve.ts'
import { readVectors, type VectorFiles } from './vectors.ts'

export interface SearchSetup {
  readonly vectors: VectorFiles
  readonly queries: VectorFiles
  /** Anything else a contender wants to know. */
  readonly options?: Readonly<Record<string, unknown>>
}

/** A collection, filled and ready. Documents go by their place in it. */
export interface OpenSearch {
  search(query: Float32Array, k: number): Promise<readonly number[]> | readonly number[]
  /** All in one call, where a library has one. */
  searchMany?(queries: readonly Float32Array[], k: number): Promise<readonly (readonly number[])[]>
  /** Sets how thorough a search is, where it can be set. */
  tune?(breadth: number): unknown
  close?(): Promise<unknown>
}

/** What came of some queries. */
export interface Searched {
  readonly milliseconds: number
  readonly found: readonly (readonly number[])[]
}

/** What part of the queries is asked, and how. */
export interface SearchRound {
  readonly from: number
  readonly to: number
  readonly k: number
  readonly breadth?: number
}

/** Serves `one` (queries one after another), `many` (all in one call) and `built` (milliseconds that filling the collection took). */
export function serveSearch(
  open: (vectors: readonly Float32Array[], options: Readonly<Record<string, unknown>>) => Promise<OpenSearch>,
): void {
  serve<SearchSetup>(async ({ vectors, queries: files, options = {} }) => {
    const documents = readVectors(vectors)
    const queries = readVectors(files)
    const start = performance.now()
    const opened = await open(documents, options)
    const built = performance.now() - start
    return {
      built: () => built,
      async one({ from, to, k, breadth }: SearchRound): Promise<Searched> {
        if (breadth !== undefined) await opened.tune?.(breadth)
        const found: (readonly number[])[] = []
        const start = performance.now()
        for (const query of queries.slice(from, to)) found.push(await opened.search(query, k))
        return { milliseconds: performance.now() - start, found }
      },
      async many({ from, to, k, breadth }: SearchRound): Promise<Searched> {
        if (breadth !== undefined) await opened.tune?.(breadth)
        const some = queries.slice(from, to)
        const start = performance.now()
        const found = await opened.searchMany!(some, k)
        return { milliseconds: performance.now() - start, found }
      },
      ...(opened.close && { close: () => opened.close!() }),
    }
  })
}
