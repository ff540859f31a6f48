import { createHash } from 'node:crypto'
import { seededWords } from '../eval/random-words.ts'
import type { TaskSample } from '../tasks/sample.ts'

/**
 * Places of a sample's candidates by score, best first. Equal scores go by lot: the candidates that help come first in a sample, so an
 * order that kept the given one would reward a system for knowing nothing. The lot is the same for every system.
 */
export function placesByScore(sample: TaskSample, scores: ArrayLike<number>, seed: number): number[] {
  const places = drawnPlaces(sample, seed, 'ties')
  // Sorting is stable, so equal scores stay as they were drawn.
  return places.sort((a, b) => scores[b]! - scores[a]!)
}

/** Places of a sample's candidates in an order drawn at random, the same for the same sample, seed and purpose. */
export function drawnPlaces({ task, id, line, candidates }: TaskSample, seed: number, purpose: string): number[] {
  const digest = createHash('sha256')
    .update(JSON.stringify([task, id, line, purpose, seed]))
    .digest()
  const next = seededWords(digest.readInt32LE(0))
  const places = Array.from(candidates, (_, place) => place)
  for (let last = places.length - 1; last > 0; last--) {
    const other = Math.floor((next() / 4_294_967_296) * (last + 1))
    ;[places[last], places[other]] = [places[other]!, places[last]!]
  }
  return places
}
