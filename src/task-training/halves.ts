import { InvalidArgumentError } from '../errors.ts'
import { pastEqual, type TrainingQuery, type TrainingSet } from '../train/expert/pairs.ts'
import { hashString } from '../train/random.ts'
import type { TaskTraining } from './options.ts'

/** A set's questions, divided. */
export interface HalvedTask {
  /** To learn from; its held-out questions decide when to stop, and teach the router. */
  readonly training: TaskTraining & Required<Pick<TrainingSet, 'heldOut'>>
  /** Questions that nothing is learned from and nothing decided by, before the two ways are compared. */
  readonly judging: readonly TrainingQuery[]
  readonly test: readonly TrainingQuery[]
}

/** Fewer questions a half say nothing. */
const fewest = 5

/** @throws InvalidArgumentError that names every set with too few questions */
export function checkHalves(sets: readonly HalvedTask[]): void {
  const short = sets.filter(
    ({ training, judging }) => training.heldOut.length < fewest || judging.length < fewest || training.queries.length === 0,
  )
  if (short.length === 0) return
  const about = ({ training: { set, task, queries, heldOut }, judging }: HalvedTask): string =>
    `"${set ?? task}": ${queries.length} to learn from and ${heldOut.length + judging.length} held out`
  throw new InvalidArgumentError(
    'tasks',
    `have too few questions for ${short.map(about).join('; ')}`,
    `Held-out questions are halved, and a half needs ${fewest} at least: give fifty or more.`,
  )
}

const textOf = ({ text }: TrainingQuery): string => text

export function halved(set: TaskTraining, seed: number): HalvedTask {
  const mixed = (queries: readonly TrainingQuery[]): TrainingQuery[] =>
    queries
      .map((query, place) => ({ query, place, hash: hashString(query.text, seed) }))
      .sort((a, b) => a.hash - b.hash || a.place - b.place)
      .map(({ query }) => query)
  let queries = [...set.queries]
  let held = set.heldOut && mixed(set.heldOut)
  if (!held) {
    const all = mixed(queries)
    const count = pastEqual(all, textOf, Math.min(600, Math.floor(all.length / 5)))
    ;[held, queries] = [all.slice(0, count), all.slice(count)]
  }
  const half = pastEqual(held, textOf, Math.floor(held.length / 2))
  return { training: { ...set, queries, heldOut: held.slice(0, half) }, judging: held.slice(half), test: set.test ?? [] }
}
