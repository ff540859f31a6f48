import { setImmediate as nextTurn } from 'node:timers/promises'
import { rewardNdcg } from '../../eval/metrics/reward-ndcg.ts'
import { dot } from '../../vector.ts'
import { meanNdcg10OfBlocks, rowsAtOnce } from '../ranking.ts'
import type { FitQuery, FitRoom, FitSet, Look } from './fit.ts'
import type { QuerySide } from './query-side.ts'

/** Scores held at a time while looking: little enough that a thread's other work need not wait long. */
export const scoresAtOnce = 1 << 20

/** Rows a set's documents take in the workspace. */
export function wholeFours(count: number): number {
  return 4 * Math.ceil(count / 4)
}

function rowsFor(documents: number): number {
  return Math.max(4, Math.min(rowsAtOnce, 4 * Math.floor(scoresAtOnce / Math.max(1, wholeFours(documents)) / 4)))
}

/** The first of the best. */
export function bestLook(looks: readonly Look[]): Look {
  return looks.reduce((best, look) => (look.score > best.score ? look : best))
}

export function looksSinceBest(looks: readonly Look[]): number {
  return looks.length === 0 ? 0 : looks.length - 1 - looks.indexOf(bestLook(looks))
}

/**
 * Mean over the sets of nDCG@10 on their held-out queries: with rewards as gains over a query's own candidates where a teacher has judged them, else
 * by its answers among all documents (where documents learn too, among those of the set's pool).
 */
export async function scoreHeldOut(
  side: QuerySide,
  sets: readonly FitSet[],
  room: FitRoom,
  signal: AbortSignal | undefined,
): Promise<number> {
  const scores: number[] = []
  for (const set of sets) if (set.heldOut.length > 0) scores.push(await scoreSet(side, set, room, signal))
  return scores.reduce((sum, score) => sum + score, 0) / Math.max(1, scores.length)
}

async function scoreSet(side: QuerySide, set: FitSet, room: FitRoom, signal: AbortSignal | undefined): Promise<number> {
  const view = set.pool ? await pooled(side, set, room, signal) : set
  const taught = view.heldOut.filter(({ rewards }) => rewards !== undefined)
  const answered = view.heldOut.filter(({ rewards }) => rewards === undefined)
  const ranked = answered.length > 0 ? await scoreQueries(side, answered, view, room, signal) : 0
  if (taught.length === 0) return ranked
  const graded = await scoreRewards(side, taught, view.documents, room, signal)
  const sum = ranked * answered.length + graded.reduce((total, score) => total + score, 0)
  return sum / Math.max(1, answered.length + graded.length)
}

type View = Pick<FitSet, 'documents' | 'count' | 'heldOut'>

/** A set whose documents are as the side embeds them now, as far as they are looked at. */
async function pooled(side: QuerySide, set: FitSet, { pool }: FitRoom, signal: AbortSignal | undefined): Promise<View> {
  const { dimensions } = side
  const places = set.pool!
  const numbers = places.map((place) => set.firstText! + place)
  for (let from = 0; from < numbers.length; from += rowsAtOnce) {
    await nextTurn()
    signal?.throwIfAborted()
    const part = numbers.slice(from, from + rowsAtOnce)
    await side.forward(part, pool.subarray(from * dimensions, (from + part.length) * dimensions))
  }
  const at = new Map(places.map((place, i) => [place, i]))
  const known = (list: readonly number[]): number[] => list.flatMap((place) => at.get(place) ?? [])
  const heldOut = set.heldOut.map(({ query, positives, rewards }): FitQuery => ({
    query,
    positives: known(positives),
    ...(rewards && { rewards: { places: known(rewards.places), values: rewards.values } }),
  }))
  return { documents: pool, count: places.length, heldOut }
}

/** For each query that a teacher's rewards can judge its nDCG@10 over its candidates. */
async function scoreRewards(
  side: QuerySide,
  queries: readonly FitQuery[],
  documents: Float32Array,
  { heldOut: vectors }: FitRoom,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const { dimensions } = side
  const scores: number[] = []
  for (let from = 0; from < queries.length; from += rowsAtOnce) {
    await nextTurn()
    signal?.throwIfAborted()
    const part = queries.slice(from, from + rowsAtOnce)
    await side.forward(
      part.map(({ query }) => query),
      vectors.subarray(0, part.length * dimensions),
    )
    part.forEach(({ rewards }, row) => {
      const { places, values } = rewards!
      const vector = vectors.subarray(row * dimensions, (row + 1) * dimensions)
      const cosines = places.map((place) => dot(vector, documents.subarray(place * dimensions, (place + 1) * dimensions)))
      const order = [...places.keys()].sort((a, b) => cosines[b]! - cosines[a]! || a - b)
      const score = rewardNdcg(values, order, 10)
      if (score !== undefined) scores.push(score)
    })
  }
  return scores
}

async function scoreQueries(
  side: QuerySide,
  queries: readonly FitQuery[],
  { documents, count }: View,
  { space, heldOut: vectors, scores }: FitRoom,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { dimensions } = side
  const columns = wholeFours(count)
  const atOnce = rowsFor(count)
  let sum = 0
  for (let from = 0; from < queries.length; from += atOnce) {
    await nextTurn()
    signal?.throwIfAborted()
    const part = queries.slice(from, from + atOnce)
    const out = vectors.subarray(0, part.length * dimensions)
    await side.forward(
      part.map(({ query }) => query),
      out,
    )
    const mean = meanNdcg10OfBlocks(
      out,
      dimensions,
      part.map(({ positives }) => positives),
      (block, rows) => {
        space.multiplyTransposed(block, documents, scores, rows, columns, dimensions)
        for (let row = 0; row < rows; row++) scores.fill(-2, row * columns + count, (row + 1) * columns)
        return scores.subarray(0, rows * columns)
      },
    )
    sum += mean * part.length
  }
  return sum / Math.max(1, queries.length)
}
