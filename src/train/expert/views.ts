import { setImmediate as nextTurn } from 'node:timers/promises'
import { random, sampleBelow } from '../random.ts'
import { nearest } from '../ranking.ts'
import type { FitQuery, FitSet } from './fit.ts'
import { folds } from './pairs.ts'
import type { Settings } from './settings.ts'

/** Documents of a pool, beside those that queries ask for. */
const poolSize = 1024

/** Each fold's view: a part of every set's queries held out, the others to learn from. Supporting sets only teach. */
export function splitSets(sets: readonly FitSet[], texts: readonly string[], { folds: count, seed }: Settings): FitSet[][] {
  const parts = sets.map(({ queries, supports }) => (supports ? [] : folds(queries, ({ query }) => texts[query]!, count, seed)))
  return Array.from({ length: count }, (_, fold) =>
    sets.map((set, s) => {
      const heldOut = parts[s]![fold] ?? []
      const held = new Set(heldOut)
      return { ...set, heldOut, queries: set.queries.filter((query) => !held.has(query)) }
    }),
  )
}

/** Names for each query the documents the base ranks high that do not answer it; the very first ones may be unlabelled answers and are spared. */
export async function mineHard(
  queries: readonly FitQuery[],
  vectors: Float32Array,
  documents: Float32Array,
  dimensions: number,
  signal: AbortSignal | undefined,
): Promise<FitQuery[]> {
  const mined: FitQuery[] = []
  for (const query of queries) {
    await nextTurn()
    signal?.throwIfAborted()
    if (query.hard) {
      mined.push(query)
      continue
    }
    const answers = new Set(query.positives)
    const near = nearest(vectors.subarray(query.query * dimensions, (query.query + 1) * dimensions), documents, 34)
    mined.push({ ...query, hard: near.filter((place) => !answers.has(place)).slice(2, 32) })
  }
  return mined
}

/** Documents that are embedded anew for each look: those that judging queries ask for, and some at random. */
export function poolOf(
  {
    documents,
    queries,
    heldOut,
  }: { readonly documents: readonly string[]; readonly queries: readonly FitQuery[]; readonly heldOut: readonly FitQuery[] },
  { folds: count, seed }: Settings,
): number[] {
  const judging = count > 0 ? [...queries, ...heldOut] : heldOut
  const places = new Set(judging.flatMap(({ positives, rewards }) => [...positives, ...(rewards?.places ?? [])]))
  for (const place of sampleBelow(documents.length, poolSize, random(seed, 0x9001))) places.add(place)
  return [...places]
}

/** For each document the place of the first one that reads the same. */
export function firstOfSame(documents: readonly string[]): Uint32Array {
  const first = new Map<string, number>()
  return Uint32Array.from(documents, (text, place) => {
    if (!first.has(text)) first.set(text, place)
    return first.get(text)!
  })
}
