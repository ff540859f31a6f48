import type { Document } from '../document.ts'
import type { Encoder } from '../encoder/encoder.ts'
import { InvalidArgumentError } from '../errors.ts'
import { askSystems, type JudgedSet } from '../eval/ask.ts'
import type { BeirSet } from '../eval/beir.ts'
import { embeddingCache } from '../eval/embedding-cache.ts'
import { checkedOptions } from '../eval/evaluate-engine.ts'
import type { Scores } from '../eval/evaluate.ts'
import { evaluationProgress } from '../eval/progress.ts'
import { bundledPack, generalName, loadPack, type LoadedPack } from '../load-pack.ts'
import { packCollection } from '../pack-collection.ts'
import { declaredExpert, lessonSplit, packLessons } from '../pack-lessons.ts'
import { corpusFacts } from '../pack-circumstances.ts'
import { lessonSetsOf } from '../pack-plan.ts'
import { expertSystem, rivalExperts } from '../pack-systems.ts'
import type { RoutedQuery } from '../routing/baselines/lessons.ts'
import { searchThreads } from '../store/exact/threads.ts'
import { random, shuffled } from '../train/random.ts'
import type { AskedSet, Variant } from './asked-set.ts'
import { rememberedDocuments } from './remembered-documents.ts'
import type { StudyOptions } from './study-options.ts'

/** What a study of routers works with: experts, what routers may learn from, and queries to ask. */
export interface StudyField {
  readonly pack: LoadedPack
  /** Names of the experts that a router chooses among, in the pack's order; the general one is none of them. */
  readonly experts: readonly string[]
  readonly lessons: readonly RoutedQuery[]
  readonly seed: number
  readonly merged: boolean
  readonly sets: readonly string[]
  /** The expert that a set belongs to, where somebody says. */
  owner(set: string): string | undefined
  /** Asks every expert and every router all judged queries. Experts are searched once, whatever the number of routers. */
  ask(variants: readonly Variant[]): Promise<AskedSet[]>
}

/** What studies score by. */
export const studyMetric = 'ndcg@10'

const depth = { scored: 10, searched: 50 }
const blockSize = 256

/** Reads the sets, lets every expert answer train queries, and hands over the field; closes what it opened when the work is done. */
export async function withStudyField<T>(
  sets: readonly BeirSet[],
  options: StudyOptions,
  work: (field: StudyField) => Promise<T>,
): Promise<T> {
  const { pack, split = 'test', merged = false, seed = 1, routerQueries = 300, signal, onProgress } = options
  const loaded = typeof pack === 'object' ? pack : await loadPack(pack ?? bundledPack())
  const threads = searchThreads()
  const stoppable = signal && { signal }
  try {
    const judged = await judgedSets(sets, options)
    const teachers = lessonSetsOf(options.routerData ?? sets, sets, split)
    const sizes = new Map<BeirSet, number>()
    for (const set of new Set([...sets, ...teachers])) sizes.set(set, (await corpusFacts(set, signal)).documents)
    const pools = merged ? [judged] : judged.map((one) => [one])
    const experts = rivalExperts(loaded)
    const sizeOf = (pool: readonly JudgedSet[]): number => pool.reduce((sum, { set }) => sum + sizes.get(set)!, 0)
    const progress = evaluationProgress(
      [
        ...teachers.map((set) => ({ documents: sizes.get(set)!, questions: routerQueries, experts: experts.length })),
        ...pools.map((pool) => ({
          documents: sizeOf(pool),
          questions: pool.reduce((sum, { qrels }) => sum + qrels.size, 0),
          experts: experts.length,
        })),
      ],
      onProgress && (({ stage, ...rest }) => stage !== 'results' && onProgress({ stage, ...rest })),
    )

    const embedder = embedderOf(options)
    const lessons: RoutedQuery[] = []
    for (const set of teachers) {
      const hooks = { onEmbedded: progress.embedded, onAnswered: progress.answered }
      lessons.push(...(await packLessons(loaded, threads, set, { queries: routerQueries, blockSize, embedder, ...hooks, ...stoppable })))
      progress.nextPool()
    }
    if (lessons.length === 0) throw nothingToLearnFrom()
    const owner = (set: string): string | undefined => declaredExpert(loaded, set) ?? lessons.find((lesson) => lesson.set === set)?.domain

    const ask = async (variants: readonly Variant[]): Promise<AskedSet[]> => {
      const routers = new Map(variants.map(({ name, router }) => [name, router]))
      const asked: AskedSet[] = []
      for (const pool of pools) {
        const collection = packCollection(loaded, threads, { depth: depth.searched, routers, embedder })
        try {
          await collection.engine.add(documentsOf(pool.map(({ set }) => set)), {
            onProgress: ({ done }) => progress.embedded(done),
            ...stoppable,
          })
          for (const one of pool) {
            const wanted = variants.filter(({ sets: only }) => only?.includes(one.set.name) ?? true).map(({ name }) => name)
            const systems = [...experts.map(({ name }) => expertSystem(name)), ...wanted].map((name) => collection.system(name))
            const { scores, chosen } = await askSystems(systems, one, {
              metrics: [studyMetric],
              topK: depth.scored,
              blockSize,
              prepare: (texts) => collection.prepare(texts, systems, signal),
              onAnswer: (queries) => progress.answered(queries / systems.length),
              ...stoppable,
            })
            asked.push({
              set: one.set.name,
              owner: owner(one.set.name),
              experts: new Map(experts.map(({ name }) => [name, column(scores.get(expertSystem(name))!)])),
              variants: new Map(wanted.map((name) => [name, { scores: column(scores.get(name)!), chosen: chosen.get(name)! }])),
            })
          }
        } finally {
          await collection.close()
        }
        progress.nextPool()
      }
      return asked
    }

    return await work({
      pack: loaded,
      experts: experts.map(({ name }) => name).filter((name) => name !== generalName),
      lessons,
      seed,
      merged,
      sets: sets.map(({ name }) => name),
      owner,
      ask,
    })
  } finally {
    await threads.close()
    if (loaded !== pack) await loaded.close()
  }
}

/** Documents are embedded once: for this study alone, or for all that use the same cache. */
export function embedderOf({ cache }: StudyOptions): (encoder: Encoder) => Encoder {
  return cache === undefined ? rememberedDocuments() : embeddingCache(cache).encoder
}

/** The queries that are asked. @throws InvalidArgumentError, InvalidDataError */
export async function judgedSets(sets: readonly BeirSet[], { split = 'test', queries, seed = 1 }: StudyOptions): Promise<JudgedSet[]> {
  checkedOptions(sets, {})
  return Promise.all(
    sets.map(async (set) => {
      const qrels = await set.qrels(split)
      if (queries === undefined || qrels.size <= queries) return { set, qrels }
      const drawn = new Set(shuffled([...qrels.keys()], random(seed, 0x57d)).slice(0, queries))
      return { set, qrels: new Map([...qrels].filter(([id]) => drawn.has(id))) }
    }),
  )
}

/** Documents under the ids `<set>/<id>`. */
export async function* documentsOf(sets: readonly BeirSet[]): AsyncGenerator<Document> {
  for (const set of sets) for await (const document of set.corpus()) yield { ...document, id: `${set.name}/${document.id}` }
}

function nothingToLearnFrom(): InvalidArgumentError {
  return new InvalidArgumentError(
    'routerData',
    `holds nothing to learn from: no set with a ${lessonSplit} split belongs to an expert of the pack`,
    'Give sets whose train queries routers may learn from: `routerData` (--router-data).',
  )
}

function column(scores: ReadonlyMap<string, Scores>): number[] {
  return Array.from(scores.values(), (score) => score[studyMetric]!)
}
