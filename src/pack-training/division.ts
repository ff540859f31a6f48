import { InvalidArgumentError } from '../errors.ts'
import { divideSets, type DividedSet, type TrainingPair, type TrainingSet } from '../train/expert/pairs.ts'
import { hashString } from '../train/random.ts'

/** What an expert is trained on, and what it is judged by. */
export interface Division {
  /** The pairs, and those made of documents; held-out queries are in the first. */
  readonly sets: readonly [DividedSet, ...DividedSet[]]
  /** Whether the held-out queries were made of documents. */
  readonly madeUp: boolean
}

/** Held-out questions that are enough to judge by, where made-up ones can replace them in training. */
const enough = 60

/**
 * Sets questions aside that no training sees: a fifth of the pairs, at most 300. Beside made-up pairs it may be half, as the
 * real ones are there to judge.
 */
export function divide(pairs: readonly TrainingPair[] | TrainingSet | undefined, madeUp: TrainingSet | undefined, seed: number): Division {
  if (pairs === undefined) {
    if (!madeUp) throw new InvalidArgumentError('pairs', 'are missing', 'Give question–passage pairs, or documents to make them of.')
    return { sets: [only(divideSets([madeUp], seed))], madeUp: true }
  }
  const own = 'queries' in pairs ? divideSets([pairs], seed) : divideSets(pairs, seed)
  if (!madeUp) return { sets: [only(own)], madeUp: false }
  const { documents, queries, heldOut } = only(own)
  const given = 'heldOut' in pairs && pairs.heldOut !== undefined
  const all = [
    ...heldOut,
    ...queries
      .map((query) => ({ query, hash: hashString(query.text, seed) }))
      .sort((a, b) => a.hash - b.hash)
      .map(({ query }) => query),
  ]
  const count = given ? heldOut.length : Math.max(heldOut.length, Math.min(enough, Math.floor(all.length / 2)))
  return {
    sets: [
      { documents, queries: all.slice(count), heldOut: all.slice(0, count) },
      { ...madeUp, heldOut: [] },
    ],
    madeUp: false,
  }
}

function only(sets: readonly DividedSet[]): DividedSet {
  return sets[0]!
}
