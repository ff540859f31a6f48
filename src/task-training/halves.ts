import { InvalidArgumentError } from '../errors.ts'
import type { TrainingQuery, TrainingSet } from '../train/expert/pairs.ts'
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

/** @throws InvalidArgumentError for a task with too few questions */
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
    const count = Math.min(600, Math.floor(all.length / 5))
    ;[held, queries] = [all.slice(0, count), all.slice(count)]
  }
  const half = Math.floor(held.length / 2)
  if (half < fewest || queries.length === 0)
    throw new InvalidArgumentError(
      'tasks',
      `have too few questions for "${set.set ?? set.task}": ${queries.length} to learn from and ${held.length} held out`,
      `Held-out questions are halved, and a half needs ${fewest} at least: give fifty or more.`,
    )
  return { training: { ...set, queries, heldOut: held.slice(0, half) }, judging: held.slice(half), test: set.test ?? [] }
}
