import type { Document } from '../../document.ts'

/** A file that holds documents. */
export interface Source {
  /** `text` and `markdown`: one document; `json-lines`: one per line; `beir`: one per line of a retrieval set's corpus. */
  readonly kind: 'text' | 'markdown' | 'json-lines' | 'beir'
  /** Where to read it. */
  readonly path: string
  /** What its documents are called after: a path with `/` on every system, or the set's name. The same on every call. */
  readonly name: string
  readonly bytes: number
}

/** A document as its file gives it, not yet split. */
export interface SourceDocument {
  readonly document: Document
  /** Which separators a long text is best cut at: a file extension without the dot. */
  readonly format: string
  /** Whether a long text is cut at all, unless the caller insists. */
  readonly splittable: boolean
  readonly file: string
  /** Counted from 1; `undefined` when the document is the whole file. */
  readonly line?: number
  /** Bytes of the file read when this document is complete. */
  readonly position: number
}

/** Something in the input that did not become a document. */
export interface Problem {
  readonly file: string
  readonly line?: number
  /** Completes a sentence: "is not JSON". */
  readonly reason: string
  /** True for what nobody expects to be indexed, such as an empty file. */
  readonly harmless?: boolean
}

/** Takes note of a problem; throws where the caller asked for strictness. */
export type Report = (problem: Problem) => void
