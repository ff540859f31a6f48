import type { Retrieval } from '../engine.ts'
import type { Route } from '../routing/router.ts'
import type { BeirSet } from './beir.ts'
import type { RouteCounts } from './comparison.ts'
import { meanCost, type QueryCost } from './costs.ts'
import { queryScorer, type Metric, type Scores } from './evaluate.ts'
import type { Qrels, RunHit } from './qrels.ts'
import { routeCounter } from './route-counts.ts'

/** One way of asking, under the name its scores are reported by. */
export interface AskedSystem {
  readonly name: string
  /** Its routes are the default ones, with BM25's share or without: what is counted of them. */
  readonly counts?: 'routes and shares' | 'routes'
  /** A router chooses whom it asks. */
  readonly routed?: boolean
  /** What a query takes that was answered by this route. */
  readonly cost?: (route: Route) => QueryCost
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
  /** Given each system's answers to a block, before the next is asked. */
  readonly onBlock?: (block: AnsweredBlock) => void | Promise<void>
  readonly signal?: AbortSignal
}

/** What one system answered to some queries. */
export interface AnsweredBlock {
  readonly system: string
  readonly ids: readonly string[]
  readonly answers: readonly Retrieval[]
}

/** Of every system, by name. */
export interface SetAnswers {
  /** Scores of every query, in the order of the judgements. */
  readonly scores: ReadonlyMap<string, ReadonlyMap<string, Scores>>
  /** Per query, on average; of systems that say. */
  readonly costs: ReadonlyMap<string, QueryCost>
  /** The expert that the router put first, for every query; of systems that route. */
  readonly chosen: ReadonlyMap<string, readonly string[]>
  /** `undefined` when no system routes. */
  readonly routes: RouteCounts | undefined
}

/** Blocks that are prepared ahead: while one is asked, the threads search for the next and the one after waits for them. */
const ahead = 2

/** Queries that are asked at a time when their searches are prepared. */
const turn = 32

/** Asks every system every judged query of a set whose documents are called `<set>/<id>`, a block of queries at a time. */
export async function askSystems(systems: readonly AskedSystem[], { set, qrels }: JudgedSet, options: AskOptions): Promise<SetAnswers> {
  const { metrics, topK, blockSize, prepare, onAnswer, onBlock, signal } = options
  const scores = new Map(systems.map(({ name }) => [name, new Map<string, Scores>()]))
  const costs = new Map(systems.filter(({ cost }) => cost).map(({ name }) => [name, [] as QueryCost[]]))
  const chosen = new Map(systems.filter(({ routed }) => routed).map(({ name }) => [name, [] as string[]]))
  const counted = systems.find(({ counts }) => counts === 'routes and shares') ?? systems.find(({ counts }) => counts === 'routes')
  const counter = routeCounter(counted?.counts === 'routes and shares')
  const score = scorer(set, qrels, metrics)
  const blocks = blocksOf([...qrels.keys()], blockSize).map((ids): Block => ({ ids, texts: ids.map((id) => set.queries.get(id)!) }))

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
    for (const [index, block] of blocks.entries()) {
      await settled(index)
      for (const { ids, texts } of prepare ? inTurns(block) : [block]) {
        for (const system of systems) {
          signal?.throwIfAborted()
          // One more than is scored: the hit that is the query itself will be dropped.
          const answers = await system.ask(texts, { topK: topK + 1, ...(signal && { signal }) })
          const own = scores.get(system.name)!
          ids.forEach((id, i) => own.set(id, score(id, answers[i]!)))
          for (const { route } of answers) {
            costs.get(system.name)?.push(system.cost!(route))
            chosen.get(system.name)?.push(route.experts[0]!.name)
          }
          if (system === counted) counter.count(answers)
          await onBlock?.({ system: system.name, ids, answers })
          onAnswer?.(ids.length)
        }
      }
    }
  } finally {
    // Nothing of this set may still be under way when its collection is closed.
    await Promise.allSettled(prepared)
  }
  return {
    scores,
    costs: new Map([...costs].flatMap(([name, all]) => (all.length === 0 ? [] : [[name, meanCost(all)!] as const]))),
    chosen,
    routes: counted && counter.counts(),
  }
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

/** Scores answers; a list of hits that two systems share is scored once. */
function scorer(set: BeirSet, qrels: Qrels, metrics: readonly Metric[]) {
  const score = queryScorer(metrics)
  const known = new WeakMap<Retrieval['hits'], Scores>()
  return (id: string, { hits }: Retrieval): Scores => {
    const before = known.get(hits)
    if (before) return before
    const scores = score(
      id,
      qrels.get(id)!,
      hits.map((hit): RunHit => ({ id: ownId(set, hit.document.id), score: hit.score })),
    )
    known.set(hits, scores)
    return scores
  }
}

interface Block {
  readonly ids: readonly string[]
  readonly texts: readonly string[]
}

/** Parts of a block whose answers are forgotten before the next is asked: with all of a block's in memory, a third of the time went into clearing up. */
function inTurns({ ids, texts }: Block): Block[] {
  const parts = blocksOf(texts, turn)
  return blocksOf(ids, turn).map((own, i) => ({ ids: own, texts: parts[i]! }))
}

function blocksOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
}

/** The id as the set's judgements have it; a document of another set keeps its full id, which no judgement names. */
export function ownId(set: Pick<BeirSet, 'name'>, id: string): string {
  return id.startsWith(`${set.name}/`) ? id.slice(set.name.length + 1) : `/${id}`
}
