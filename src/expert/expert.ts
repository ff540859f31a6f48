import type { Encoder } from '../encoder/encoder.ts'
import type { Vector } from '../vector.ts'

/**
 * Something that knows a domain: a name, a query side and a document side. Experts whose document encoders have the
 * same `id` share one space, so the corpus is embedded, stored and indexed once for all of them.
 */
export type Expert = AdapterExpert | TableExpert | LoraExpert | InstructionExpert | ModelExpert | RemoteExpert | LexicalExpert

interface NamedExpert {
  /** Unique in an engine: letters, digits, `-` and `_`. */
  readonly name: string
  /** One line for people: what it knows. */
  readonly description?: string
  /** What it retrieves for: who asks with that task asks it, or another of the same task. One of the six, or a name of one's own. */
  readonly task?: string
  /** nDCG@10 on held-out queries of its domain, fractions of 1: the general expert's, and its own. */
  readonly heldOut?: { readonly general: number; readonly expert: number }
  /** Arrived after the base: the base was trained without its questions. */
  readonly late?: boolean
}

interface DenseExpert extends NamedExpert {
  /** Embeds a query. */
  readonly queryEncoder: Encoder
  /** Embeds documents; its `id` names the space this expert searches. */
  readonly documentEncoder: Encoder
}

/** A learned map on the base vector: a routed query costs no second pass. */
export interface AdapterExpert extends DenseExpert {
  readonly kind: 'adapter'
  /** Base query vector in, expert query vector out; both unit length. Pure. */
  readonly adapt: (baseVector: Vector) => Vector
}

/** A static base whose query-side token table has sparse changes. */
export interface TableExpert extends DenseExpert {
  readonly kind: 'table'
}

/** A transformer base with low-rank changes of its linear layers, served by the base's own session. */
export interface LoraExpert extends DenseExpert {
  readonly kind: 'lora'
}

/**
 * The base with a task's instructions before texts, and perhaps a learned map behind: a routed query costs one more pass of the base, whose
 * vector of the bare query it cannot use.
 */
export interface InstructionExpert extends DenseExpert {
  readonly kind: 'instruction'
}

/** A model of its own, with a space of its own unless its document encoder is the base. The general expert is one. */
export interface ModelExpert extends DenseExpert {
  readonly kind: 'model'
}

/** Vectors made by someone else's code or server: LangChain `Embeddings`, LlamaIndex `BaseEmbedding`. */
export interface RemoteExpert extends DenseExpert {
  readonly kind: 'remote'
}

/** BM25 over the stored text; no vector at all. */
export interface LexicalExpert extends NamedExpert {
  readonly kind: 'lexical'
}

/** True for every kind that has encoders. */
export function isDense(expert: Expert): expert is Exclude<Expert, LexicalExpert> {
  return expert.kind !== 'lexical'
}
