import type { Engine } from '../engine.ts'
import { InvalidArgumentError } from '../errors.ts'
import { askSystems, depthOf } from './ask.ts'
import type { BeirSet } from './beir.ts'
import type { Comparison } from './comparison.ts'
import type { Metric } from './evaluate.ts'
import type { Qrels } from './qrels.ts'
import { columnsOf, type SetResult } from './set-result.ts'
import { summarise } from './summarise.ts'
import { systemsOf } from './systems.ts'

/** What is measured where nobody says: how good the first answers are, how much is found, and how far one reads. */
export const defaultMetrics: readonly Metric[] = ['ndcg@10', 'recall@100', 'mrr@10']

export interface ComparisonOptions {
  /** @default 'test' */
  readonly split?: string
  /** The first is the one that systems are compared by. @default defaultMetrics */
  readonly metrics?: readonly Metric[]
  /** Hits asked for a query. @default the deepest cutoff of the metrics, 1000 for one without */
  readonly topK?: number
  /** Queries asked at once; a block is asked of every system before the next begins. @default 256 */
  readonly blockSize?: number
  readonly signal?: AbortSignal
}

export interface EvaluateEngineOptions extends ComparisonOptions {
  /** Names from `systemNames`, and `expert:NAME`. @default systemNames */
  readonly systems?: readonly string[]
  readonly onProgress?: (progress: EngineEvaluationProgress) => void
}

export interface EngineEvaluationProgress {
  /** Questions answered so far, each system's counted. */
  readonly done: number
  readonly total: number
  readonly set: string
}

/**
 * Asks an engine every judged query of BEIR sets that lie in its collection under the ids `<set>/<id>`, as
 * `pilotfish add` puts them there, and scores the answers.
 * @throws InvalidArgumentError when a set's documents are not in the collection
 */
export async function evaluateEngine(engine: Engine, sets: readonly BeirSet[], options: EvaluateEngineOptions = {}): Promise<Comparison> {
  const { onProgress, ...rest } = options
  const { split, metrics, topK, blockSize, signal } = checkedOptions(sets, rest)
  const systems = systemsOf(engine, options.systems)
  const judged = await Promise.all(sets.map(async (set) => ({ set, qrels: await set.qrels(split) })))
  for (const { set, qrels } of judged) await checkPresent(engine, set, qrels)

  const started = performance.now()
  const names = systems.map(({ name }) => name)
  const total = systems.length * judged.reduce((sum, { qrels }) => sum + qrels.size, 0)
  let done = 0
  const results: SetResult[] = []
  for (const one of judged) {
    const { name: set } = one.set
    const { scores, routes } = await askSystems(systems, one, {
      metrics,
      topK,
      blockSize,
      onAnswer: (queries) => onProgress?.({ done: (done += queries), total, set }),
      ...(signal && { signal }),
    })
    results.push({
      set,
      queries: [...one.qrels.keys()],
      scores: Object.fromEntries(names.map((name) => [name, columnsOf(scores.get(name)!, metrics)])),
      costs: {},
      accuracy: {},
      ...(routes && { routes }),
    })
  }
  const { documents } = await engine.info()
  return {
    split,
    documents,
    queries: Object.fromEntries(judged.map(({ set, qrels }) => [set.name, qrels.size])),
    systems: await summarise(names, results, { metrics, rivals: () => ['general'], ...(signal && { signal }) }),
    routes: Object.fromEntries(results.flatMap(({ set, routes }) => (routes ? [[set, routes] as const] : []))),
    seconds: (performance.now() - started) / 1000,
  }
}

/** Options with their defaults. @throws InvalidArgumentError */
export function checkedOptions(
  sets: readonly BeirSet[],
  { split = 'test', metrics = defaultMetrics, blockSize = 256, topK = depthOf(metrics), signal }: ComparisonOptions,
): Required<Omit<ComparisonOptions, 'signal'>> & { readonly signal: AbortSignal | undefined } {
  if (sets.length === 0) throw new InvalidArgumentError('sets', 'is empty')
  const names = sets.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined)
    throw new InvalidArgumentError('sets', `has two sets called "${twice}"`, 'Sets are told apart by the names of their directories.')
  if (metrics.length === 0) throw new InvalidArgumentError('metrics', 'is empty')
  if (!(Number.isInteger(blockSize) && blockSize > 0))
    throw new InvalidArgumentError('blockSize', `is ${blockSize}, not a whole number above 0`)
  return { split, metrics, blockSize, topK, signal }
}

async function checkPresent(engine: Engine, set: BeirSet, qrels: Qrels): Promise<void> {
  const ids = [...qrels.values()].slice(0, 20).flatMap((grades) => [...grades.keys()].slice(0, 1))
  const found = await engine.get(ids.map((id) => `${set.name}/${id}`))
  if (ids.length > 0 && found.every((document) => document === undefined)) {
    throw new InvalidArgumentError(
      'sets',
      `has "${set.name}", whose documents ("${set.name}/${ids[0]}" …) are not in the collection`,
      `Add them first: pilotfish add ${set.directory} --index DIR`,
    )
  }
}
