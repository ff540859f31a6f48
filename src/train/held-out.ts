import { hashString } from './random.ts'

/**
 * The train queries of a set that no training may see: they choose hyperparameters and become pilot queries. At most
 * `limit`, and at most a third of the set, so that a small set keeps most of its queries for training. The choice
 * depends on the ids and the seed alone, not on their order. Ids come back sorted.
 */
export function heldOutQueries(trainIds: Iterable<string>, limit = 300, seed = 1): string[] {
  const hashed = [...new Set(trainIds)].map((id) => ({ id, hash: hashString(id, seed) }))
  hashed.sort((a, b) => a.hash - b.hash || (a.id < b.id ? -1 : 1))
  return hashed
    .slice(0, Math.min(limit, Math.floor(hashed.length / 3)))
    .map(({ id }) => id)
    .sort()
}
