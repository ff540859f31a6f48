import type { TaskSample } from '../tasks/sample.ts'

/** One way of putting a sample's candidates in order, under the name its figures are reported by. */
export interface CandidateSystem {
  readonly name: string
  /**
   * Places of each sample's candidates, best first; `undefined` for a sample it has nothing to order by. Samples that share one array of
   * candidates are searched for in one collection, which is made ready once.
   */
  order(samples: readonly TaskSample[], options?: OrderOptions): Promise<(readonly number[] | undefined)[]>
}

export interface OrderOptions {
  /** Settles the order of equal scores. @default 1 */
  readonly seed?: number
  readonly signal?: AbortSignal
  /** Called with the queries and the candidates of which the encoder read only the beginning. */
  readonly onTruncated?: (texts: TruncatedTexts) => void
}

export interface TruncatedTexts {
  readonly queries: number
  readonly candidates: number
}
