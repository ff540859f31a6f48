import { InvalidArgumentError } from './errors.ts'
import type { EvaluatePackOptions } from './evaluate-pack.ts'
import type { BeirSet } from './eval/beir.ts'
import { checkedOptions } from './eval/evaluate-engine.ts'
import { scoredRuns } from './eval/foreign-runs.ts'
import { ownerQuestions } from './eval/oracles.ts'
import type { PoolSize } from './eval/progress.ts'
import { resultsDirectory, type ResultsDirectory } from './eval/results-directory.ts'
import { runFiles, type RunFiles } from './eval/run-files.ts'
import type { SetResult } from './eval/set-result.ts'
import { generalName, type LoadedPack } from './load-pack.ts'
import { circumstancesBySet, corpusFacts, type CorpusFacts } from './pack-circumstances.ts'
import { declaredExpert, lessonSplit } from './pack-lessons.ts'
import { mostPlaces } from './pack-results.ts'
import type { PackSet } from './pack-set.ts'
import { checkPackSystems, learnedRouters } from './pack-systems.ts'

/** What an evaluation will do, settled before anything is embedded: every file is read, and what is wrong with them found. */
export interface EvaluationPlan {
  /** Systems by name, those aside that have nothing to learn from. */
  readonly wanted: readonly string[]
  readonly judged: readonly PackSet[]
  /** Sets by the collections that they are in. */
  readonly pools: readonly Pool[]
  /** Sets that routers learn from. */
  readonly lessonSets: readonly BeirSet[]
  readonly routerQueries: number
  readonly corpora: ReadonlyMap<BeirSet, CorpusFacts>
  /** Scores of run files, by set, then by system. */
  readonly foreign: ReadonlyMap<string, SetResult['scores']>
  /** Results of an evaluation that was cut off; grows as sets are finished. */
  readonly finished: Map<PackSet, SetResult>
  readonly circumstances: ReadonlyMap<PackSet, string>
  readonly saved: ResultsDirectory | undefined
  readonly runs: RunFiles | undefined
  readonly notices: string[]
}

export interface Pool {
  readonly name: string
  readonly sets: readonly PackSet[]
  /** Those that are not finished. */
  readonly open: readonly PackSet[]
}

/** @throws InvalidArgumentError, InvalidDataError, UnknownExpertError */
export async function planEvaluation(pack: LoadedPack, sets: readonly BeirSet[], options: EvaluatePackOptions): Promise<EvaluationPlan> {
  const { merged = false, fresh = false, routerQueries = 300, routerData = sets, readRuns = [], onBadLine } = options
  const { split, metrics, topK, signal } = checkedOptions(sets, options)
  const notices: string[] = []
  const all = checkPackSystems(pack, options.systems)
  const judged = await Promise.all(sets.map((set) => judge(pack, set, split, all.includes('oracle:set'))))
  const lessonSets = all.some(isLearned) ? lessonSetsOf(routerData, sets, split) : []
  const wanted = lessonSets.length > 0 ? all : withoutLearned(all, options.systems, notices)
  const foreign = await scoredRuns(readRuns, judged, { metrics, taken: wanted, onBadLine })
  const corpora = new Map<BeirSet, CorpusFacts>()
  for (const set of new Set([...sets, ...lessonSets])) corpora.set(set, await corpusFacts(set, signal))

  const together = merged ? [judged] : judged.map((one) => [one])
  const settings = [split, metrics, topK, wanted, merged, routerQueries, options.runs ?? '']
  const circumstances = await circumstancesBySet(pack, together, lessonSets, corpora, settings)
  const saved = options.out === undefined ? undefined : await resultsDirectory(options.out, fresh)
  const asked = wanted.filter((system) => !system.startsWith('oracle:'))
  const resume = saved !== undefined && !fresh
  const runs = options.runs === undefined ? undefined : await runFiles(options.runs, { systems: asked, merged, resume })
  const finished = new Map<PackSet, SetResult>()
  for (const one of judged) {
    const result = await saved?.takeUp(one.set.name, circumstances.get(one)!)
    if (result && (!runs || (await runs.has(one.set.name)))) finished.set(one, result)
  }
  const names = [...finished.keys()].map(({ set }) => set.name)
  if (names.length > 0) notices.push(`Took up ${names.join(', ')} from an evaluation that was cut off.`)
  const pools = together.map((pool): Pool => ({
    name: merged ? 'merged' : pool[0]!.set.name,
    sets: pool,
    open: pool.filter((one) => !finished.has(one)),
  }))
  return { wanted, judged, pools, lessonSets, routerQueries, corpora, foreign, finished, circumstances, saved, runs, notices }
}

/** What is to be done, in order: lessons, collections, and summing up. */
export function phasesOf({ lessonSets, routerQueries, pools, judged, corpora, saved }: EvaluationPlan, experts: number): PoolSize[] {
  const size = (sets: readonly BeirSet[]): number => sum(sets, (set) => corpora.get(set)!.documents)
  return [
    ...lessonSets.map((set) => ({ documents: size([set]), questions: routerQueries, experts })),
    ...pools
      .filter(({ open }) => open.length > 0)
      .map(({ sets, open }) => ({ documents: size(sets.map(({ set }) => set)), questions: sum(open, questionsOf), experts })),
    { documents: 0, questions: 0, experts, results: sum(Object.values(summingUp(judged, saved !== undefined)), (steps) => steps) },
  ]
}

/** Steps of summing up: of what questions take, tests are about a tenth, and a place on the map costs as much as one. */
export function summingUp(judged: readonly PackSet[], map: boolean): { readonly tests: number; readonly map: number } {
  const questions = sum(judged, ({ qrels }) => qrels.size)
  return { tests: Math.ceil(questions / 10), map: map ? Math.min(mostPlaces, questions) : 0 }
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
export function lessonSetsOf(candidates: readonly BeirSet[], evaluated: readonly BeirSet[], split: string): BeirSet[] {
  const asked = split === lessonSplit ? evaluated.map(({ directory }) => directory) : []
  return candidates.filter(({ splits, directory }) => splits.includes(lessonSplit) && !asked.includes(directory))
}

function isLearned(system: string): boolean {
  return (learnedRouters as readonly string[]).includes(system)
}

/**
 * The systems that can be asked when there is nothing to learn from.
 * @throws InvalidArgumentError when a router was named that would have to learn
 */
export function withoutLearned(wanted: readonly string[], named: readonly string[] | undefined, notices: string[]): string[] {
  const learned = wanted.filter(isLearned)
  const why = `no set with a ${lessonSplit} split belongs to an expert of the pack`
  if (learned.length > 0 && named !== undefined) {
    throw new InvalidArgumentError(
      'systems',
      `names ${learned.join(', ')}, but there is nothing to learn from: ${why}`,
      'Give sets to learn from: `routerData` (--router-data).',
    )
  }
  if (learned.length > 0) notices.push(`Left out ${learned.join(', ')}: ${why}.`)
  return wanted.filter((system) => !isLearned(system))
}

function questionsOf({ qrels, owner }: PackSet): number {
  return qrels.size + (owner && 'qrels' in owner ? owner.qrels.size : 0)
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0)
}
