import { randomUUID } from 'node:crypto'
import type { Callbacks } from '@langchain/core/callbacks/manager'
import type { DocumentInterface } from '@langchain/core/documents'
import type { EmbeddingsInterface } from '@langchain/core/embeddings'
import { VectorStore, type MaxMarginalRelevanceSearchOptions } from '@langchain/core/vectorstores'
import { InvalidArgumentError, UnsupportedError, type Engine, type Filter, type Hit, type RetrieveOptions } from 'pilotfish'
import { fromLangchain, hitDocument, toLangchain } from './documents.ts'
import { routeEvent } from './route-event.ts'

export interface PilotfishVectorStoreInput extends Pick<RetrieveOptions, 'expert' | 'task' | 'lexicalWeight' | 'minSimilarity'> {
  readonly engine: Engine
  /** Puts `{ score, similarity, lexical, expert }` under the metadata key `pilotfish`. @default false */
  readonly withScores?: boolean
}

/**
 * An engine as a LangChain vector store. Searches take text, because which vector a query has depends on the expert it
 * is routed to. Scores are what the list is ordered by, in [0, 1]; higher is better.
 */
export class PilotfishVectorStore extends VectorStore {
  declare FilterType: Filter
  readonly engine: Engine
  readonly #search: RetrieveOptions
  readonly #withScores: boolean

  constructor({ engine, withScores = false, ...search }: PilotfishVectorStoreInput) {
    super(routedEmbeddings, {})
    if (typeof engine?.retrieve !== 'function')
      throw new InvalidArgumentError('engine', 'must be an open engine', 'Make one with `await openPilotfish()`.')
    this.engine = engine
    this.#search = search
    this.#withScores = withScores
  }

  /** A literal: the base class asks before the fields of this one exist. */
  override _vectorstoreType(): string {
    return 'pilotfish'
  }

  /** Adds or replaces. An id comes from `options.ids`, else from the document, else it is a new UUID. Returns the ids. */
  override async addDocuments(documents: DocumentInterface[], options: { ids?: string[]; signal?: AbortSignal } = {}): Promise<string[]> {
    const { ids, signal } = options
    if (ids && ids.length !== documents.length)
      throw new InvalidArgumentError('ids', `has ${ids.length} entries for ${documents.length} documents`)
    const ready = documents.map((document, i) => fromLangchain(document, ids?.[i] ?? document.id ?? randomUUID()))
    await this.engine.add(ready, { signal })
    return ready.map(({ id }) => id)
  }

  /** Deletes `{ ids }` or what matches `{ filter }`; `{ filter: {} }` deletes everything. Unknown ids are ignored. */
  override async delete(selection: { ids?: string[]; filter?: Filter } = {}): Promise<void> {
    const { ids, filter } = selection
    if ((ids === undefined) === (filter === undefined)) throw new InvalidArgumentError('selection', 'must be either { ids } or { filter }')
    await this.engine.delete(ids ? { ids } : { filter: filter! })
  }

  /** Documents that are there, in the order of their ids. */
  async getByIds(ids: readonly string[]): Promise<DocumentInterface[]> {
    return (await this.engine.get(ids)).flatMap((document) => (document ? [toLangchain(document)] : []))
  }

  override async similaritySearch(query: string, k = 4, filter?: Filter, callbacks?: Callbacks): Promise<DocumentInterface[]> {
    return this.#documents(await this.#hits(query, { topK: k, filter }, callbacks))
  }

  override async similaritySearchWithScore(
    query: string,
    k = 4,
    filter?: Filter,
    callbacks?: Callbacks,
  ): Promise<[DocumentInterface, number][]> {
    const hits = await this.#hits(query, { topK: k, filter }, callbacks)
    return this.#documents(hits).map((document, i) => [document, hits[i]!.score])
  }

  override async maxMarginalRelevanceSearch(
    query: string,
    options: MaxMarginalRelevanceSearchOptions<Filter>,
    callbacks?: Callbacks,
  ): Promise<DocumentInterface[]> {
    const { k, fetchK = 20, lambda = 0.5, filter } = options
    return this.#documents(await this.#hits(query, { topK: k, filter, diversity: { lambda, fetchK: Math.max(fetchK, k) } }, callbacks))
  }

  /** Never possible. @throws UnsupportedError */
  override async similaritySearchVectorWithScore(): Promise<[DocumentInterface, number][]> {
    throw new UnsupportedError(
      'PilotfishVectorStore cannot search by a bare vector: each expert has its own.',
      'Search by text with similaritySearch().',
    )
  }

  /** Never possible. @throws UnsupportedError */
  override async addVectors(): Promise<string[]> {
    throw new UnsupportedError(
      'PilotfishVectorStore cannot store vectors made elsewhere: its experts embed.',
      'Use addDocuments(), and langchainExpert() to bring embeddings of your own.',
    )
  }

  static override async fromTexts(
    texts: string[],
    metadatas: object[] | object,
    embeddings: EmbeddingsInterface | undefined,
    input: PilotfishVectorStoreInput,
  ): Promise<PilotfishVectorStore> {
    const documents = texts.map((pageContent, i) => ({
      pageContent,
      metadata: { ...(Array.isArray(metadatas) ? metadatas[i] : metadatas) },
    }))
    return this.fromDocuments(documents, embeddings, input)
  }

  /** `embeddings` must be left `undefined`: the engine's experts embed. */
  static override async fromDocuments(
    documents: DocumentInterface[],
    embeddings: EmbeddingsInterface | undefined,
    input: PilotfishVectorStoreInput,
  ): Promise<PilotfishVectorStore> {
    if (embeddings)
      throw new UnsupportedError(
        'PilotfishVectorStore would not use these embeddings: its experts embed.',
        'Pass undefined, or add them to the engine with langchainExpert().',
      )
    const store = new this(input)
    await store.addDocuments(documents)
    return store
  }

  async #hits(query: string, options: RetrieveOptions, callbacks: Callbacks | undefined): Promise<readonly Hit[]> {
    const retrieval = await this.engine.retrieve(query, { ...this.#search, ...options })
    // From `asRetriever()` comes a manager whose parent is the retriever's run: the route belongs to that run.
    const run = callbacks && !Array.isArray(callbacks) ? callbacks.getParentRunId() : undefined
    if (run && !Array.isArray(callbacks)) await callbacks?.handleCustomEvent?.('route', routeEvent(retrieval), run)
    return retrieval.hits
  }

  #documents(hits: readonly Hit[]): DocumentInterface[] {
    return hits.map((hit) => hitDocument(hit, this.#withScores))
  }
}

/** The base class wants embeddings; a routed store has no single one to offer. */
const routedEmbeddings: EmbeddingsInterface = { embedQuery: refuse, embedDocuments: refuse }

async function refuse(): Promise<never> {
  throw new UnsupportedError(
    'PilotfishVectorStore has no single embedding: each query goes to the expert that knows its domain.',
    'Search by text.',
  )
}
