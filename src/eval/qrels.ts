/** Relevance judgements of one query: grade by document id. 0 and below mean judged and not relevant. */
export type Grades = ReadonlyMap<string, number>

/** Relevance judgements by query id. */
export type Qrels = ReadonlyMap<string, Grades>

/** A document that a system returned. */
export interface RunHit {
  readonly id: string
  readonly score: number
}

/**
 * What a system returned, by query id. The order of the hits does not matter: like trec_eval, evaluation sorts them by
 * score (as 32-bit floats), and equal scores by document id, descending.
 */
export type Run = ReadonlyMap<string, readonly RunHit[]>
