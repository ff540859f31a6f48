export interface PackEvaluationProgress {
  /** What is under way: embedding documents, or asking questions of all systems. */
  readonly stage: 'documents' | 'questions'
  /** Documents embedded so far, or questions answered. */
  readonly done: number
  readonly total: number
  /** Of the whole evaluation, in [0, 1]; grows about evenly. */
  readonly share: number
}

/** A collection to be filled and asked. */
export interface PoolSize {
  readonly documents: number
  readonly questions: number
  readonly experts: number
}

/** Counts documents and questions of several collections, dealt with one after the other. */
export function evaluationProgress(pools: readonly PoolSize[], report: ((progress: PackEvaluationProgress) => void) | undefined) {
  const totals = { documents: 0, questions: 0, cost: 0 }
  for (const pool of pools) {
    totals.documents += pool.documents
    totals.questions += pool.questions
    totals.cost += costOf(pool, pool.documents, pool.questions)
  }
  const before = { documents: 0, questions: 0, cost: 0 }
  let place = 0
  let documents = 0
  let questions = 0

  const tell = (stage: PackEvaluationProgress['stage'], done: number): void => {
    const cost = before.cost + costOf(pools[place]!, documents, questions)
    report?.({ stage, done: before[stage] + Math.round(done), total: totals[stage], share: Math.min(1, cost / Math.max(1, totals.cost)) })
  }

  return {
    /** Documents of the present collection that are embedded. */
    embedded(done: number): void {
      documents = done
      tell('documents', documents)
    },
    /** Further questions of the present collection that are answered. */
    answered(more: number): void {
      questions += more
      tell('questions', questions)
    },
    nextPool(): void {
      const pool = pools[place++]!
      before.documents += pool.documents
      before.questions += pool.questions
      before.cost += costOf(pool, pool.documents, pool.questions)
      documents = 0
      questions = 0
    },
  }
}

/** In documents embedded: a question costs as much as eight, and a bit for every document and expert it is compared with. */
function costOf({ documents: all, experts }: PoolSize, documents: number, questions: number): number {
  return documents + questions * (8 + (all * experts) / 40_000)
}
