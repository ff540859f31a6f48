/** One row of a file of pairs. */
export interface PairRow {
  readonly query: string
  /** Passages that answer it. */
  readonly passages: readonly string[]
  /** Passages that look like answers and are none. */
  readonly negatives: readonly string[]
}

/** A row that cannot be used. */
export interface PairProblem {
  readonly file: string
  /** Counted from 1; `undefined` when it is about the whole file. */
  readonly line?: number
  /** Completes a sentence: "has no passage". */
  readonly reason: string
}

export type OnProblem = (problem: PairProblem) => void
