import type { Vector } from '../../vector.ts'

/** A fair sample of all vectors that were offered: each has the same chance to be in it. */
export interface Reservoir {
  readonly vectors: readonly Vector[]
  offer(vector: Vector): void
}

/** Keeps up to `capacity` vectors, copies of them. The same offers give the same sample. */
export function reservoir(capacity: number, random: () => number): Reservoir {
  const vectors: Vector[] = []
  let offered = 0
  return {
    vectors,
    offer(vector) {
      const place = offered < capacity ? offered : Math.floor(random() * (offered + 1))
      offered++
      if (place < capacity) vectors[place] = vector.slice()
    },
  }
}
