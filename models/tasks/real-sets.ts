import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Expert } from '../../src/expert/expert.ts'
import { isDense } from '../../src/expert/expert.ts'
import type { LoadedPack } from '../../src/load-pack.ts'
import { searchHeldOut } from '../../src/pack-training/search.ts'
import { readPairs, type TrainingQuery } from '../../src/train/index.ts'
import { hashString } from '../../src/train/random.ts'
import type { RetrievalTask } from '../../src/tasks/task.ts'

/** A retrieval set as the study uses it: places of answers are among `documents`. */
export interface RealSet {
  readonly set: string
  readonly task: RetrievalTask
  readonly documents: readonly string[]
  readonly train: readonly TrainingQuery[]
  readonly dev: readonly TrainingQuery[]
  readonly test: readonly TrainingQuery[]
}

/** Sets that no base was trained on, by the task they stand for: intents are found by examples of them. */
export const studied: readonly { readonly set: string; readonly task: RetrievalTask }[] = [
  { set: 'obliqa', task: 'qa' },
  { set: 'fm2', task: 'qa' },
  { set: 'fiqa-slice', task: 'qa' },
  { set: 'nfcorpus', task: 'qa' },
  { set: 'toollens', task: 'tool' },
  { set: 'banking77', task: 'icl' },
  { set: 'clinc150', task: 'icl' },
]
/** Asked, never learned from. */
export const unseen: readonly { readonly set: string; readonly task: RetrievalTask }[] = [
  { set: 'mtrag-un', task: 'convsearch' },
  { set: 'msmarco-dl', task: 'qa' },
]

const mostTrain = 2000
const mostDev = 300

/** Reads a set; where it has no dev split, a part of train is held out. */
export async function readRealSet(data: string, { set, task }: (typeof studied)[number], seed: number): Promise<RealSet> {
  const directory = join(data, set)
  const split = async (name: string): Promise<{ documents: readonly string[]; queries: readonly TrainingQuery[] }> => {
    if (!existsSync(join(directory, 'qrels', `${name}.tsv`))) return { documents: [], queries: [] }
    const { documents, queries } = await readPairs(directory, { split: name })
    return { documents, queries: mixed(queries, seed) }
  }
  const [train, dev, test] = [await split('train'), await split('dev'), await split('test')]
  const held = dev.queries.length > 0 ? dev.queries : train.queries.slice(0, Math.min(mostDev, Math.floor(train.queries.length / 5)))
  const known = new Set(held.map(({ text }) => text))
  return {
    set,
    task,
    documents: test.documents,
    train: train.queries.filter(({ text }) => !known.has(text)).slice(0, mostTrain),
    dev: held.slice(0, mostDev),
    test: test.queries,
  }
}

function mixed(queries: readonly TrainingQuery[], seed: number): TrainingQuery[] {
  return queries
    .map((query) => ({ query, hash: hashString(query.text, seed) }))
    .sort((a, b) => a.hash - b.hash || (a.query.text < b.query.text ? -1 : 1))
    .map(({ query }) => query)
}

/** Candidates a teacher judges for a query, beside its answers. */
const judged = 16

/**
 * The train queries with a teacher's rewards: the log-odds of the score by which the whole bundled pack, routed and fused with BM25, orders what it finds.
 * The student learns to do alone what the pack does with all its experts and BM25.
 */
export async function taughtByPack(
  { set, documents, train }: RealSet,
  { base, experts, router, fusion, lexical }: LoadedPack,
  cache: string,
): Promise<TrainingQuery[]> {
  const file = join(cache, `rewards-${set}-${train.length}.json`)
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as TrainingQuery[]
  const dense = experts.filter(isDense) as Extract<Expert, { queryEncoder: unknown }>[]
  const names = dense.map(({ name }) => name)
  const found = await searchHeldOut(documents, train, {
    base,
    views: dense.map(
      ({ queryEncoder }) =>
        (texts, how) =>
          queryEncoder.encode(texts, how),
    ),
    ...(lexical && { lexical }),
  })
  const taught = train.map((query, i): TrainingQuery => {
    const {
      vector,
      found: [search],
    } = found[i]!
    const route = router.route({ text: query.text, vector })
    const places = route.experts.map(({ name }) => names.indexOf(name))
    const candidates = search!.result.candidates.map((each) => ({
      ...each,
      similarities: places.map((place) => each.similarities[place]!),
    }))
    const scores = new Map(fusion({ ...search!.result, candidates }, route).map(({ id, score }) => [Number(id), score]))
    const best = [...scores.keys()].slice(0, judged)
    const asked = [...new Set([...best, ...query.positives.slice(0, 4)])]
    const worst = Math.min(...scores.values())
    const values = asked.map((place) => logOdds(scores.get(place) ?? worst))
    return { ...query, rewards: { places: asked, values } }
  })
  mkdirSync(cache, { recursive: true })
  writeFileSync(file, JSON.stringify(taught))
  return taught
}

function logOdds(score: number): number {
  const safe = Math.min(0.999, Math.max(0.001, score))
  return Math.log(safe / (1 - safe))
}
