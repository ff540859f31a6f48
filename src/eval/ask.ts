import type { Retrieval } from '../engine.ts'
import type { BeirSet } from './beir.ts'
import type { RouteCounts } from './comparison.ts'
import { evaluate, type Metric, type Scores } from './evaluate.ts'
import type { Qrels, RunHit } from './qrels.ts'

/** One way of asking, under the name its scores are reported by. */
export interface AskedSystem {
  readonly name: string
  /** Its routes are the default ones, with BM25's share or without: what is counted of them. */
  readonly counts?: 'routes and shares' | 'routes'
  ask(texts: readonly string[], options: { readonly topK: number; readonly signal?: AbortSignal }): Promise<Retrieval[]>
}

/** A set with the judgements of the split that is evaluated. */
export interface JudgedSet {
  readonly set: BeirSet
  readonly qrels: Qrels
}

export interface AskOptions {
  readonly metrics: readonly Metric[]
  /** Hits that are scored for a query. */
  readonly topK: number
  readonly blockSize: number
  /** Called some blocks ahead, with texts that are about to be asked. */
  readonly prepare?: (texts: readonly string[]) => Promise<unknown>
  /** Called after each system's answer to a block. */
  readonly onAnswer?: (queries: number) => void
  readonly signal?: AbortSignal
}

export interface SetAnswers {
  /** Scores of every query, by system. */
  readonly scores: ReadonlyMap<string, ReadonlyMap<string, Scores>>
  /** `undefined` when no system routes. */
  readonly routes: RouteCounts | undefined
}

/** Blocks that are prepared ahead: while one is asked, the threads search for the next and the one after waits for them. */
const ahead = 2

/** Asks every system every judged query of a set whose documents are called `<set>/<id>`, a block of queries at a time. */
export async function askSystems(systems: readonly AskedSystem[], { set, qrels }: JudgedSet, options: AskOptions): Promise<SetAnswers> {
  const { metrics, topK, blockSize, prepare, onAnswer, signal } = options
  const scores = new Map(systems.map(({ name }) => [name, new Map<string, Scores>()]))
  const counted = systems.find(({ counts }) => counts === 'routes and shares') ?? systems.find(({ counts }) => counts === 'routes')
  const counter = routeCounter(counted?.counts === 'routes and shares')
  const blocks = blocksOf([...qrels], blockSize).map((judgements) => ({
    judgements: new Map(judgements),
    ids: judgements.map(([id]) => id),
    texts: judgements.map(([id]) => set.queries.get(id)!),
  }))

  const prepared: (Promise<unknown> | undefined)[] = []
  const settled = (index: number): Promise<unknown> | undefined => {
    for (let i = index; i <= Math.min(index + ahead, blocks.length - 1); i++) {
      prepared[i] ??= prepare?.(blocks[i]!.texts)
      // Its failure is thrown when its turn comes.
      prepared[i]?.catch(() => {})
    }
    return prepared[index]
  }
  try {
    for (const [index, { judgements, ids, texts }] of blocks.entries()) {
      await settled(index)
      for (const system of systems) {
        signal?.throwIfAborted()
        // One more than is scored: the hit that is the query itself will be dropped.
        const answers = await system.ask(texts, { topK: topK + 1, ...(signal && { signal }) })
        const hits = answers.map((answer) => answer.hits.map(({ document, score }): RunHit => ({ id: ownId(set, document.id), score })))
        const run = new Map(ids.map((id, i) => [id, hits[i]!]))
        for (const [query, value] of evaluate(judgements, run, metrics).queries) scores.get(system.name)!.set(query, value)
        if (system === counted) counter.count(answers)
        onAnswer?.(ids.length)
      }
    }
  } finally {
    // Nothing of this set may still be under way when its collection is closed.
    await Promise.allSettled(prepared)
  }
  return { scores, routes: counted && counter.counts() }
}

/** Mean over queries. */
export function meanOverQueries(scores: ReadonlyMap<string, Scores>, metrics: readonly Metric[]): Scores {
  const sums = metrics.map((metric) => {
    let sum = 0
    for (const value of scores.values()) sum += value[metric]!
    return [metric, scores.size === 0 ? 0 : sum / scores.size]
  })
  return Object.fromEntries(sums) as Scores
}

/** How many hits a metric looks at: its cutoff, 1000 for one without. */
export function depthOf(metrics: readonly Metric[]): number {
  return Math.max(...metrics.map((metric) => Number(metric.split('@')[1] ?? 1000)))
}

function routeCounter(shares: boolean) {
  const experts: Record<string, number> = {}
  let fallback = 0
  let fused = 0
  let queries = 0
  let lexicalWeight = 0
  return {
    count(answers: readonly Retrieval[]): void {
      for (const { route } of answers) {
        queries++
        lexicalWeight += route.lexicalWeight
        if (route.decision === 'fallback') fallback++
        else experts[route.experts[0]!.name] = (experts[route.experts[0]!.name] ?? 0) + 1
        if (route.decision === 'fused') fused++
      }
    },
    counts: (): RouteCounts => ({
      experts: Object.fromEntries(Object.entries(experts).sort(([, a], [, b]) => b - a)),
      fallback,
      fused,
      ...(shares && { lexicalWeight: lexicalWeight / Math.max(1, queries) }),
    }),
  }
}

function blocksOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
}

/** The id as the set's judgements have it; a document of another set keeps its full id, which no judgement names. */
function ownId(set: BeirSet, id: string): string {
  return id.startsWith(`${set.name}/`) ? id.slice(set.name.length + 1) : `/${id}`
}
