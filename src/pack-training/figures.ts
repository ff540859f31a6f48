import { ndcg } from '../eval/metrics/ndcg.ts'
import { recall } from '../eval/metrics/recall.ts'
import type { Calibration } from '../routing/calibration.ts'
import { fusion } from '../routing/convex-fusion.ts'
import type { StoreResult } from '../store/store.ts'
import { random } from '../train/random.ts'
import type { JudgedQuery } from './search.ts'

/** Means over held-out queries, in [0, 1]. */
export interface RetrievalScores {
  readonly 'ndcg@10': number
  readonly 'recall@10': number
}

/** What an expert is worth on held-out queries, beside what there was before. */
export interface ExpertFigures {
  readonly queries: number
  readonly documents: number
  readonly bm25: RetrievalScores
  readonly general: RetrievalScores
  readonly expert: RetrievalScores
  /** General and expert with BM25 at the share fitted for the expert: as the engine answers. */
  readonly generalWithBm25: RetrievalScores
  readonly expertWithBm25: RetrievalScores
  /** What nDCG@10 gains from general to expert, and where that lies for questions drawn anew, 95 times of 100. */
  readonly gain: { readonly mean: number; readonly low: number; readonly high: number }
}

/** @param queries Searched with the general expert's vector first, the expert's second. */
export function expertFigures(
  queries: readonly JudgedQuery[],
  {
    documents,
    expert,
    general,
    calibration,
    lexicalWeight,
    seed,
  }: { documents: number; expert: string; general: string; calibration: Calibration; lexicalWeight: number; seed: number },
): ExpertFigures {
  const fuse = fusion(calibration)
  const asking = (place: number, name: string) => (result: StoreResult) => {
    const candidates = result.candidates.map((candidate) => ({ ...candidate, similarities: [candidate.similarities[place]!] }))
    return fuse(
      { ...result, candidates },
      { decision: 'expert', experts: [{ name, weight: 1 }], scores: [], confidence: 1, margin: 1, lexicalWeight },
    ).map(({ id }) => id)
  }
  const scored = {
    bm25: score(queries, (result) => ordered(result, ({ lexical }) => lexical, 0)),
    general: score(queries, (result) => ordered(result, ({ similarities }) => similarities[0]!)),
    expert: score(queries, (result) => ordered(result, ({ similarities }) => similarities[1]!)),
    generalWithBm25: score(queries, asking(0, general)),
    expertWithBm25: score(queries, asking(1, expert)),
  }
  const means = Object.fromEntries(Object.entries(scored).map(([system, { mean }]) => [system, mean])) as Record<
    keyof typeof scored,
    RetrievalScores
  >
  const gains = scored.expert.ndcg.map((value, i) => value - scored.general.ndcg[i]!)
  return { queries: queries.length, documents, ...means, gain: { mean: average(gains), ...interval(gains, seed) } }
}

function score(queries: readonly JudgedQuery[], rank: (result: StoreResult) => string[]): { mean: RetrievalScores; ndcg: number[] } {
  const each = queries.map(({ grades, found }) => {
    const ranked = rank(found[0]!.result)
    return { ndcg: ndcg(grades, ranked, 10), recall: recall(fullGrades(grades), ranked, 10) }
  })
  const gains = each.map((one) => one.ndcg)
  return { mean: { 'ndcg@10': average(gains), 'recall@10': average(each.map((one) => one.recall)) }, ndcg: gains }
}

/** Of candidates that a teacher has judged the best: to recall, all others that help a little are none the less others. */
function fullGrades(grades: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  return new Map([...grades].filter(([, grade]) => grade >= 1))
}

function ordered(result: StoreResult, value: (candidate: StoreResult['candidates'][number]) => number, above = -Infinity): string[] {
  return result.candidates
    .filter((candidate) => value(candidate) > above)
    .sort((a, b) => value(b) - value(a) || (a.id < b.id ? -1 : 1))
    .map(({ id }) => id)
}

/** Where the mean of 95 % of samples drawn with replacement lies (percentile bootstrap). */
function interval(values: readonly number[], seed: number, samples = 2000): { low: number; high: number } {
  if (values.length === 0) return { low: 0, high: 0 }
  const generator = random(seed, 0xb007)
  const means = Float64Array.from({ length: samples }, () => {
    let sum = 0
    for (let i = 0; i < values.length; i++) sum += values[generator.below(values.length)]!
    return sum / values.length
  }).sort()
  return { low: means[Math.floor(0.025 * samples)]!, high: means[Math.ceil(0.975 * samples) - 1]! }
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}
