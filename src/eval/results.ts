import type { Route } from '../routing/router.ts'

/** One judged query of an evaluation: where it went, and what every system made of it. A line of `queries.jsonl.gz`. */
export interface QueryRecord {
  readonly set: string
  /** As the set's files have it. */
  readonly id: string
  readonly text: string
  /** Grades above 0 by document, `<set>/<id>`. */
  readonly relevant: Readonly<Record<string, number>>
  /** The default router's decision; scores are of every expert it knows, best first. */
  readonly route: Pick<Route, 'decision' | 'experts' | 'confidence' | 'margin' | 'lexicalWeight'> & {
    readonly scores: readonly { readonly expert: string; readonly score: number }[]
  }
  /** The first metric of the evaluation, in [0, 1], by system. */
  readonly scores: Readonly<Record<string, number>>
  /** Best documents first, at most five, as `<set>/<id>`: of every expert, `bm25`, and the systems `routed` and `routed+bm25` where asked. */
  readonly hits: Readonly<Record<string, readonly string[]>>
  /** Place on the map, where the query is on it. */
  readonly place?: readonly [x: number, y: number]
}

/** A document that some query's hits or judgements name. A line of `documents.jsonl.gz`. */
export interface DocumentSnippet {
  /** `<set>/<id>` */
  readonly id: string
  readonly title?: string
  /** Its beginning, at most 200 characters. */
  readonly text: string
}

/** Where pilots lie on the map that `QueryRecord.place` is of. Neighbours on it are neighbours in the base's space; distances mean little. */
export interface PilotPlace {
  readonly expert: string
  readonly place: readonly [x: number, y: number]
  /** Queries it stands for. */
  readonly weight: number
  /** Whose pilot it is: `router:default`, or `router:pilot-mean` for the paper's pilot library. */
  readonly router?: string
}

/** A curve or a table over one thing that was varied. */
export interface Study {
  /** `experts`, `pilots`, `aggregation`, `leave-one-out`, `add-expert`, `training-size` */
  readonly name: string
  /** What was varied, for an axis: `experts`, `pilots per group` … */
  readonly varied: string
  /** Scores in [0, 1] under this metric. */
  readonly metric: string
  readonly merged: boolean
  readonly seed: number
  readonly points: readonly StudyPoint[]
}

export interface StudyPoint {
  /** A number for a curve, a name for a table. */
  readonly at: number | string
  /** What was done at this point, where `at` does not say it: the expert that was added. */
  readonly note?: string
  /** Mean over sets, by system. */
  readonly mean: Readonly<Record<string, number>>
  /** By set, then by system. */
  readonly sets: Readonly<Record<string, Readonly<Record<string, number>>>>
}
