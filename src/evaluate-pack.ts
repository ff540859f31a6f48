import type { Document } from './document.ts'
import type { InvalidDataError } from './errors.ts'
import type { BeirSet } from './eval/beir.ts'
import type { Comparison } from './eval/comparison.ts'
import { embeddingCache } from './eval/embedding-cache.ts'
import { checkedOptions, type ComparisonOptions } from './eval/evaluate-engine.ts'
import type { SetOwner } from './eval/oracles.ts'
import { evaluationProgress, type PackEvaluationProgress } from './eval/progress.ts'
import type { SetResult } from './eval/set-result.ts'
import { statistics, summarise, type Statistics } from './eval/summarise.ts'
import { bundledPack, generalName, loadPack, type LoadedPack } from './load-pack.ts'
import { packCollection, type PackCollectionOptions } from './pack-collection.ts'
import { lexicalFacts, type LexicalFacts } from './pack-facts.ts'
import { packLessons } from './pack-lessons.ts'
import { phasesOf, planEvaluation, summingUp, withoutLearned, type EvaluationPlan } from './pack-plan.ts'
import { writePackResults } from './pack-results.ts'
import { evaluateSet } from './pack-set.ts'
import { defaultRouter, multiTaskName } from './pack-systems.ts'
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
  /** Train queries of each set that are searched for routers to learn from, at most. @default 300 */
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
    if (loaded !== pack) await loaded.close()
  }
}

async function evaluateLoaded(
  pack: LoadedPack,
  threads: SearchThreads,
  sets: readonly BeirSet[],
  options: EvaluatePackOptions,
): Promise<PackComparison> {
  const started = performance.now()
  const plan = await planEvaluation(pack, sets, options)
  const progress = evaluationProgress(phasesOf(plan, pack.experts.length), options.onProgress)
  const embedder = options.cache === undefined ? {} : { embedder: embeddingCache(options.cache).encoder }
  const under: Circumstances = { pack, threads, plan, options, progress, embedder, ...checkedOptions(sets, options) }

  const lessons = await learn(under)
  const wanted = lessons.length > 0 ? plan.wanted : withoutLearned(plan.wanted, options.systems, plan.notices)
  await askAll(under, wanted, lessons)
  const results = plan.judged.map((one): SetResult => {
    const result = plan.finished.get(one)!
    return { ...result, scores: { ...result.scores, ...plan.foreign.get(one.set.name) } }
  })
  const steps = summingUp(plan.judged, plan.saved !== undefined)
  const systems = await compare(under, wanted, results, (share) => progress.summedUp(share * steps.tests))
  const { name, version } = pack.pack.manifest
  const owners = results.flatMap(({ set, owner }) => (owner ? [[set, owner] as const] : []))
  const comparison: PackComparison = {
    pack: { name, version },
    merged: options.merged ?? false,
    split: under.split,
    documents: sets.reduce((total, set) => total + plan.corpora.get(set)!.documents, 0),
    queries: Object.fromEntries(results.map(({ set, queries }) => [set, queries.length])),
    systems,
    routes: Object.fromEntries(results.flatMap(({ set, routes }) => (routes ? [[set, routes] as const] : []))),
    ...(owners.length > 0 && { owners: Object.fromEntries(owners) }),
    ...(lessons.length > 0 && { learnedFrom: countBySet(lessons) }),
    lexical: lexicalFacts(pack),
    statistics,
    notices: plan.notices,
    seconds: (performance.now() - started) / 1000,
  }
  if (plan.saved) {
    const found = { comparison: { ...comparison, ...options.details?.() }, results, lessons, metric: under.metrics[0]! }
    const onShare = (share: number): void => progress.summedUp(steps.tests + share * steps.map)
    await writePackResults(pack, plan.saved, { ...found, documents: documentsOf(sets), onShare }, under.signal)
  }
  await plan.runs?.clear()
  return comparison
}

interface Circumstances extends ReturnType<typeof checkedOptions> {
  readonly pack: LoadedPack
  readonly threads: SearchThreads
  readonly plan: EvaluationPlan
  readonly options: EvaluatePackOptions
  readonly progress: ReturnType<typeof evaluationProgress>
  readonly embedder: Pick<PackCollectionOptions, 'embedder'>
}

/** What the paper's routers learn from. */
async function learn({ pack, threads, plan, progress, embedder, blockSize, signal }: Circumstances): Promise<RoutedQuery[]> {
  const hooks = { onEmbedded: progress.embedded, onAnswered: progress.answered, ...embedder, ...(signal && { signal }) }
  const lessons: RoutedQuery[] = []
  for (const set of plan.lessonSets) {
    lessons.push(...(await packLessons(pack, threads, set, { queries: plan.routerQueries, blockSize, ...hooks })))
    progress.nextPool()
  }
  return lessons
}

/** Fills one collection after the other and asks the queries of its sets that are not finished. */
async function askAll(under: Circumstances, wanted: readonly string[], lessons: readonly RoutedQuery[]): Promise<void> {
  const { pack, threads, plan, progress, embedder, metrics, topK, blockSize, signal } = under
  const { finished, saved, runs, circumstances } = plan
  const stoppable = signal && { signal }
  const depth = Math.max(50, 2 * (topK + 1))
  const left = plan.pools.some(({ open }) => open.length > 0)
  const routers = left && lessons.length > 0 ? { routers: await learnBaselineRouters(lessons, { ...stoppable }) } : {}
  for (const { name, sets, open } of plan.pools) {
    if (open.length > 0) {
      const collection = packCollection(pack, threads, { depth, ...routers, ...embedder })
      try {
        const documents = documentsOf(sets.map(({ set }) => set))
        await collection.engine.add(documents, { onProgress: ({ done }) => progress.embedded(done), ...stoppable })
        for (const one of open) {
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
      name,
      sets.map(({ set }) => set.name),
    )
  }
}

/** Every system against the general expert, and the default router against whatever else it should be better than. */
async function compare(
  { plan, metrics, signal }: Circumstances,
  wanted: readonly string[],
  results: readonly SetResult[],
  onShare: (share: number) => void,
) {
  const names = [...wanted, ...Object.keys(plan.foreign.get(plan.judged[0]!.set.name) ?? {})]
  const further = names.filter((name) => name.startsWith('router:') || name === multiTaskName)
  const rivals = (system: string): string[] => [generalName, ...(system === defaultRouter ? further : [])]
  return summarise(names, results, { metrics, rivals, onShare, ...(signal && { signal }) })
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
