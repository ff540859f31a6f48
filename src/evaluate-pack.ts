import type { Document } from './document.ts'
import { InvalidArgumentError } from './errors.ts'
import type { BeirSet } from './eval/beir.ts'
import type { Comparison } from './eval/comparison.ts'
import { checkedOptions, type ComparisonOptions } from './eval/evaluate-engine.ts'
import { ownerQuestions, type SetOwner } from './eval/oracles.ts'
import { evaluationProgress, type PackEvaluationProgress } from './eval/progress.ts'
import type { SetResult } from './eval/set-result.ts'
import { statistics, summarise, type Statistics } from './eval/summarise.ts'
import { bundledPack, generalName, loadPack, type LoadedPack } from './load-pack.ts'
import { packCollection } from './pack-collection.ts'
import { declaredExpert, lessonSplit, packLessons } from './pack-lessons.ts'
import { evaluateSet, type PackSet } from './pack-set.ts'
import { checkPackSystems, defaultRouter, learnedRouters, multiTaskName } from './pack-systems.ts'
import { baselineRouters } from './routing/baselines/index.ts'
import type { RoutedQuery } from './routing/baselines/lessons.ts'
import { searchThreads, type SearchThreads } from './store/exact/threads.ts'

export interface EvaluatePackOptions extends ComparisonOptions {
  /**
   * All sets in one collection, where a document of another set is a wrong answer; otherwise each set alone, over its own documents.
   * @default false
   */
  readonly merged?: boolean
  /** Names as `packSystems` lists them. @default all of them that can be asked */
  readonly systems?: readonly string[]
  /** Sets whose train queries the paper's routers learn from. @default the sets that are evaluated */
  readonly routerData?: readonly BeirSet[]
  /** Train queries that routers learn from, at most, of each set. @default 300 */
  readonly routerQueries?: number
  readonly onProgress?: (progress: PackEvaluationProgress) => void
}

/** What `pilotfish eval --json` writes. */
export interface PackComparison extends Comparison {
  readonly pack: { readonly name: string; readonly version: string }
  readonly merged: boolean
  /** The expert that a set belongs to, by set: whom `oracle:set` asks. Of sets where somebody says. */
  readonly owners?: Readonly<Record<string, SetOwner>>
  /** Train queries that the paper's routers learned from, by set. */
  readonly learnedFrom?: Readonly<Record<string, number>>
  readonly statistics: Statistics
  /** What was left out, and why. */
  readonly notices: readonly string[]
}

/**
 * Embeds the documents of BEIR sets with a pack, asks every judged query of every system, and scores the answers. Needs no index:
 * collections are held in memory and searched exactly, once for all systems; an engine makes the answers out of what was found.
 * @param pack A directory, or an open pack, which stays the caller's to close.
 * @throws InvalidArgumentError, InvalidDataError, InvalidPackError, UnknownExpertError
 */
export async function evaluatePack(
  pack: string | LoadedPack | undefined,
  sets: readonly BeirSet[],
  options: EvaluatePackOptions = {},
): Promise<PackComparison> {
  checkedOptions(sets, options)
  const loaded = typeof pack === 'object' ? pack : await loadPack(pack ?? bundledPack())
  const threads = searchThreads()
  try {
    return await evaluateLoaded(loaded, threads, sets, options)
  } finally {
    await threads.close()
    if (loaded !== pack) await loaded.base.close()
  }
}

async function evaluateLoaded(
  pack: LoadedPack,
  threads: SearchThreads,
  sets: readonly BeirSet[],
  options: EvaluatePackOptions,
): Promise<PackComparison> {
  const started = performance.now()
  const { merged = false, onProgress, routerQueries = 300 } = options
  const { split, metrics, topK, blockSize, signal } = checkedOptions(sets, options)
  const stoppable = signal && { signal }
  const notices: string[] = []
  let wanted = checkPackSystems(pack, options.systems)
  const judged = await Promise.all(sets.map((set) => judge(pack, set, split, wanted.includes('oracle:set'))))
  const lessonSets = wanted.some(isLearned) ? lessonSetsOf(options.routerData ?? sets, sets, split) : []

  const sizes = new Map<BeirSet, number>()
  for (const set of new Set([...sets, ...lessonSets])) sizes.set(set, await countDocuments(set, signal))
  const pools: PackSet[][] = merged ? [judged] : judged.map((one) => [one])
  const experts = pack.experts.length
  const progress = evaluationProgress(
    [
      ...lessonSets.map((set) => ({ documents: sizes.get(set)!, questions: routerQueries, experts })),
      ...pools.map((pool) => ({
        documents: sum(pool, ({ set }) => sizes.get(set)!),
        questions: sum(pool, ({ qrels, owner }) => qrels.size + (owner && 'qrels' in owner ? owner.qrels.size : 0)),
        experts,
      })),
    ],
    onProgress,
  )

  const lessons: RoutedQuery[] = []
  for (const set of lessonSets) {
    const hooks = { onEmbedded: progress.embedded, onAnswered: progress.answered }
    lessons.push(...(await packLessons(pack, threads, set, { queries: routerQueries, blockSize, ...hooks, ...stoppable })))
    progress.nextPool()
  }
  if (lessons.length === 0) wanted = withoutLearned(wanted, options.systems, notices)
  const routers = lessons.length > 0 ? baselineRouters(lessons) : undefined

  const results: SetResult[] = []
  for (const pool of pools) {
    const collection = packCollection(pack, threads, { depth: Math.max(50, 2 * (topK + 1)), ...(routers && { routers }) })
    try {
      await collection.engine.add(documentsOf(pool.map(({ set }) => set)), {
        onProgress: ({ done }) => progress.embedded(done),
        ...stoppable,
      })
      const how = { metrics, systems: wanted, records: false, topK, blockSize, onAnswer: progress.answered, ...stoppable }
      for (const one of pool) results.push(await evaluateSet(pack, one, collection, how))
    } finally {
      await collection.close()
    }
    progress.nextPool()
  }

  const { name, version } = pack.pack.manifest
  const owners = results.flatMap(({ set, owner }) => (owner ? [[set, owner] as const] : []))
  return {
    pack: { name, version },
    merged,
    split,
    documents: sum(sets, (set) => sizes.get(set)!),
    queries: Object.fromEntries(results.map(({ set, queries }) => [set, queries.length])),
    systems: await summarise(wanted, results, { metrics, rivals: (system) => rivalsOf(system, wanted), ...stoppable }),
    routes: Object.fromEntries(results.flatMap(({ set, routes }) => (routes ? [[set, routes] as const] : []))),
    ...(owners.length > 0 && { owners: Object.fromEntries(owners) }),
    ...(lessons.length > 0 && { learnedFrom: countBySet(lessons) }),
    statistics,
    notices,
    seconds: (performance.now() - started) / 1000,
  }
}

/**
 * A set with its judgements and its owner, which the pack declares: the paper's dataset oracle asks the expert that was trained on the
 * set. Else queries of another split tell, where an oracle asks for it.
 */
async function judge(pack: LoadedPack, set: BeirSet, split: string, ownerWanted: boolean): Promise<PackSet> {
  const qrels = await set.qrels(split)
  const declared = declaredExpert(pack, set.name)
  if (declared !== undefined) return { set, qrels, owner: { expert: declared, by: 'pack' } }
  if (!ownerWanted) return { set, qrels, owner: undefined }
  return { set, qrels, owner: (await ownerQuestions({ set, qrels }, split)) ?? { expert: generalName, by: 'nobody' } }
}

/** Sets that teach: those with train queries, which must not be the queries that are evaluated. */
function lessonSetsOf(candidates: readonly BeirSet[], evaluated: readonly BeirSet[], split: string): BeirSet[] {
  const asked = split === lessonSplit ? evaluated.map(({ directory }) => directory) : []
  return candidates.filter(({ splits, directory }) => splits.includes(lessonSplit) && !asked.includes(directory))
}

function isLearned(system: string): boolean {
  return (learnedRouters as readonly string[]).includes(system)
}

/** @throws InvalidArgumentError when a router was named that there is nothing to learn from */
function withoutLearned(wanted: readonly string[], named: readonly string[] | undefined, notices: string[]): string[] {
  const learned = wanted.filter(isLearned)
  const how = `no set with a ${lessonSplit} split belongs to an expert of the pack`
  if (learned.length > 0 && named !== undefined) {
    throw new InvalidArgumentError(
      'systems',
      `names ${learned.join(', ')}, but there is nothing to learn from: ${how}`,
      'Give sets to learn from: `routerData` (--router-data).',
    )
  }
  if (learned.length > 0) notices.push(`Left out ${learned.join(', ')}: ${how}.`)
  return wanted.filter((system) => !isLearned(system))
}

/** Every system is compared with the general expert, and the default router with whatever else it should be better than. */
function rivalsOf(system: string, asked: readonly string[]): string[] {
  const further = asked.filter((name) => name.startsWith('router:') || name === multiTaskName)
  return [generalName, ...(system === defaultRouter ? further : [])]
}

function countBySet(lessons: readonly RoutedQuery[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { set } of lessons) counts[set] = (counts[set] ?? 0) + 1
  return counts
}

/** Reads a corpus once before anything is embedded: its size is known, and a bad line found, before hours are spent. */
async function countDocuments(set: BeirSet, signal: AbortSignal | undefined): Promise<number> {
  let count = 0
  for await (const _ of set.corpus()) if (++count % 1000 === 0) signal?.throwIfAborted()
  return count
}

/** Documents under the ids `<set>/<id>`, as `pilotfish add` puts them into an index. */
async function* documentsOf(sets: readonly BeirSet[]): AsyncGenerator<Document> {
  for (const set of sets) for await (const document of set.corpus()) yield { ...document, id: `${set.name}/${document.id}` }
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0)
}
