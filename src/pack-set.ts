import type { Retrieval } from './engine.ts'
import { askSystems, type AnsweredBlock, type AskOptions, type JudgedSet, type SetAnswers } from './eval/ask.ts'
import type { Metric, Scores } from './eval/evaluate.ts'
import { bestForEachQuery, chosenBy, chooseOwner, type OwnerQuestions, type SetOwner } from './eval/oracles.ts'
import { columnsOf, type RecordedQuery, type RoutingAccuracy, type SetResult } from './eval/set-result.ts'
import { generalName, type LoadedPack } from './load-pack.ts'
import type { PackCollection } from './pack-collection.ts'
import { expertSystem, rivalExperts } from './pack-systems.ts'
import type { Route } from './routing/router.ts'

/** A set, and what is known of its owner before anything is asked: who it is, or the queries that tell. */
export interface PackSet extends JudgedSet {
  readonly owner: SetOwner | OwnerQuestions | undefined
}

export interface PackSetOptions extends Omit<AskOptions, 'prepare' | 'onBlock'> {
  readonly metrics: readonly Metric[]
  /** Names of systems, oracles among them. */
  readonly systems: readonly string[]
  /** Keeps routes and first hits of every query. */
  readonly records: boolean
  readonly onBlock?: (block: AnsweredBlock) => void | Promise<void>
}

/** First hits that a record keeps. */
const recordedHits = 5

/** Asks all systems the judged queries of one set, whose documents are in the collection. */
export async function evaluateSet(pack: LoadedPack, one: PackSet, collection: PackCollection, options: PackSetOptions): Promise<SetResult> {
  const { metrics, systems: wanted, records, onAnswer, onBlock, topK, blockSize, signal } = options
  const rivals = rivalExperts(pack).map(({ name }) => name)
  const how = { topK, blockSize, ...(signal && { signal }) }
  const prepareFor =
    (systems: Parameters<PackCollection['prepare']>[1]) =>
    (texts: readonly string[]): Promise<void> =>
      collection.prepare(texts, systems, signal)

  const findOwner = async (): Promise<SetOwner | undefined> => {
    if (one.owner === undefined || 'expert' in one.owner) return one.owner
    const experts = new Map(rivals.map((name) => [name, collection.system(expertSystem(name))]))
    const systems = [...experts.values()]
    const share = 1 / systems.length
    return chooseOwner(experts, one.owner, { ...how, prepare: prepareFor(systems), onAnswer: (queries) => onAnswer?.(queries * share) })
  }
  const owner = await findOwner()
  const asOwner = expertSystem(owner?.expert ?? generalName)
  const needed = wanted.flatMap((system) => {
    if (system === 'oracle:query') return rivals.map(expertSystem)
    return system === 'oracle:set' ? [asOwner] : [system]
  })
  const systems = [...new Set(needed)].map((system) => collection.system(system))
  // Routers take the answers of experts that were asked before.
  systems.sort((a, b) => Number(a.routed ?? false) - Number(b.routed ?? false))
  const recorder = records ? recording(one, rivals, collection) : undefined
  const answers = await askSystems(systems, one, {
    ...how,
    metrics: [...new Set([...metrics, chosenBy])],
    prepare: prepareFor(systems),
    onAnswer: (queries) => onAnswer?.(queries / systems.length),
    onBlock: async (block) => {
      await recorder?.take(block)
      await onBlock?.(block)
    },
  })

  const byQuery = (system: string): ReadonlyMap<string, Scores> => {
    if (system === 'oracle:set') return answers.scores.get(asOwner)!
    if (system !== 'oracle:query') return answers.scores.get(system)!
    return bestForEachQuery(
      rivals.map((expert) => answers.scores.get(expertSystem(expert))!),
      metrics,
    )
  }
  return {
    set: one.set.name,
    queries: [...one.qrels.keys()],
    scores: Object.fromEntries(wanted.map((system) => [system, columnsOf(byQuery(system), metrics)])),
    costs: Object.fromEntries([...answers.costs].filter(([system]) => wanted.includes(system))),
    accuracy: Object.fromEntries(
      [...answers.chosen]
        .filter(([system]) => wanted.includes(system))
        .map(([system, chosen]) => [system, accuracyOf(chosen, answers, rivals, owner)]),
    ),
    ...(answers.routes && { routes: answers.routes }),
    ...(owner && { owner }),
    ...(recorder && { records: recorder.records() }),
  }
}

/** How often the experts that a router put first were the right ones. */
function accuracyOf(
  chosen: readonly string[],
  { scores }: SetAnswers,
  rivals: readonly string[],
  owner: SetOwner | undefined,
): RoutingAccuracy {
  const share = (right: number): number => right / Math.max(1, chosen.length)
  const columns = new Map(
    rivals.map((name) => [name, scores.get(expertSystem(name))] as const).map(([name, own]) => [name, own && [...own.values()]]),
  )
  const best = (): number => {
    let right = 0
    chosen.forEach((expert, i) => {
      const own = columns.get(expert)?.[i]?.[chosenBy] ?? -1
      let most = 0
      for (const column of columns.values()) most = Math.max(most, column![i]![chosenBy]!)
      if (own >= most) right++
    })
    return share(right)
  }
  return {
    ...([...columns.values()].every((column) => column !== undefined) && { best: best() }),
    ...(owner && owner.by !== 'nobody' && { owner: share(chosen.filter((expert) => expert === owner.expert).length) }),
  }
}

/** Gathers what records show: the default router's decisions, and the first hits of single experts, BM25 and the routed systems. */
function recording({ set, qrels }: JudgedSet, rivals: readonly string[], collection: PackCollection) {
  const lists = new Map<string, string>(rivals.map((name) => [expertSystem(name), name]))
  for (const name of ['bm25', 'multi-task', 'routed', 'routed+bm25']) lists.set(name, name)
  lists.set('router:default', 'routed')
  const records = new Map<string, RecordedQuery & { readonly hits: Record<string, string[]> }>()

  const begin = async (id: string): Promise<void> => {
    const text = set.queries.get(id)!
    const relevant = [...qrels.get(id)!].filter(([, grade]) => grade > 0).map(([document, grade]) => [`${set.name}/${document}`, grade])
    records.set(id, { id, text, relevant: Object.fromEntries(relevant), route: recordedRoute(await collection.route(text)), hits: {} })
  }
  return {
    async take({ system, ids, answers }: AnsweredBlock): Promise<void> {
      // With the first system's answer, while the block's vectors are still remembered.
      for (const id of ids) if (!records.has(id)) await begin(id)
      const list = lists.get(system)
      if (list !== undefined) ids.forEach((id, i) => (records.get(id)!.hits[list] ??= firstHits(answers[i]!, `${set.name}/${id}`)))
    },
    records: (): RecordedQuery[] => [...records.values()],
  }
}

function recordedRoute({ decision, experts, confidence, margin, lexicalWeight, scores }: Route): RecordedQuery['route'] {
  return {
    decision,
    experts: experts.map(({ name, weight }) => ({ name, weight: rounded(weight) })),
    confidence: rounded(confidence),
    margin: rounded(margin),
    lexicalWeight: rounded(lexicalWeight),
    scores: scores.map(({ expert, score }) => ({ expert, score: rounded(score) })),
  }
}

/** Ids of the best documents, the query itself left out. */
function firstHits({ hits }: Retrieval, self: string): string[] {
  const ids = hits.slice(0, recordedHits + 1).map(({ document }) => document.id)
  return ids.filter((id) => id !== self).slice(0, recordedHits)
}

function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4
}
