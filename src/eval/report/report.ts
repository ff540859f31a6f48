import type { RouteCounts } from '../comparison.ts'
import type { QueryCost } from '../costs.ts'
import type { SetOwner } from '../oracles.ts'
import type { PilotPlace, Study } from '../results.ts'
import type { RoutingAccuracy } from '../set-result.ts'

/**
 * What the page is given, in three kinds of parcel, so that figures are there before the queries are unpacked: one
 * summary, one `QueryColumns` for each results directory, and the documents that any of them names. Columns, and whole
 * numbers in place of fractions, because 18,800 queries with eleven lists of hits must fit into a file that is mailed.
 */
export interface ReportSummary {
  readonly title: string
  readonly results: readonly ResultsSummary[]
  /** Documents that are in the report, and how long their texts are at most. */
  readonly documents: { readonly count: number; readonly characters: number }
}

/** One results directory: a tab. */
export interface ResultsSummary {
  readonly label: string
  readonly pack?: { readonly name: string; readonly version: string }
  readonly merged: boolean
  readonly split: string
  /** Documents that were searched. */
  readonly documents: number
  /** Judged queries by set. */
  readonly queries: Readonly<Record<string, number>>
  /** Queries that are in the report. */
  readonly saved: number
  readonly metrics: readonly string[]
  readonly systems: readonly SystemSummary[]
  readonly routes: Readonly<Record<string, RouteCounts>>
  readonly owners: Readonly<Record<string, SetOwner>>
  readonly studies: readonly Study[]
  readonly pilots: readonly PilotPlace[]
  /** How it came about: machine, versions, duration. */
  readonly circumstances: readonly string[]
  /** BM25's constants, the same on every set. */
  readonly lexical?: string
  /** What the evaluation left out, and why. */
  readonly notices: readonly string[]
  /** Train queries that the paper's routers learned from, by set. */
  readonly learnedFrom: Readonly<Record<string, number>>
}

export interface SystemSummary {
  readonly name: string
  /** Over sets, each weighing the same; by metric. */
  readonly mean: Readonly<Record<string, Figure>>
  /** By set, then by metric. */
  readonly sets: Readonly<Record<string, Readonly<Record<string, Figure>>>>
  /** Per query, on average. */
  readonly cost?: QueryCost
  /** How often the router asked the expert that answers the query best, and the one its set belongs to; mean over sets, in [0, 1]. */
  readonly accuracy?: RoutingAccuracy
}

/** A score in [0, 1]. */
export interface Figure {
  readonly value: number
  /** 95 % bootstrap interval. */
  readonly interval?: readonly [low: number, high: number]
  /** How far it is ahead of others, by their names; `p` is the chance of a difference this large between equals. */
  readonly against?: Readonly<Record<string, Ahead>>
}

export interface Ahead {
  readonly difference: number
  readonly interval: readonly [low: number, high: number]
  readonly p: number
}

/** Queries of one results directory, a column for each thing that is known of them. Fractions are in steps of `steps`. */
export interface QueryColumns {
  readonly sets: readonly string[]
  readonly experts: readonly string[]
  readonly systems: readonly string[]
  /** Who has hits: experts, `bm25`, systems. */
  readonly lists: readonly string[]
  /** Index into `sets`. */
  readonly set: readonly number[]
  readonly id: readonly string[]
  readonly text: readonly string[]
  /** Index into `decisions`. */
  readonly decision: readonly number[]
  /** Who was asked, best first: an index into `experts` and a weight, in turn. */
  readonly asked: readonly (readonly number[])[]
  readonly confidence: readonly number[]
  readonly margin: readonly number[]
  readonly lexicalWeight: readonly number[]
  /** By expert, then by query; -1 for none. */
  readonly routeScores: readonly (readonly number[])[]
  /** By system, then by query; -1 for none. */
  readonly scores: readonly (readonly number[])[]
  /** Documents that the query's lists and judgements name, each once: indices into the documents. */
  readonly pool: readonly (readonly number[])[]
  /** Grades of the first documents of `pool`, which are the relevant ones. */
  readonly grades: readonly (readonly number[])[]
  /** By list, then by query: a character for each hit, whose code less `firstCode` is its position in `pool`. */
  readonly hits: readonly (readonly string[])[]
  /** By query: x and y, or nothing for a query that is not on the map. */
  readonly place: readonly (readonly number[])[]
}

export const decisions = ['expert', 'fused', 'fallback', 'forced'] as const

/** Parts that a fraction is told in. */
export const steps = 10_000

/** A character that JSON takes as it is. */
export const firstCode = 48

/** Documents that queries name, by position. */
export interface DocumentColumns {
  /** `<set>/<id>` */
  readonly id: readonly string[]
  readonly title: readonly string[]
  readonly text: readonly string[]
}
