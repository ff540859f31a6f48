import { InvalidArgumentError } from '../errors.ts'
import { averagePrecision } from './metrics/map.ts'
import { mrr } from './metrics/mrr.ts'
import { ndcg } from './metrics/ndcg.ts'
import { recall } from './metrics/recall.ts'
import type { Grades, Qrels, Run, RunHit } from './qrels.ts'

/** A metric and its cutoff: `ndcg@10`, `recall@100`; `mrr` and `map` also without one. */
export type Metric = `ndcg@${number}` | `recall@${number}` | `mrr@${number}` | `map@${number}` | 'mrr' | 'map'

/** Scores in [0, 1] by metric. */
export type Scores<M extends Metric = Metric> = Readonly<Record<M, number>>

export interface Evaluation<M extends Metric = Metric> {
  /** Mean over every query with judgements. A query the run has no hits for counts 0 (trec_eval `-c`). */
  readonly mean: Scores<M>
  readonly queries: ReadonlyMap<string, Scores<M>>
}

export interface EvaluateOptions {
  /** Keep a hit whose id is the query's own. BEIR drops it, because in some sets queries are documents. @default false */
  readonly keepIdentical?: boolean
}

/**
 * Scores a run against judgements, agreeing with trec_eval: hits are sorted by score and, where equal, by id descending;
 * unjudged documents count as not relevant; of a document returned twice the better hit counts.
 * @throws InvalidArgumentError for a metric or a score that cannot mean anything.
 */
export function evaluate<M extends Metric>(qrels: Qrels, run: Run, metrics: readonly M[], options: EvaluateOptions = {}): Evaluation<M> {
  const score = queryScorer(metrics, options)
  const queries = new Map<string, Scores<M>>()
  const sums = new Map<M, number>(metrics.map((metric) => [metric, 0]))
  for (const [query, grades] of qrels) {
    if (grades.size === 0) continue
    const scores = score(query, grades, run.get(query) ?? [])
    for (const metric of metrics) sums.set(metric, sums.get(metric)! + scores[metric])
    queries.set(query, scores)
  }
  const mean = {} as Record<M, number>
  for (const metric of metrics) mean[metric] = queries.size === 0 ? 0 : sums.get(metric)! / queries.size
  return { mean, queries }
}

/** What scores one query at a time, as `evaluate` does. @throws InvalidArgumentError for a metric that cannot mean anything */
export function queryScorer<M extends Metric>(metrics: readonly M[], options: EvaluateOptions = {}) {
  const measures = metrics.map((metric) => [metric, parseMetric(metric)] as const)
  return (query: string, grades: Grades, hits: readonly RunHit[]): Scores<M> => {
    const ranked = rankHits(hits, options.keepIdentical ? undefined : query)
    const scores = {} as Record<M, number>
    for (const [metric, measure] of measures) scores[metric] = measure(grades, ranked)
    return scores
  }
}

/** Document ids in the order trec_eval would rank them. */
export function rankHits(hits: readonly RunHit[], exclude?: string): string[] {
  const sorted = hits
    .filter((hit) => hit.id !== exclude)
    // trec_eval keeps scores as 32-bit floats, so scores that differ by less tie.
    .map(({ id, score }) => ({ id, score: Math.fround(score) }))
  for (const { id, score } of sorted) {
    if (Number.isNaN(score)) throw new InvalidArgumentError('run', `has a score that is not a number for document ${JSON.stringify(id)}`)
  }
  sorted.sort((a, b) => b.score - a.score || (b.score === a.score ? compareBytes(b.id, a.id) : 0))
  return [...new Set(sorted.map((hit) => hit.id))]
}

function parseMetric(metric: string): (grades: Grades, ranked: readonly string[]) => number {
  const [name, cutoff] = metric.split('@')
  const k = cutoff === undefined ? Number.POSITIVE_INFINITY : Number(cutoff)
  const known = cutoff === undefined ? name === 'mrr' || name === 'map' : Number.isInteger(k) && k > 0
  if (known && metric.split('@').length <= 2) {
    if (name === 'ndcg') return (grades, ranked) => ndcg(grades, ranked, k)
    if (name === 'recall') return (grades, ranked) => recall(grades, ranked, k)
    if (name === 'mrr') return (grades, ranked) => mrr(grades, ranked, k)
    if (name === 'map') return (grades, ranked) => averagePrecision(grades, ranked, k)
  }
  throw new InvalidArgumentError('metrics', `names ${JSON.stringify(metric)}`, 'Metrics: ndcg@k, recall@k, mrr@k, map@k, mrr, map.')
}

/** Order of the UTF-8 bytes, as C's `strcmp` has it. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
