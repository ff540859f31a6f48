import type { FitRoom, FitSet } from './fit.ts'
import { scoreHeldOut } from './look.ts'
import type { Settings } from './settings.ts'
import type { TableQuerySide } from './table.ts'

/** What made-up questions are given: they would choose the most, and real questions then find less. */
export const safePull = 2
const somePulls = [0, 0.5, 1, 2, 4]
/** Queries times documents that are enough to choose a pull. */
const enoughScores = 4_000_000

/** The pull that finds most for queries that have not been learned from: all of them so far, or those held out when they decide. */
export async function choosePull(
  side: TableQuerySide,
  start: (pull: number) => void,
  sets: readonly FitSet[],
  room: FitRoom,
  { folds }: Settings,
  signal: AbortSignal | undefined,
): Promise<number> {
  const judged =
    folds === 0
      ? sets
      : sets.map((set) => ({
          ...set,
          heldOut: set.supports ? [] : set.queries.slice(0, Math.max(50, Math.floor(enoughScores / set.count))),
        }))
  let best = { pull: 0, score: -1 }
  const main = sets.filter(({ supports }) => !supports)
  const known = main.reduce((sum, { count }) => sum + count, 0)
  const answers = main.reduce((sum, set) => sum + new Set([...set.queries, ...set.heldOut].flatMap(({ positives }) => positives)).size, 0)
  for (const pull of somePulls) {
    // Of a collection of which only answers are known, queries would choose the most, to the harm of finding them among the rest.
    if (answers === known && pull > safePull) continue
    start(pull)
    side.reset()
    const score = await scoreHeldOut(side, judged, room, signal)
    if (score > best.score) best = { pull, score }
  }
  return best.pull
}
