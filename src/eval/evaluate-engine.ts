import type { Engine, Retrieval } from '../engine.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { BeirSet } from './beir.ts'
import { evaluate, type Metric, type Scores } from './evaluate.ts'
import type { Qrels, RunHit } from './qrels.ts'
import { systemsOf, type System } from './systems.ts'

export interface EvaluateEngineOptions {
  /** Names from `systemNames`, and `expert:NAME`. @default systemNames */
  readonly systems?: readonly string[]
  /** @default 'test' */
  readonly split?: string
  /** @default ['ndcg@10'] */
  readonly metrics?: readonly Metric[]
  /** Hits asked for a query. @default the deepest cutoff of the metrics, 1000 for one without */
  readonly topK?: number
  /** Queries asked at once; a block is asked of every system before the next begins. @default 256 */
  readonly blockSize?: number
  readonly onProgress?: (progress: EvaluationProgress) => void
  readonly signal?: AbortSignal
}

export interface EvaluationProgress {
  /** Questions answered so far, each system's counted. */
  readonly done: number
  readonly total: number
  readonly set: string
}

/** Scores in [0, 1] of several systems over several sets. What `pilotfish eval --json` writes. */
export interface EngineEvaluation {
  readonly split: string
  /** Documents in the collection that was searched. */
  readonly documents: number
  /** Judged queries by set. */
  readonly queries: Readonly<Record<string, number>>
  readonly systems: Readonly<Record<string, SystemScores>>
  /** Where queries were sent: by set, how often each expert came first; `fallback` and `fused` count decisions. */
  readonly routes: Readonly<Record<string, Readonly<Record<string, number>>>>
}

export interface SystemScores {
  /** Mean over sets: each set weighs the same. */
  readonly mean: Scores
  readonly sets: Readonly<Record<string, Scores>>
  /** Milliseconds a query, batched, on the machine that ran it. */
  readonly milliseconds: number
}

/**
 * Asks an engine every judged query of BEIR sets that lie in its collection under the ids `<set>/<id>`, as
 * `pilotfish add` puts them there, and scores the answers.
 * @throws InvalidArgumentError when a set's documents are not in the collection
 */
export async function evaluateEngine(
  engine: Engine,
  sets: readonly BeirSet[],
  options: EvaluateEngineOptions = {},
): Promise<EngineEvaluation> {
  const { split = 'test', metrics = ['ndcg@10'], blockSize = 256, onProgress, signal } = options
  if (sets.length === 0) throw new InvalidArgumentError('sets', 'is empty')
  if (!(Number.isInteger(blockSize) && blockSize > 0))
    throw new InvalidArgumentError('blockSize', `is ${blockSize}, not a whole number above 0`)
  const systems = systemsOf(engine, options.systems)
  const topK = options.topK ?? Math.max(...metrics.map((metric) => Number(metric.split('@')[1] ?? 1000)))
  const judged = await Promise.all(sets.map(async (set) => ({ set, qrels: await set.qrels(split) })))
  for (const { set, qrels } of judged) await checkPresent(engine, set, qrels)

  const total = systems.length * judged.reduce((sum, { qrels }) => sum + qrels.size, 0)
  let done = 0
  const scores = new Map(systems.map(({ name }) => [name, { sets: {} as Record<string, Scores>, spent: 0 }]))
  const routes: Record<string, Record<string, number>> = {}
  for (const { set, qrels } of judged) {
    const runs = new Map(systems.map(({ name }) => [name, new Map<string, RunHit[]>()]))
    const ids = [...qrels.keys()]
    routes[set.name] = {}
    for (let from = 0; from < ids.length; from += blockSize) {
      const block = ids.slice(from, from + blockSize)
      const texts = block.map((id) => set.queries.get(id)!)
      for (const [i, system] of systems.entries()) {
        const started = performance.now()
        // One more than is scored: the hit that is the query itself will be dropped.
        const answers = await engine.retrieveMany(texts, { ...system.options, topK: topK + 1, ...(signal && { signal }) })
        scores.get(system.name)!.spent += performance.now() - started
        answers.forEach(({ hits }, j) =>
          runs.get(system.name)!.set(
            block[j]!,
            hits.map(({ document, score }) => ({ id: ownId(set, document.id), score })),
          ),
        )
        if (i === firstRouted(systems)) countRoutes(routes[set.name]!, answers)
        done += block.length
        onProgress?.({ done, total, set: set.name })
      }
    }
    for (const { name } of systems) scores.get(name)!.sets[set.name] = evaluate(qrels, runs.get(name)!, metrics).mean
  }
  const { documents } = await engine.info()
  return {
    split,
    documents,
    queries: Object.fromEntries(judged.map(({ set, qrels }) => [set.name, qrels.size])),
    systems: Object.fromEntries(
      [...scores].map(([name, { sets: bySet, spent }]) => [
        name,
        { mean: meanOf(bySet, metrics), sets: bySet, milliseconds: (spent * systems.length) / Math.max(1, total) },
      ]),
    ),
    routes,
  }
}

/** The scores as a Markdown table of percentages: a row for each system, a column for each set. */
export function evaluationTable({ systems, queries }: EngineEvaluation, metric: Metric = 'ndcg@10'): string {
  const sets = Object.keys(queries)
  const percent = (value: number | undefined): string => (value === undefined ? '–' : (100 * value).toFixed(1))
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    row([metric, 'mean', ...sets]),
    row(['---', ...['mean', ...sets].map(() => '---:')]),
    ...Object.entries(systems).map(([name, { mean, sets: bySet }]) =>
      row([name, percent(mean[metric]), ...sets.map((set) => percent(bySet[set]?.[metric]))]),
    ),
    '',
  ].join('\n')
}

/** Position of the system whose routes are counted, -1 when none routes. */
function firstRouted(systems: readonly System[]): number {
  return systems.findIndex(({ options }) => options.expert === undefined && options.lexicalWeight !== 1)
}

function countRoutes(counts: Record<string, number>, answers: readonly Retrieval[]): void {
  const count = (name: string): void => void (counts[name] = (counts[name] ?? 0) + 1)
  for (const { route } of answers) {
    if (route.decision === 'fallback') count('fallback')
    else count(route.experts[0]!.name)
    if (route.decision === 'fused') count('fused')
  }
}

/** The id as the set's judgements have it; a document of another set keeps its full id, which no judgement names. */
function ownId(set: BeirSet, id: string): string {
  return id.startsWith(`${set.name}/`) ? id.slice(set.name.length + 1) : `/${id}`
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

function meanOf(sets: Readonly<Record<string, Scores>>, metrics: readonly Metric[]): Scores {
  const all = Object.values(sets)
  return Object.fromEntries(metrics.map((metric) => [metric, all.reduce((sum, scores) => sum + scores[metric]!, 0) / all.length])) as Scores
}
