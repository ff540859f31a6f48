import type { Router } from '../routing/router.ts'

/** A router under a name of its own. */
export interface Variant {
  readonly name: string
  readonly router: Router
  /** Sets it is asked about. @default all */
  readonly sets?: readonly string[]
}

/** What became of a set's judged queries; all lists in the order of the judgements. */
export interface AskedSet {
  readonly set: string
  /** The expert that it belongs to, where somebody says. */
  readonly owner: string | undefined
  /** nDCG@10 of every query under each expert, the general one among them. */
  readonly experts: ReadonlyMap<string, readonly number[]>
  /** The same by the name of the router, with the expert it put first. */
  readonly variants: ReadonlyMap<string, { readonly scores: readonly number[]; readonly chosen: readonly string[] }>
}

/** Scores under one router. */
export function under(variant: string): (asked: AskedSet) => readonly number[] | undefined {
  return ({ variants }) => variants.get(variant)?.scores
}

/** Scores under one expert, asked everything. */
export function by(expert: string): (asked: AskedSet) => readonly number[] | undefined {
  return ({ experts }) => experts.get(expert)
}

/** Scores of the expert that a set belongs to where that is one of `present`, else of `otherwise`: the dataset oracle. */
export function byOwner(present: readonly string[], otherwise: string): (asked: AskedSet) => readonly number[] | undefined {
  return ({ owner, experts }) => experts.get(owner !== undefined && present.includes(owner) ? owner : otherwise)
}

/** For each query the score of whoever of `present` answers it best: the oracle that no choice of one expert exceeds. */
export function byBest(present: readonly string[]): (asked: AskedSet) => readonly number[] | undefined {
  return ({ experts }) => {
    const all = present.flatMap((name) => (experts.has(name) ? [experts.get(name)!] : []))
    return all[0]?.map((_, query) => Math.max(...all.map((scores) => scores[query]!)))
  }
}
