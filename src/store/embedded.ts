import { resolve } from 'node:path'
import { ClosedError, InvalidArgumentError } from '../errors.ts'
import { startWorker } from '../worker.ts'
import { checkEntries, checkIds, checkPage, checkQueries, checkSelection } from './checks.ts'
import type { RowWithSpaces, SampleMessage } from './embedded/collection.ts'
import { toDocument } from './embedded/documents.ts'
import { joinedCalls } from './embedded/joined.ts'
import { exitGate } from '../exit-gate.ts'
import { packEntries, packQueries, unpackResults, type OpenMessage, type ResultsMessage } from './embedded/messages.ts'
import { lexicalSettings } from './lexical/bm25.ts'
import type { LexicalOptions, Store, StoredDocument, StoreInfo, StoreQuery, StoreResult } from './store.ts'

export interface EmbeddedStoreOptions {
  /** Searches an index while another process may be writing it; sees what that one commits. @default false */
  readonly readOnly?: boolean
  /** How BM25 scores. Kept with the index. @default what the index was last opened with */
  readonly lexical?: LexicalOptions
  /** Vectors from which on a space gets a graph, which is built in the background; below, and with `Infinity`, searches scan. @default 25,000 */
  readonly graphFrom?: number
  /**
   * How vectors are kept: `float16` halves their room on disk and changes cosines by less than 0.001. Kept with the index: another
   * than it has is refused. @default what the index has, `float32` for a new one
   */
  readonly vectors?: 'float32' | 'float16'
  /**
   * The share of the nearest that a search by graph is to find, on average at ten hits, in (0, 1]. How broadly it has to look for that is measured on
   * the collection itself, in the background. 1 searches by scanning only. @default 0.995
   */
  readonly recall?: number
  /** Gives up opening. */
  readonly signal?: AbortSignal
}

/**
 * Keeps documents in one SQLite file and searches them in a thread of its own. One writer and any number of readers
 * may have a directory open; `':memory:'` keeps nothing.
 * @throws IndexLockedError, IndexNotFoundError, IndexReadOnlyError, IndexCorruptError, StorageError
 */
export async function embeddedStore(directory: string, options: EmbeddedStoreOptions = {}): Promise<Store> {
  const { readOnly = false, lexical, graphFrom = 25_000, recall = 0.995, vectors, signal } = options
  signal?.throwIfAborted()
  if (lexical) lexicalSettings(lexical)
  if (!(graphFrom >= 0)) throw new InvalidArgumentError('graphFrom', 'must be a number of 0 or more')
  if (vectors !== undefined && vectors !== 'float32' && vectors !== 'float16')
    throw new InvalidArgumentError('vectors', 'must be "float32" or "float16"')
  if (!(recall > 0 && recall <= 1)) throw new InvalidArgumentError('recall', 'must be above 0 and at most 1')
  const { gate, release } = exitGate()
  const worker = startWorker('store', './store/embedded/worker.ts', 'store-worker')
  try {
    const message: OpenMessage = {
      directory: directory === ':memory:' ? undefined : resolve(directory),
      readOnly,
      lexical,
      graphFrom: recall === 1 ? Infinity : graphFrom,
      recall,
      vectors,
      gate,
    }
    await worker.request('open', message, { signal })
  } catch (error) {
    await worker.close().finally(release)
    throw error
  }

  let closed = false
  const send = async <T>(method: string, argument: unknown, signal?: AbortSignal, transfer: ArrayBuffer[] = []): Promise<T> => {
    if (closed) throw new ClosedError('The store')
    return worker.request<T>(method, argument, { signal, transfer })
  }

  const searches = joinedCalls<StoreQuery, StoreResult>(async (queries, signal) => {
    const message = packQueries(queries)
    const results = await send<ResultsMessage>('search', message, signal, [message.values.buffer])
    return unpackResults(
      results,
      queries.map(({ vectors }) => vectors.length),
    )
  }, searchedTogether)
  const gets = joinedCalls<string, RowWithSpaces | undefined>((ids, signal) => send('get', ids, signal), mostIds)
  /** What was asked first is answered first. */
  const request: typeof send = (...message) => {
    searches.flush()
    gets.flush()
    return send(...message)
  }

  return {
    info: () => request<StoreInfo>('info', undefined),

    async upsert(entries, { signal } = {}) {
      // Dimensions of spaces that exist are checked by the worker, which knows them.
      checkEntries(entries, new Map())
      const message = packEntries(entries)
      await request(
        'upsert',
        message,
        signal,
        message.spaces.map(({ values }) => values.buffer),
      )
    },

    async delete(selection, { signal } = {}) {
      checkSelection(selection)
      return request('delete', selection, signal)
    },

    async search(queries, { signal } = {}) {
      checkQueries(queries, new Map())
      gets.flush()
      return searches.call(queries, signal)
    },

    expect(texts) {
      if (!closed) worker.notify('expect', texts)
    },

    async get(ids, { signal } = {}) {
      checkIds(ids)
      searches.flush()
      return (await gets.call(ids, signal)).map((row) => row && describe(row))
    },

    async scan(page, { signal } = {}) {
      checkPage(page)
      const { rows, ...rest } = await request<{ rows: RowWithSpaces[]; next?: string }>('scan', page, signal)
      return { documents: rows.map(describe), ...rest }
    },

    async vectors(space, ids, { signal } = {}) {
      checkIds(ids)
      return request('vectors', { space, ids }, signal)
    },

    async sample(space, count, { signal } = {}) {
      const { rows, vectors, total } = await request<SampleMessage>('sample', { space, count }, signal)
      return { documents: rows.map((row, i) => ({ document: toDocument(row), vector: vectors[i]! })), total }
    },

    async close() {
      searches.flush()
      gets.flush()
      closed = true
      await worker.close().finally(release)
    },
  }
}

/** Searches that are joined: what profits from being looked at together, and few enough that the first does not wait long for the last. */
const searchedTogether = 4
/** Documents that are asked for in one message. */
const mostIds = 1024

function describe(row: RowWithSpaces): StoredDocument {
  return { document: toDocument(row), hash: row.hash, spaces: row.spaces }
}
