import { askSystems, meanOverQueries, type AskedSystem, type AskOptions, type JudgedSet } from './ask.ts'
import type { Metric, Scores } from './evaluate.ts'

/** The expert that a set belongs to, and who said so: the pack, the queries of a split that is not evaluated, or nobody. */
export interface SetOwner {
  readonly expert: string
  readonly by: string
}

/** What oracles choose by. */
export const chosenBy: Metric = 'ndcg@10'

/** For each query the scores of the expert that answers it best; of equals the one that is better by the other metrics, else the first. */
export function bestForEachQuery(experts: readonly ReadonlyMap<string, Scores>[], metrics: readonly Metric[] = []): Map<string, Scores> {
  const order = [chosenBy, ...metrics.filter((metric) => metric !== chosenBy)]
  const best = new Map<string, Scores>()
  for (const scores of experts) {
    for (const [query, score] of scores) {
      const leader = best.get(query)
      const decided = leader && order.find((metric) => score[metric] !== leader[metric])
      if (!leader || (decided && score[decided]! > leader[decided]!)) best.set(query, score)
    }
  }
  return best
}

/** What an owner is chosen by. */
export interface OwnerQuestions extends JudgedSet {
  readonly split: string
}

/** Queries that an owner is chosen by: more say little more and cost as much as those that are evaluated. */
const ownerQueries = 200

/**
 * Up to 200 judged queries of a split that is not the one evaluated, dev before train, spread over the whole. `undefined`
 * where there is none.
 */
export async function ownerQuestions({ set }: JudgedSet, evaluated: string): Promise<OwnerQuestions | undefined> {
  const split = ['dev', 'train'].find((name) => name !== evaluated && set.splits.includes(name))
  if (split === undefined) return undefined
  const all = [...(await set.qrels(split))]
  const step = Math.max(1, all.length / ownerQueries)
  const some = Array.from({ length: Math.min(all.length, ownerQueries) }, (_, i) => all[Math.floor(i * step)]!)
  return { set, qrels: new Map(some), split }
}

/** The expert with the best mean score on these questions; of equals the first. */
export async function chooseOwner(
  experts: ReadonlyMap<string, AskedSystem>,
  questions: OwnerQuestions,
  options: Omit<AskOptions, 'metrics'>,
): Promise<SetOwner> {
  const { scores } = await askSystems([...experts.values()], questions, { ...options, metrics: [chosenBy] })
  const means = [...experts].map(([expert, { name }]) => ({ expert, mean: meanOverQueries(scores.get(name)!, [chosenBy])[chosenBy]! }))
  const best = means.reduce((leader, one) => (one.mean > leader.mean ? one : leader))
  return { expert: best.expert, by: questions.split }
}
