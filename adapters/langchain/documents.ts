import { Document, type DocumentInterface } from '@langchain/core/documents'
import type { Hit, Metadata, Document as PilotfishDocument } from 'pilotfish'

/** What `withScores` puts under the metadata key `pilotfish`. */
export interface HitMetadata {
  /** What the list is ordered by, in [0, 1]; higher is better. */
  readonly score: number
  /** Cosine under the routed expert, in [-1, 1]. */
  readonly similarity: number
  /** Raw BM25, 0 or more; 0 where BM25 had no say. */
  readonly lexical: number
  /** The expert that vouches for it. */
  readonly expert: string
}

/** A string under `metadata.title` becomes the title, which weighs more than the body; it also stays in the metadata. */
export function fromLangchain({ pageContent, metadata }: DocumentInterface, id: string): PilotfishDocument {
  const title: unknown = metadata?.title
  return { id, text: pageContent, ...(typeof title === 'string' && { title }), ...(metadata && { metadata: metadata as Metadata }) }
}

/** Keeps the id. A title that did not come from the metadata is put there. */
export function toLangchain({ id, text, title, metadata }: PilotfishDocument, hit?: HitMetadata): Document {
  return new Document({
    id,
    pageContent: text,
    metadata: { ...(title !== undefined && { title }), ...metadata, ...(hit && { pilotfish: hit }) },
  })
}

export function hitDocument({ document, score, similarity, lexical, expert }: Hit, withScores: boolean): Document {
  return toLangchain(document, withScores ? { score, similarity, lexical, expert } : undefined)
}
