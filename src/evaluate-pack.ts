import type { Document } from './document.ts'
import type { InvalidDataError } from './errors.ts'
import type { BeirSet } from './eval/beir.ts'
import type { Comparison } from './eval/comparison.ts'
import { embeddingCache } from './eval/embedding-cache.ts'
import { checkedOptions, type ComparisonOptions } from './eval/evaluate-engine.ts'
import { scoredRuns } from './eval/foreign-runs.ts'
import type { SetOwner } from './eval/oracles.ts'
import { evaluationProgress, type PackEvaluationProgress } from './eval/progress.ts'
import { resultsDirectory } from './eval/results-directory.ts'
import { runFiles } from './eval/run-files.ts'
import type { SetResult } from './eval/set-result.ts'
import { statistics, summarise, type Statistics } from './eval/summarise.ts'
import { bundledPack, loadPack, type LoadedPack } from './load-pack.ts'
import { packCollection } from './pack-collection.ts'
import { lexicalFacts, type LexicalFacts } from './pack-facts.ts'
import { lessonSplit, packLessons } from './pack-lessons.ts'
import {
  circumstancesOf,
  corpusFacts,
  isLearned,
  judge,
  judgementsOf,
  lessonSetsOf,
  rivalsOf,
  withoutLearned,
  type CorpusFacts,
} from './pack-plan.ts'
import { writePackResults } from './pack-results.ts'
import { evaluateSet, type PackSet } from './pack-set.ts'
import { checkPackSystems } from './pack-systems.ts'
import { learnBaselineRouters } from './routing/baselines/index.ts'
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
  /**
   * Results directory, for `pilotfish report`: the comparison, every query's record, the documents they name and a map. Finished sets are
   * kept there, so that an evaluation that was cut off goes on where it stopped. @default none
   */
  readonly out?: string
  /** Forgets what an evaluation left in `out` that was cut off. Do so when code has changed: files and options are compared, code is not. @default false */
  readonly fresh?: boolean
  /** Further facts for `comparison.json`, beside the comparison's own. */
  readonly details?: () => object
  /** Directory for TREC run files of all systems but the oracles. @default none */
  readonly runs?: string
  /** TREC run files to score beside the systems. */
  readonly readRuns?: readonly string[]
  /** Called for a line of a run file that cannot be understood, which is then skipped. @default throw */
  readonly onBadLine?: (error: InvalidDataError) => void
  /** Directory where embeddings of documents are kept, for this evaluation and others. @default none */
  readonly cache?: string
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
  /** How BM25 counts, the same on every set. */
  readonly lexical: LexicalFacts
  readonly statistics: Statistics
  /** What was left out or taken up, and why. */
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
  const { merged = false, fresh = false, routerQueries = 300, onProgress } = options
  const { split, metrics, topK, blockSize, signal } = checkedOptions(sets, options)
  const stoppable = signal && { signal }
  const notices: string[] = []
  let wanted = checkPackSystems(pack, options.systems)

  const judged = await Promise.all(sets.map((set) => judge(pack, set, split, wanted.includes('oracle:set'))))
  const lessonSets = wanted.some(isLearned) ? lessonSetsOf(options.routerData ?? sets, sets, split) : []
  if (lessonSets.length === 0) wanted = withoutLearned(wanted, options.systems, (notice) => notices.push(notice))
  const foreign = await scoredRuns(options.readRuns ?? [], judged, { metrics, taken: wanted, onBadLine: options.onBadLine })
  const corpora = new Map<BeirSet, CorpusFacts>()
  for (const set of new Set([...sets, ...lessonSets])) corpora.set(set, await corpusFacts(set, signal))

  const saved = options.out === undefined ? undefined : await resultsDirectory(options.out, fresh)
  const pools: PackSet[][] = merged ? [judged] : judged.map((one) => [one])
  const circumstances = await circumstancesBySet(pack, pools, lessonSets, corpora, [
    split,
    metrics,
    topK,
    wanted,
    merged,
    routerQueries,
    options.runs ?? '',
  ])
  const finished = new Map<PackSet, SetResult>()
  const asked = wanted.filter((system) => !system.startsWith('oracle:'))
  const runs =
    options.runs === undefined ? undefined : await runFiles(options.runs, { systems: asked, merged, resume: saved !== undefined && !fresh })
  for (const one of judged) {
    const result = await saved?.takeUp(one.set.name, circumstances.get(one)!)
    if (result && (!runs || (await runs.has(one.set.name)))) finished.set(one, result)
  }
  if (finished.size > 0)
    notices.push(`Took up ${[...finished.keys()].map(({ set }) => set.name).join(', ')} from an evaluation that was cut off.`)

  const open = pools.map((pool) => pool.filter((one) => !finished.has(one)))
  const experts = pack.experts.length
  const progress = evaluationProgress(
    [
      ...lessonSets.map((set) => ({ documents: corpora.get(set)!.documents, questions: routerQueries, experts })),
      ...pools.flatMap((pool, i) =>
        open[i]!.length === 0
          ? []
          : [{ documents: sum(pool, ({ set }) => corpora.get(set)!.documents), questions: sum(open[i]!, questionsOf), experts }],
      ),
    ],
    onProgress,
  )
  const embedder = options.cache === undefined ? undefined : embeddingCache(options.cache).encoder

  const lessons: RoutedQuery[] = []
  for (const set of lessonSets) {
    const hooks = { onEmbedded: progress.embedded, onAnswered: progress.answered, ...(embedder && { embedder }) }
    lessons.push(...(await packLessons(pack, threads, set, { queries: routerQueries, blockSize, ...hooks, ...stoppable })))
    progress.nextPool()
  }
  if (lessons.length === 0) wanted = withoutLearned(wanted, options.systems, (notice) => notices.push(notice))
  const routers = lessons.length > 0 ? await learnBaselineRouters(lessons, { ...stoppable }) : undefined

  for (const [i, pool] of pools.entries()) {
    if (open[i]!.length > 0) {
      const depth = Math.max(50, 2 * (topK + 1))
      const collection = packCollection(pack, threads, { depth, ...(routers && { routers }), ...(embedder && { embedder }) })
      try {
        await collection.engine.add(documentsOf(pool.map(({ set }) => set)), {
          onProgress: ({ done }) => progress.embedded(done),
          ...stoppable,
        })
        for (const one of open[i]!) {
          const run = await runs?.begin(one.set)
          const how = { metrics, systems: wanted, records: saved !== undefined, topK, blockSize, onAnswer: progress.answered, ...stoppable }
          const result = await evaluateSet(pack, one, collection, { ...how, ...(run && { onBlock: run.take }) })
          await run?.finish()
          await saved?.putDown(result, circumstances.get(one)!)
          finished.set(one, result)
        }
      } finally {
        await collection.close()
      }
      progress.nextPool()
    }
    await runs?.complete(
      merged ? 'merged' : pool[0]!.set.name,
      pool.map(({ set }) => set.name),
    )
  }

  const results = judged.map((one): SetResult => {
    const result = finished.get(one)!
    return { ...result, scores: { ...result.scores, ...foreign.get(one.set.name) } }
  })
  const names = [...wanted, ...Object.keys(foreign.get(sets[0]!.name) ?? {})]
  const { name, version } = pack.pack.manifest
  const owners = results.flatMap(({ set, owner }) => (owner ? [[set, owner] as const] : []))
  const comparison: PackComparison = {
    pack: { name, version },
    merged,
    split,
    documents: sum(sets, (set) => corpora.get(set)!.documents),
    queries: Object.fromEntries(results.map(({ set, queries }) => [set, queries.length])),
    systems: await summarise(names, results, { metrics, rivals: (system) => rivalsOf(system, names), ...stoppable }),
    routes: Object.fromEntries(results.flatMap(({ set, routes }) => (routes ? [[set, routes] as const] : []))),
    ...(owners.length > 0 && { owners: Object.fromEntries(owners) }),
    ...(lessons.length > 0 && { learnedFrom: countBySet(lessons) }),
    lexical: lexicalFacts(pack),
    statistics,
    notices,
    seconds: (performance.now() - started) / 1000,
  }
  if (saved) {
    const whole = { ...comparison, ...options.details?.() }
    await writePackResults(pack, saved, { comparison: whole, results, lessons, metric: metrics[0]!, documents: documentsOf(sets) }, signal)
  }
  await runs?.clear()
  return comparison
}

/** What each set's result depends on, as one string. */
async function circumstancesBySet(
  pack: LoadedPack,
  pools: readonly (readonly PackSet[])[],
  lessonSets: readonly BeirSet[],
  corpora: ReadonlyMap<BeirSet, CorpusFacts>,
  options: readonly unknown[],
): Promise<Map<PackSet, string>> {
  const { manifest } = pack.pack
  const lessons = await Promise.all(
    lessonSets.map(async (set) => [set.name, corpora.get(set)!.hash, judgementsOf(set, await set.qrels(lessonSplit))]),
  )
  const common = circumstancesOf(1, manifest, pack.base.id, lessons, options)
  return new Map(
    pools.flatMap((pool) => {
      const documents = pool.map(({ set }) => [set.name, corpora.get(set)!.hash])
      return pool.map(
        (one) => [one, circumstancesOf(common, documents, one.set.name, judgementsOf(one.set, one.qrels), ownerFacts(one))] as const,
      )
    }),
  )
}

function ownerFacts({ owner }: PackSet): unknown {
  return owner && 'qrels' in owner ? judgementsOf(owner.set, owner.qrels) : owner
}

function questionsOf({ qrels, owner }: PackSet): number {
  return qrels.size + (owner && 'qrels' in owner ? owner.qrels.size : 0)
}

function countBySet(lessons: readonly RoutedQuery[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { set } of lessons) counts[set] = (counts[set] ?? 0) + 1
  return counts
}

/** Documents under the ids `<set>/<id>`, as `pilotfish add` puts them into an index. */
async function* documentsOf(sets: readonly BeirSet[]): AsyncGenerator<Document> {
  for (const set of sets) for await (const document of set.corpus()) yield { ...document, id: `${set.name}/${document.id}` }
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0)
}
