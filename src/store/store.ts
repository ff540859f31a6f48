import type { Document, Filter, Selection } from '../document.ts'
import type { Vector } from '../vector.ts'

/**
 * Holds documents and one vector per document and space, and searches them. A document is wholly there or wholly
 * absent. Every method may be called while others are running; a search sees each batch of changes whole or not at all.
 */
export interface Store {
  info(): Promise<StoreInfo>
  /**
   * Adds or replaces documents, all of them or none. A document whose `hash` is the stored one keeps the vectors of
   * spaces that the entry does not give; a changed document loses them.
   * @throws DimensionMismatchError, InvalidVectorError
   */
  upsert(entries: readonly StoreEntry[], options?: StoreOptions): Promise<void>
  /** Deletes what is selected and returns how many documents that were. Unknown ids are ignored. */
  delete(selection: Selection, options?: StoreOptions): Promise<number>
  /** One result per query, in order. */
  search(queries: readonly StoreQuery[], options?: StoreOptions): Promise<StoreResult[]>
  /**
   * Tells what is about to be asked: a store may score these texts while the caller still embeds them, and need not. Changes no result;
   * nobody waits for it, and nothing comes of its failing. Optional.
   */
  expect?(texts: readonly string[]): void
  /** Documents by id, in order; `undefined` where there is none. */
  get(ids: readonly string[], options?: StoreOptions): Promise<(StoredDocument | undefined)[]>
  /** Pages through documents in a stable order: by id, by code point. */
  scan(page: ScanPage, options?: StoreOptions): Promise<ScanResult>
  /** Stored vectors of one space by document id; `undefined` where there is none. */
  vectors(space: string, ids: readonly string[], options?: StoreOptions): Promise<(Vector | undefined)[]>
  /**
   * Up to `count` documents with their vectors in one space, spread over the collection, the same until it changes. Optional: without it a
   * router does not learn what the collection holds.
   */
  sample?(space: string, count: number, options?: StoreOptions): Promise<Sample>
  /** Waits for running work, saves derived files, releases the directory. Safe to call twice; anything afterwards throws `ClosedError`. */
  close(): Promise<void>
}

export interface StoreOptions {
  readonly signal?: AbortSignal
}

/** Some documents of a collection. */
export interface Sample {
  readonly documents: readonly { readonly document: Document; readonly vector: Vector }[]
  /** Documents of the whole collection. */
  readonly total: number
}

export interface StoreInfo {
  readonly documents: number
  /** Vectors per space. Spaces come into being with their first vector. */
  readonly spaces: readonly { readonly space: string; readonly dimensions: number; readonly vectors: number }[]
  /** Where it lives, `:memory:` for none. */
  readonly location: string
  readonly readOnly: boolean
}

export interface StoreEntry {
  readonly document: Document
  /** Hash of everything that is stored of the document. */
  readonly hash: string
  /** Vectors by space. Unit length or zeros. */
  readonly vectors: Readonly<Record<string, Vector>>
}

export interface StoredDocument {
  readonly document: Document
  readonly hash: string
  /** Spaces in which the document has a vector. */
  readonly spaces: readonly string[]
}

/** At least one of `vectors` and `text` is given. */
export interface StoreQuery {
  /** Dense parts: each finds its own `topK` candidates among the documents that have a vector in its space. A vector of zeros finds nothing. */
  readonly vectors: readonly { readonly space: string; readonly vector: Vector }[]
  /** Lexical part (BM25): finds its own `topK` candidates. */
  readonly text?: string
  /** Candidates per part. 0 finds nothing; more than there are finds all. */
  readonly topK: number
  /** Only documents that match are candidates. */
  readonly filter?: Filter
  /** So many of the first candidates may come with their documents, which saves the caller asking for them. @default 0 */
  readonly documents?: number
}

export interface StoreResult {
  /**
   * The union of what the parts found, each candidate scored by every part. Ordered by the first dense part, else by
   * BM25, ties by id.
   */
  readonly candidates: readonly Candidate[]
  /** The BM25 score of a document that would hold every query term in saturation: bounds `lexical` from above. 0 without known terms. */
  readonly lexicalBound: number
  /** The documents of the first candidates, in order, as they were when searched: as many as were asked for, or fewer, or none. */
  readonly documents?: readonly Document[]
}

export interface Candidate {
  readonly id: string
  /** Cosine in [-1, 1] under each of the query's vectors, in order; -1 where the document has no vector in that space. */
  readonly similarities: readonly number[]
  /** BM25 score; 0 where no term matches or no text was asked. */
  readonly lexical: number
}

export interface ScanPage {
  /** Id of the last document of the previous page. @default from the start */
  readonly after?: string
  readonly limit: number
  /** Only documents that have no vector in this space. */
  readonly missing?: string
  readonly filter?: Filter
}

export interface ScanResult {
  readonly documents: readonly StoredDocument[]
  /** What to pass as `after` for the next page; `undefined` on the last one. */
  readonly next?: string
}

/** How BM25 scores. */
export interface LexicalOptions {
  /** Term frequency saturation. @default 1.2 */
  readonly k1?: number
  /** Length normalisation in [0, 1]. @default 0.75 */
  readonly b?: number
  /** How many times a title's terms count. @default 1 */
  readonly titleWeight?: number
}
