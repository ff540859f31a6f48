export interface PackEvaluationProgress {
  /** What is under way: embedding documents, asking questions of all systems, or testing differences and drawing the map. */
  readonly stage: 'documents' | 'questions' | 'results'
  /** Documents embedded so far, questions answered, or steps taken. */
  readonly done: number
  readonly total: number
  /** Of the whole evaluation, in [0, 1]; grows about evenly. */
  readonly share: number
}

/** A collection to be filled and asked, or what is left to do after the last. */
export interface PoolSize {
  readonly documents: number
  readonly questions: number
  readonly experts: number
  /** Steps of summing up, each of which takes about as long as a question. @default 0 */
  readonly results?: number
}

/** Counts documents and questions of several collections, dealt with one after the other. */
export function evaluationProgress(pools: readonly PoolSize[], report: ((progress: PackEvaluationProgress) => void) | undefined) {
  const totals = { documents: 0, questions: 0, results: 0, cost: 0 }
  for (const pool of pools) {
    const all = { results: 0, ...pool }
    totals.documents += all.documents
    totals.questions += all.questions
    totals.results += all.results
    totals.cost += costOf(pool, all)
  }
  const before = { documents: 0, questions: 0, results: 0, cost: 0 }
  let place = 0
  let now = { documents: 0, questions: 0, results: 0 }

  const tell = (stage: PackEvaluationProgress['stage'], done: number): void => {
    const cost = before.cost + costOf(pools[place]!, now)
    report?.({ stage, done: before[stage] + Math.round(done), total: totals[stage], share: Math.min(1, cost / Math.max(1, totals.cost)) })
  }

  return {
    /** Documents of the present collection that are embedded. */
    embedded(done: number): void {
      now.documents = done
      tell('documents', now.documents)
    },
    /** Further questions of the present collection that are answered. */
    answered(more: number): void {
      now.questions += more
      tell('questions', now.questions)
    },
    /** Steps of summing up that are taken. */
    summedUp(done: number): void {
      now.results = done
      tell('results', now.results)
    },
    nextPool(): void {
      const pool = { results: 0, ...pools[place++]! }
      before.documents += pool.documents
      before.questions += pool.questions
      before.results += pool.results
      before.cost += costOf(pool, pool)
      now = { documents: 0, questions: 0, results: 0 }
    },
  }
}

/** In documents embedded: a question costs as much as eight, and a bit for every document and expert it is compared with. */
function costOf({ documents: all, experts }: PoolSize, done: { documents: number; questions: number; results: number }): number {
  return done.documents + done.questions * (8 + (all * experts) / 40_000) + 8 * done.results
}
