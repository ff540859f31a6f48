import { InvalidArgumentError } from '../errors.ts'
import { divideSets, gatherSets, tooSmall, type TrainingPair, type TrainingQuery, type TrainingSet } from '../train/expert/pairs.ts'

/** What an expert is trained on, and what it is judged by. */
export interface Division {
  /** For the trainer: the set that is judged first, then what only supports it. */
  readonly sets: readonly [TrainingSet, ...TrainingSet[]]
  /**
   * `folds`: every question of the first set judges, each under an expert that has not learned from it. `held-out`: those set
   * aside judge, and are never learned from.
   */
  readonly judges: 'folds' | 'held-out'
  /** Whether the questions that judge were made of documents. */
  readonly madeUp: boolean
}

/** Below so many questions a fifth of them is too few to judge by, so all of them do, in turn. */
const few = 1000

/** Decides which questions judge: all of them in folds, or, where they are many, a fifth that is set aside, at most 300. */
export function divide(pairs: readonly TrainingPair[] | TrainingSet | undefined, madeUp: TrainingSet | undefined, seed: number): Division {
  if (pairs === undefined && madeUp === undefined)
    throw new InvalidArgumentError('pairs', 'are missing', 'Give question–passage pairs, or documents to make them of.')
  const main = gatherSets(pairs === undefined ? [{ ...madeUp!, madeUp: true }] : 'queries' in pairs ? [pairs] : pairs)[0]!
  const support = pairs !== undefined && madeUp ? [{ ...madeUp, madeUp: true, heldOut: [] }] : []
  const asMadeUp = pairs === undefined
  if (main.heldOut || main.queries.length >= few)
    return { sets: [divideSets([main], seed)[0]!, ...support], judges: 'held-out', madeUp: asMadeUp }
  if (main.queries.length < 5) throw tooSmall()
  const { heldOut: _none, ...all } = main
  return { sets: [{ ...all, madeUp: asMadeUp }, ...support], judges: 'folds', madeUp: asMadeUp }
}

/** The questions that judge. */
export function judgingQueries({ sets: [main], judges }: Division): readonly TrainingQuery[] {
  return judges === 'folds' ? main.queries : (main.heldOut ?? [])
}
