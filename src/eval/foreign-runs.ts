import { InvalidDataError } from '../errors.ts'
import { ownId, type JudgedSet } from './ask.ts'
import { queryScorer, type Metric, type Scores } from './evaluate.ts'
import type { RunHit } from './qrels.ts'
import { columnsOf, type SetResult } from './set-result.ts'
import { readRun, type TrecRun } from './trec-run.ts'

export interface ForeignRunOptions {
  readonly metrics: readonly Metric[]
  /** Names that systems have; a run of such a name becomes `run:NAME`. */
  readonly taken: readonly string[]
  readonly onBadLine: ((error: InvalidDataError) => void) | undefined
}

/**
 * Scores run files as further systems: by set, then by system. Files of one name are one system. A query is called as the set's
 * files call it, or `<set>/<id>` as runs over merged sets have it.
 * @throws InvalidDataError for a run that answers no query of a set, or whose queries may be of several sets
 */
export async function scoredRuns(
  paths: readonly string[],
  judged: readonly JudgedSet[],
  { metrics, taken, onBadLine }: ForeignRunOptions,
): Promise<Map<string, SetResult['scores']>> {
  const systems = new Map<string, TrecRun[]>()
  for (const path of paths) {
    const run = await readRun(path, onBadLine)
    const name = taken.includes(run.name) ? `run:${run.name}` : run.name
    systems.set(name, [...(systems.get(name) ?? []), run])
  }
  const score = queryScorer(metrics)
  const scoresOf = (runs: readonly TrecRun[], one: JudgedSet): Map<string, Scores> => {
    let answered = 0
    const scores = new Map<string, Scores>()
    for (const [query, grades] of one.qrels) {
      const hits = runs.flatMap((run) => hitsOf(run, one, query, judged))
      if (hits.length > 0) answered++
      scores.set(query, score(query, grades, hits))
    }
    if (answered === 0)
      throw new InvalidDataError(
        runs[0]!.path,
        undefined,
        `answers no judged query of "${one.set.name}"; give runs for every set that is evaluated`,
      )
    return scores
  }
  return new Map(
    judged.map((one) => [
      one.set.name,
      Object.fromEntries([...systems].map(([name, runs]) => [name, columnsOf(scoresOf(runs, one), metrics)])),
    ]),
  )
}

/** What a run returned for a query of this set. */
function hitsOf(run: TrecRun, { set }: JudgedSet, query: string, judged: readonly JudgedSet[]): readonly RunHit[] {
  const full = run.hits.get(`${set.name}/${query}`)
  if (full) return full.map(({ id, score }) => ({ id: ownId(set, id), score }))
  const plain = run.hits.get(query)
  if (!plain) return []
  // `bm25.scifact.trec` says whose queries they are.
  const named = judged.filter((other) => run.path.includes(`.${other.set.name}.`))
  const owners = named.length === 1 ? named : judged.filter(({ qrels }) => qrels.has(query))
  if (owners.length > 1) {
    const names = owners.map((other) => `"${other.set.name}"`).join(' and ')
    throw new InvalidDataError(
      run.path,
      undefined,
      `answers the query ${JSON.stringify(query)}, which ${names} have both; call it "<set>/${query}", or the file NAME.<set>.trec`,
    )
  }
  return owners[0]?.set === set ? plain : []
}
