import type { Document, Filter, Metadata, Selection } from './document.ts'
import type { Expert } from './expert/expert.ts'
import type { Route } from './routing/router.ts'
import type { StoreInfo } from './store/store.ts'

/** Routed retrieval over one collection of documents. Safe to call concurrently. */
export interface Engine {
  /** Adds or replaces documents. Unchanged ones (same content) are skipped without being embedded. */
  add(documents: DocumentSource, options?: AddOptions): Promise<AddResult>
  /** Deletes by id or by filter and returns how many documents that were. Unknown ids are ignored. */
  delete(selection: Selection, options?: { readonly signal?: AbortSignal }): Promise<number>
  /** Routes a query, asks the expert, and returns the best documents. */
  retrieve(query: string, options?: RetrieveOptions): Promise<Retrieval>
  /** The same for many queries, in order, with batched passes: `retrieveMany([a, b])` equals `[retrieve(a), retrieve(b)]`. */
  retrieveMany(queries: readonly string[], options?: RetrieveOptions): Promise<Retrieval[]>
  /** The decision alone, without a search. */
  route(query: string, options?: RouteOptions): Promise<Route>
  /** Documents by id, in order; `undefined` where there is none. */
  get(ids: readonly string[]): Promise<(Document | undefined)[]>
  /** Counts, spaces and location. */
  info(): Promise<StoreInfo>
  /** The experts of this engine, which may change while it is open. */
  readonly experts: Experts
  /** Finishes running work and releases files, threads and native memory. Safe to call twice. */
  close(): Promise<void>
}

/** Documents, one by one or streamed. */
export type DocumentSource = Iterable<Document> | AsyncIterable<Document>

export interface AddOptions {
  readonly signal?: AbortSignal
  /** Called after every committed batch. */
  readonly onProgress?: (progress: AddProgress) => void
  /** Documents per transaction: bounds memory and what is lost when the process is killed. @default 512 */
  readonly batchSize?: number
  /** How many documents there are, when the source cannot say: makes `progress.total` known. */
  readonly total?: number
}

export interface AddProgress {
  /** Documents dealt with so far, skipped ones included. */
  readonly done: number
  readonly total: number | undefined
  readonly embedded: number
  readonly unchanged: number
}

export interface AddResult {
  readonly added: number
  readonly updated: number
  readonly unchanged: number
  /** Documents longer than an encoder reads: it saw only their beginning (BM25 sees all of it). Split them for better results. */
  readonly truncated: number
}

export interface RouteOptions {
  readonly signal?: AbortSignal
  /** Ask this expert instead of routing. */
  readonly expert?: string
  /**
   * Ask only experts that are bound to this task: the one there is, else those among them that the router would ask, else the one it scores
   * highest, else the first. Scores, confidence and margin of the route stay what the router makes of all experts. Beside `expert` it must be
   * that expert's task. @default all experts, whatever they are bound to
   * @throws UnknownTaskError when none is
   */
  readonly task?: string
  /** BM25's share of the score, in [0, 1]. @default what the route says */
  readonly lexicalWeight?: number
}

export interface RetrieveOptions extends RouteOptions {
  /** Hits wanted. 0 gives none; more than there are documents gives all that match. @default 10 */
  readonly topK?: number
  readonly filter?: Filter
  /** Leaves out hits whose cosine under the routed expert is lower, in [-1, 1]. @default -1 */
  readonly minSimilarity?: number
  /** Trades relevance for variety (maximal marginal relevance, Carbonell and Goldstein 1998). @default off */
  readonly diversity?: Diversity
}

export interface Diversity {
  /** 1 is relevance only, 0 is variety only. @default 0.5 */
  readonly lambda?: number
  /** Hits to choose from. @default 4 × topK, at least 20 */
  readonly fetchK?: number
}

/** What a query found and why. */
export interface Retrieval {
  readonly query: string
  /** Best first. */
  readonly hits: readonly Hit[]
  readonly route: Route
  /** Milliseconds spent. In `retrieveMany` the batch's time divided by its queries. */
  readonly timings: { readonly embed: number; readonly route: number; readonly search: number; readonly total: number }
  /** The query was longer than the base encoder reads. */
  readonly truncated: boolean
}

export interface Hit {
  readonly document: Document
  /** What the list is ordered by, in [0, 1]; higher is better. Comparable across queries of one pack. */
  readonly score: number
  /** Cosine under the routed expert, in [-1, 1]; also computed for hits that only BM25 found. */
  readonly similarity: number
  /** Raw BM25, 0 or more; 0 where BM25 had no say. */
  readonly lexical: number
  /** The expert that vouches for it. */
  readonly expert: string
}

/** The experts of an open engine. */
export interface Experts {
  /**
   * Adds an expert. One whose documents are embedded by an encoder in use costs nothing; one that brings its own embeds
   * the stored texts first (resumable). Its example queries teach the router when to choose it; without any it is asked
   * only when named.
   * @throws DuplicateExpertError
   */
  add(expert: Expert, options?: AddExpertOptions): Promise<void>
  /** Removes an expert; documents stay. @throws UnknownExpertError, NoExpertsError for the last one */
  remove(name: string): Promise<void>
  list(): readonly ExpertInfo[]
}

export interface AddExpertOptions {
  /** Typical questions of the domain: a dozen help, a few hundred are good. */
  readonly queries?: readonly string[]
  /** BM25's share for this expert's questions, in [0, 1]. @default the pack's weight for unknown domains */
  readonly lexicalWeight?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: AddProgress) => void
}

export interface ExpertInfo {
  readonly name: string
  readonly kind: Expert['kind']
  readonly description: string
  /** What it retrieves for: who asks with that task asks it, or another of the same task. */
  readonly task?: string
  /** The space it searches, `undefined` for lexical ones. */
  readonly space: string | undefined
  /** The router may choose it. */
  readonly routed: boolean
  /** nDCG@10 on held-out queries of its domain, fractions of 1, where its maker measured it. */
  readonly heldOut?: { readonly general: number; readonly expert: number }
  /** Arrived after the base: the base was trained without its questions. Absent where nobody says. */
  readonly late?: boolean
}

export type { Document, Filter, Metadata }
