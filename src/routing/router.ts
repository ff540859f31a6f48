import type { Vector } from '../vector.ts'

/**
 * Decides which expert answers a query, from its text and its base vector. Pure and synchronous: the same query gives
 * the same route. Immutable: adding or removing an expert gives a new router and leaves what was learned about the
 * others as it is.
 */
export interface Router {
  /** Names of the experts it can choose, the fallback expert excluded. */
  readonly experts: readonly string[]
  route(query: RouterQuery): Route
  /** A router that also knows this expert. Evidence under a name it knows replaces the old. */
  with(evidence: ExpertEvidence): Router
  /** A router that no longer chooses this expert. Unknown names change nothing. */
  without(expert: string): Router
  /** What it makes of a collection, from a sample of its documents, for `route` to take into account. Absent in routers that do not. */
  survey?(sample: readonly SurveyedDocument[], documents: number): Promise<Survey>
}

/** What a router sees of a query. */
export interface RouterQuery {
  readonly text: string
  /** The base encoder's vector of the text; zeros when it knows no word of it. */
  readonly vector: Vector
  /** The collection that is searched, as this router surveyed it. @default none */
  readonly survey?: Survey
}

/** A document of a sample. */
export interface SurveyedDocument {
  /** Its beginning. */
  readonly text: string
  /** As the base embeds it, unit length or zeros. */
  readonly vector: Vector
}

/**
 * What a router makes of a collection, from a sample of its documents and no label. It tells strangers from acquaintances where questions
 * do not: a question is a few words, and in a collection of law all of them are of law, however much one looks like medicine.
 */
export interface Survey {
  /** Documents of the collection. */
  readonly documents: number
  /** Of them, those that were looked at. */
  readonly sampled: number
  /** Parts of the collection that hang together. */
  readonly regions: readonly Region[]
  /** How many of the sampled documents each expert is the first for. */
  readonly claims: ReadonlyMap<string, number>
}

export interface Region {
  /** Unit length. */
  readonly centre: Vector
  /** Mean confidence of the router in its documents, taken as questions, in [0, 1]. */
  readonly familiarity: number
}

/** What a router learns an expert from: example queries of its domain, embedded by the base encoder. */
export interface ExpertEvidence {
  readonly expert: string
  readonly pilots: readonly Pilot[]
  /** Sentences of its documents, where they are at hand: they teach the words of the domain. Not stored. @default none */
  readonly passages?: readonly string[]
  /** BM25's share of the score for this expert's queries, in [0, 1], when calibrated. @default the router's fallback weight */
  readonly lexicalWeight?: number
}

/** One example query, or the centroid of a group of them (the paper's *pilot embedding*). */
export interface Pilot {
  /** Base vector, unit length. */
  readonly vector: Vector
  /** The query itself, when it may be kept: text routers learn from it. */
  readonly text?: string
  /** Hashed text features (`textFeatures(text)`), for pilots whose text is not kept. */
  readonly features?: SparseFeatures
  /** Queries it stands for. @default 1 */
  readonly weight?: number
}

/** A sparse vector: ascending indices and their values, same length. */
export interface SparseFeatures {
  readonly indices: Uint32Array
  readonly values: Float32Array
}

/** The decision for one query and everything that led to it. */
export interface Route {
  /** `expert`: one expert; `fused`: the two best, their margin being small; `fallback`: the general expert, the query being far from all; `forced`: the caller named the expert, or a task that only it is bound to. */
  readonly decision: 'expert' | 'fused' | 'fallback' | 'forced'
  /** Who is asked, best first. Weights sum to 1. */
  readonly experts: readonly { readonly name: string; readonly weight: number }[]
  /** Every expert the router knows, best first. Scores are in [0, 1] and sum to 1; a forced route has them too. */
  readonly scores: readonly ExpertScore[]
  /** Calibrated probability in [0, 1] that the best expert is the right one to ask rather than the general one. */
  readonly confidence: number
  /** How well the router knows what the collection holds near the query, in [0, 1]; absent where it was not surveyed. */
  readonly familiarity?: number
  /** Best score minus second best, in [0, 1]. 1 when there is only one expert. */
  readonly margin: number
  /** BM25's share of the final score, in [0, 1]. */
  readonly lexicalWeight: number
}

export interface ExpertScore {
  readonly expert: string
  readonly score: number
  /** Cosine to the expert's nearest pilot in [-1, 1] (after mean-centring, where the router centres). */
  readonly similarity: number
}
