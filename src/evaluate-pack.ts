import type { Document } from './document.ts'
import { askSystems, meanOverQueries, type JudgedSet } from './eval/ask.ts'
import type { BeirSet } from './eval/beir.ts'
import { meanOverSets, type Comparison, type RouteCounts } from './eval/comparison.ts'
import { checkedOptions, type ComparisonOptions } from './eval/evaluate-engine.ts'
import type { Scores } from './eval/evaluate.ts'
import { bestForEachQuery, chosenBy, chooseOwner, ownerQuestions, type OwnerQuestions, type SetOwner } from './eval/oracles.ts'
import { evaluationProgress, type PackEvaluationProgress } from './eval/progress.ts'
import { isDense } from './expert/expert.ts'
import { bundledPack, generalName, loadPack, type LoadedPack } from './load-pack.ts'
import { checkPackSystems, expertSystem, packCollection, type PackCollection } from './pack-collection.ts'
import { searchThreads, type SearchThreads } from './store/exact/threads.ts'

export interface EvaluatePackOptions extends ComparisonOptions {
  /**
   * All sets in one collection, where a document of another set is a wrong answer; otherwise each set alone, over its own documents.
   * @default false
   */
  readonly merged?: boolean
  /** Names as `packSystems` lists them. @default all of them */
  readonly systems?: readonly string[]
  readonly onProgress?: (progress: PackEvaluationProgress) => void
}

/** What `pilotfish eval --json` writes. */
export interface PackComparison extends Comparison {
  readonly pack: { readonly name: string; readonly version: string }
  readonly merged: boolean
  /** The expert that `oracle:set` asks, by set. */
  readonly owners?: Readonly<Record<string, SetOwner>>
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
  const { merged = false, onProgress } = options
  const { split, metrics, topK, blockSize, signal } = checkedOptions(sets, options)
  const wanted = checkPackSystems(pack, options.systems)
  const judged = await Promise.all(sets.map(async (set): Promise<JudgedSet> => ({ set, qrels: await set.qrels(split) })))
  const questions = new Map<string, OwnerQuestions>()
  const owners: Record<string, SetOwner> = {}
  if (wanted.includes('oracle:set')) {
    for (const one of judged) {
      const known = declaredOwner(pack, one.set.name) ?? (await ownerQuestions(one, split))
      if (known && 'qrels' in known) questions.set(one.set.name, known)
      else owners[one.set.name] = known ?? { expert: generalName, by: 'nobody' }
    }
  }
  const sizes = new Map<BeirSet, number>()
  for (const set of sets) sizes.set(set, await countDocuments(set, signal))

  const pools: JudgedSet[][] = merged ? [judged] : judged.map((one) => [one])
  const progress = evaluationProgress(
    pools.map((pool) => ({
      documents: sum(pool, ({ set }) => sizes.get(set)!),
      questions: sum(pool, ({ set, qrels }) => qrels.size + (questions.get(set.name)?.qrels.size ?? 0)),
      experts: pack.experts.length,
    })),
    onProgress,
  )
  const how = { topK, blockSize, ...(signal && { signal }) }
  const scores = new Map(wanted.map((name) => [name, {} as Record<string, Scores>]))
  const routes: Record<string, RouteCounts> = {}

  const evaluateSet = async (one: JudgedSet, collection: PackCollection): Promise<void> => {
    const { name } = one.set
    const experts = new Map(pack.experts.filter(isDense).map((expert) => [expert.name, collection.system(expertSystem(expert.name))]))
    const question = questions.get(name)
    if (question) {
      const systems = [...experts.values()]
      const prepare = (texts: readonly string[]): Promise<void> => collection.prepare(texts, systems, signal)
      owners[name] = await chooseOwner(experts, question, {
        ...how,
        prepare,
        onAnswer: (queries) => progress.answered(queries / systems.length),
      })
    }
    const owner = owners[name] && expertSystem(owners[name].expert)
    const needed = wanted.flatMap((system) => {
      if (system === 'oracle:query') return [...experts.keys()].map(expertSystem)
      return system === 'oracle:set' ? [owner!] : [system]
    })
    const systems = [...new Set(needed)].map((system) => collection.system(system))
    const answers = await askSystems(systems, one, {
      ...how,
      metrics: [...new Set([...metrics, chosenBy])],
      prepare: (texts) => collection.prepare(texts, systems, signal),
      onAnswer: (queries) => progress.answered(queries / systems.length),
    })
    if (answers.routes) routes[name] = answers.routes
    const byQuery = (system: string): ReadonlyMap<string, Scores> => {
      if (system === 'oracle:set') return answers.scores.get(owner!)!
      if (system !== 'oracle:query') return answers.scores.get(system)!
      return bestForEachQuery([...experts.keys()].map((expert) => answers.scores.get(expertSystem(expert))!))
    }
    for (const system of wanted) scores.get(system)![name] = meanOverQueries(byQuery(system), metrics)
  }

  for (const pool of pools) {
    const collection = packCollection(pack, threads, Math.max(50, 2 * (topK + 1)))
    try {
      await collection.engine.add(documentsOf(pool.map(({ set }) => set)), {
        onProgress: ({ done }) => progress.embedded(done),
        ...(signal && { signal }),
      })
      for (const one of pool) await evaluateSet(one, collection)
    } finally {
      await collection.close()
    }
    progress.nextPool()
  }
  const { name, version } = pack.pack.manifest
  return {
    pack: { name, version },
    merged,
    split,
    documents: sum([...sizes.values()], (size) => size),
    queries: Object.fromEntries(judged.map(({ set, qrels }) => [set.name, qrels.size])),
    systems: Object.fromEntries([...scores].map(([system, bySet]) => [system, { mean: meanOverSets(bySet, metrics), sets: bySet }])),
    routes,
    ...(wanted.includes('oracle:set') && { owners }),
    seconds: (performance.now() - started) / 1000,
  }
}

/** The paper's dataset oracle asks the expert that was trained on the set; a pack may say which that is. */
function declaredOwner(pack: LoadedPack, set: string): SetOwner | undefined {
  const expert = pack.pack.manifest.experts.find(({ sets }) => sets?.includes(set))
  return expert && { expert: expert.name, by: 'pack' }
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
