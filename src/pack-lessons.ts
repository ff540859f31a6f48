import { askSystems, type JudgedSet } from './eval/ask.ts'
import type { BeirSet } from './eval/beir.ts'
import type { Scores } from './eval/evaluate.ts'
import { chosenBy } from './eval/oracles.ts'
import type { Grades } from './eval/qrels.ts'
import { generalName, type LoadedPack } from './load-pack.ts'
import { packCollection, type PackCollectionOptions } from './pack-collection.ts'
import { expertSystem, rivalExperts } from './pack-systems.ts'
import type { RoutedQuery } from './routing/baselines/lessons.ts'
import type { SearchThreads } from './store/exact/threads.ts'
import { heldOutQueries } from './train/held-out.ts'
import { hashString } from './train/random.ts'

/** The split that routers learn from. */
export const lessonSplit = 'train'

export interface LessonOptions extends Pick<PackCollectionOptions, 'embedder'> {
  /** Train queries of a set that are searched, at most. */
  readonly queries: number
  readonly blockSize: number
  readonly signal?: AbortSignal
  readonly onEmbedded?: (documents: number) => void
  readonly onAnswered?: (queries: number) => void
}

/** Queries of a set that are searched with are those that training keeps out: the same seed and the same limit. */
const seed = 1
const depth = 50
/** Further train queries of a set, for the routers that learn from domains alone: more brought the classification head nothing. */
const furtherQueries = 1500

/**
 * Train queries of one set, with what every expert scores on them over the set's own documents: what routers are learned from.
 * They are the queries that training keeps out, so that no expert has seen them; further ones come without scores, as experts may have
 * learned them. Of a set that no expert of the pack declares, the owner is the best on these queries. Nothing where the set has no train queries, or where the general expert is best.
 */
export async function packLessons(pack: LoadedPack, threads: SearchThreads, set: BeirSet, options: LessonOptions): Promise<RoutedQuery[]> {
  const { queries, blockSize, signal, onEmbedded, onAnswered, embedder } = options
  const collection = packCollection(pack, threads, { depth, ...(embedder && { embedder }) })
  try {
    const known = new Set<string>()
    const documents = async function* () {
      for await (const document of set.corpus()) {
        known.add(document.id)
        yield { ...document, id: `${set.name}/${document.id}` }
      }
    }
    await collection.engine.add(documents(), { onProgress: ({ done }) => onEmbedded?.(done), ...(signal && { signal }) })

    const { searched, further } = await lessonQueries(set, known, queries)
    const judged: JudgedSet = { set, qrels: searched }
    const experts = rivalExperts(pack).filter(({ name }) => name !== generalName)
    const systems = rivalExperts(pack).map(({ name }) => collection.system(expertSystem(name)))
    const { scores } = await askSystems(systems, judged, {
      metrics: [chosenBy],
      topK: 10,
      blockSize,
      prepare: (texts) => collection.prepare(texts, systems, signal),
      onAnswer: (some) => onAnswered?.(some / systems.length),
      ...(signal && { signal }),
    })

    const owner =
      declaredExpert(pack, set.name) ??
      bestOnAll(
        scores,
        rivalExperts(pack).map(({ name }) => name),
      )
    if (owner === generalName) return []
    const ids = [...searched.keys(), ...further]
    const texts = ids.map((id) => set.queries.get(id)!)
    const vectors = await collection.vectors(texts)
    return ids.map((id, i) => ({
      vector: vectors[i]!,
      text: texts[i]!,
      set: set.name,
      domain: owner,
      scores: searched.has(id)
        ? Object.fromEntries(experts.map(({ name }) => [name, scores.get(expertSystem(name))!.get(id)![chosenBy]!]))
        : {},
    }))
  } finally {
    await collection.close()
  }
}

/** Name of the expert whose entry in the pack lists the set. */
export function declaredExpert(pack: LoadedPack, set: string): string | undefined {
  return pack.pack.manifest.experts.find(({ sets, multiTask }) => !multiTask && sets?.includes(set))?.name
}

/** Train queries that something of the corpus answers: those that training keeps out, and ids of others. */
async function lessonQueries(
  set: BeirSet,
  known: ReadonlySet<string>,
  limit: number,
): Promise<{ searched: Map<string, Grades>; further: string[] }> {
  const qrels = await set.qrels(lessonSplit)
  const answered = [...qrels].filter(([, grades]) => [...grades].some(([id, grade]) => grade > 0 && known.has(id)))
  const chosen = heldOutQueries(
    answered.map(([id]) => id),
    limit,
    seed,
  )
  const searched = new Map(chosen.map((id) => [id, qrels.get(id)!]))
  const rest = answered.flatMap(([id]) => (searched.has(id) ? [] : [id]))
  const mixed = rest.map((id) => ({ id, hash: hashString(id, seed) })).sort((a, b) => a.hash - b.hash || (a.id < b.id ? -1 : 1))
  return { searched, further: mixed.slice(0, furtherQueries).map(({ id }) => id) }
}

/** The expert with the best mean; of equals the first. */
function bestOnAll(scores: ReadonlyMap<string, ReadonlyMap<string, Scores>>, experts: readonly string[]): string {
  const sums = experts.map((name) => {
    let sum = 0
    for (const score of scores.get(expertSystem(name))!.values()) sum += score[chosenBy]!
    return sum
  })
  return experts[sums.indexOf(Math.max(...sums))]!
}
