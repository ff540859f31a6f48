import { InvalidArgumentError } from '../../errors.ts'
import type { LossSettings } from '../losses/loss.ts'
import { hashString } from '../random.ts'

/** A question and a passage that answers it. Equal passages are one document. */
export interface TrainingPair {
  readonly query: string
  readonly document: string
}

/** Questions over one collection. Batches are drawn from one set at a time, and each is scored over its own documents. */
export interface TrainingSet {
  /** The whole collection where it is known: documents without questions teach too. */
  readonly documents: readonly string[]
  readonly queries: readonly TrainingQuery[]
  /**
   * Queries that no step may see: they decide whether the expert is worth having, and, of a thousand queries or more, when to
   * stop. Drawn from `queries` when absent; an empty list makes a set that only supports others.
   */
  readonly heldOut?: readonly TrainingQuery[]
  /**
   * The questions were made of the documents. Beside real ones they only support; alone they judge each other, but decide less, as
   * they say little about how people ask. @default false
   */
  readonly madeUp?: boolean
  /** What it is called in logs. @default its place */
  readonly task?: string
  /** How its queries learn. @default by contrast alone */
  readonly loss?: LossSettings
  /** What is put before each of its queries, and of its documents. @default nothing */
  readonly instruction?: { readonly query?: string; readonly document?: string }
}

export interface TrainingQuery {
  readonly text: string
  /** Places of its answers among the documents. */
  readonly positives: readonly number[]
  /** What a teacher makes of some documents, in any unit, higher is better: for distillation, and to judge by. */
  readonly rewards?: { readonly places: readonly number[]; readonly values: readonly number[] }
  /** Documents that are known not to answer it: its hard negatives. @default found by the base, where `hardNegatives` asks for any */
  readonly negatives?: readonly number[]
}

/** Differences and quotients of larger ones may be no numbers. */
const largestReward = 1e30

/** A set whose held-out queries have been set aside. */
export type DividedSet = TrainingSet & Required<Pick<TrainingSet, 'heldOut'>>

/** Checks what was given, gathers pairs by document and query, and sets held-out queries aside: a fifth, at most 300. */
export function divideSets(pairs: readonly TrainingPair[] | readonly TrainingSet[], seed: number): DividedSet[] {
  const divided = gatherSets(pairs).map((set) => {
    if (set.heldOut) return { ...set, heldOut: set.heldOut }
    const ordered = inOrderOfHash(set.queries, ({ text }) => text, seed)
    const held = pastEqual(ordered, ({ text }) => text, Math.min(300, Math.floor(ordered.length / 5)))
    return { ...set, queries: ordered.slice(held), heldOut: ordered.slice(0, held) }
  })
  if (divided.every(({ heldOut }) => heldOut.length === 0)) throw tooSmall()
  requireQueries(divided)
  return divided
}

/** @throws InvalidArgumentError where there is nothing to learn from */
export function requireQueries(sets: readonly TrainingSet[]): void {
  if (sets.every(({ queries }) => queries.length === 0))
    throw new InvalidArgumentError('pairs', 'has no queries to learn from', 'Those that are held out only judge.')
}

/** Checks what was given and gathers pairs by document and query. */
export function gatherSets(pairs: readonly TrainingPair[] | readonly TrainingSet[]): TrainingSet[] {
  const sets = isSets(pairs) ? [...pairs] : [gatherPairs(pairs as readonly TrainingPair[])]
  for (const { documents, queries, heldOut = [] } of sets) {
    for (const { text, positives, rewards, negatives = [] } of [...queries, ...heldOut]) {
      const query = JSON.stringify(text.slice(0, 80))
      const isPlace = (place: number): boolean => Number.isInteger(place) && place >= 0 && place < documents.length
      const wrong = [...negatives, ...(rewards?.places ?? [])].find((place) => !isPlace(place))
      if (wrong !== undefined)
        throw new InvalidArgumentError('pairs', `has a query with a candidate that is no document (${wrong}): ${query}`)
      if (rewards && (rewards.places.length !== rewards.values.length || rewards.places.length === 0))
        throw new InvalidArgumentError(
          'pairs',
          `has a query with ${rewards.places.length} candidates and ${rewards.values.length} rewards: ${query}`,
        )
      if (rewards && !rewards.values.every(Number.isFinite))
        throw new InvalidArgumentError('pairs', `has a query with a reward that is not a finite number: ${query}`)
      if (rewards?.values.some((value) => Math.abs(value) > largestReward))
        throw new InvalidArgumentError('pairs', `has a query with a reward beyond ${largestReward}: ${query}`)
      if (positives.length === 0 || !positives.every(isPlace)) {
        throw new InvalidArgumentError('pairs', `has a query without an answer among the documents: ${query}`)
      }
    }
  }
  return sets
}

/** Parts that judge each other in turn: each item is in one of them, by the hash of its text, and those of one text in the same. */
export function folds<T>(items: readonly T[], textOf: (item: T) => string, count: number, seed: number): T[][] {
  const parts = Array.from({ length: count }, (): T[] => [])
  let distinct = -1
  let before: string | undefined
  for (const item of inOrderOfHash(items, textOf, seed)) {
    if (textOf(item) !== before) distinct++
    before = textOf(item)
    parts[distinct % count]!.push(item)
  }
  return parts
}

/** Where to cut an ordered list so that equal texts stay on one side: at `count`, or a little later. */
export function pastEqual<T>(ordered: readonly T[], textOf: (item: T) => string, count: number): number {
  let at = count
  while (at > 0 && at < ordered.length && textOf(ordered[at]!) === textOf(ordered[at - 1]!)) at++
  return at
}

export function tooSmall(): InvalidArgumentError {
  return new InvalidArgumentError(
    'pairs',
    'is too small to hold queries out',
    'Give at least five pairs; a few hundred make a useful expert.',
  )
}

function inOrderOfHash<T>(items: readonly T[], textOf: (item: T) => string, seed: number): T[] {
  return items
    .map((item, place) => ({ item, place, hash: hashString(textOf(item), seed) }))
    .sort((a, b) => a.hash - b.hash || a.place - b.place)
    .map(({ item }) => item)
}

function isSets(pairs: readonly TrainingPair[] | readonly TrainingSet[]): pairs is readonly TrainingSet[] {
  return pairs.length > 0 && 'queries' in pairs[0]!
}

function gatherPairs(pairs: readonly TrainingPair[]): TrainingSet {
  const documents = new Map<string, number>()
  const queries = new Map<string, Set<number>>()
  pairs.forEach(({ query, document }, i) => {
    if (typeof query !== 'string' || typeof document !== 'string' || !query.trim() || !document.trim()) {
      throw new InvalidArgumentError(`pairs[${i}]`, 'has an empty query or document', 'Both must be texts.')
    }
    if (!documents.has(document)) documents.set(document, documents.size)
    queries.set(query, (queries.get(query) ?? new Set()).add(documents.get(document)!))
  })
  return {
    documents: [...documents.keys()],
    queries: [...queries].map(([text, positives]) => ({ text, positives: [...positives] })),
  }
}
