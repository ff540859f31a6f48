import type { StoreResult } from '../../store/store.ts'
import type { Vector } from '../../vector.ts'

/** Held-out queries of one set, whose domain one expert knows. */
export interface QueryGroup {
  /** Name of the set. */
  readonly set: string
  /** The expert of its domain. */
  readonly expert: string
  readonly queries: readonly HeldOutQuery[]
  /** Further queries of the set, as text: they teach the classifiers and nothing else, and are not stored. */
  readonly lessons: readonly string[]
  /** Sentences of the set's documents: they teach the classifiers the domain's words, at a lower weight, and are not stored. @default none */
  readonly passages?: readonly string[]
  /** How much one of its queries teaches the classifiers, beside one of another group. @default 1 */
  readonly weight?: number
}

/** A query that no training saw. */
export interface HeldOutQuery {
  readonly text: string
  /** Its base vector. */
  readonly vector: Vector
  /** What searches found for it; empty when it only serves as a pilot. */
  readonly found: readonly Found[]
}

/** The candidates of one search, seen by every expert: `similarities` are in the order of `FoundBy.experts`. */
export interface Found {
  readonly result: StoreResult
  /** nDCG@10 of a ranking of the candidates, given as ids. */
  readonly score: (ranked: readonly string[]) => number
}

/** Whether any of a group's queries was searched for: only then do its answers say how to search. */
export function isSearched({ queries }: QueryGroup): boolean {
  return queries.some(({ found }) => found.length > 0)
}

/** Mean of a number over groups, each weighing the same, whatever its size. */
export function meanOverGroups<T>(groups: readonly (readonly T[])[], value: (item: T) => number): number {
  const filled = groups.filter((group) => group.length > 0)
  if (filled.length === 0) return 0
  return filled.reduce((sum, group) => sum + group.reduce((total, item) => total + value(item), 0) / group.length, 0) / filled.length
}
