import { setImmediate as nextTurn } from 'node:timers/promises'
import { dot, isZero, type Vector } from '../vector.ts'
import { seededWords } from './random-words.ts'

/** A place on a plane. */
export type Place = readonly [x: number, y: number]

/** Neighbours that each vector is to stay near to. */
const neighbours = 15
/** Fewer vectors make no map. */
const fewest = 10

export interface QueryMapOptions {
  /** @default 1 */
  readonly seed?: number
  /** Called with how much is done, in [0, 1]. */
  readonly onShare?: (share: number) => void
  readonly signal?: AbortSignal
}

/**
 * Lays unit vectors on a plane so that neighbours by cosine stay neighbours (UMAP, McInnes et al. 2018). The same vectors and seed
 * give the same places. `undefined` for a vector of zeros, and for all where they are fewer than ten. Gives way to other work.
 */
export async function queryMap(
  vectors: readonly Vector[],
  { seed = 1, onShare, signal }: QueryMapOptions = {},
): Promise<(Place | undefined)[]> {
  const shown = [...vectors.keys()].filter((i) => !isZero(vectors[i]!))
  const places: (Place | undefined)[] = vectors.map(() => undefined)
  if (shown.length < fewest) return places
  const { UMAP } = await import('umap-js')

  const rows = shown.map((i) => vectors[i]!)
  const count = Math.min(neighbours, rows.length - 1)
  const knn = await nearest(rows, count, signal)
  const next = seededWords(seed)
  const umap = new UMAP({ nNeighbors: count, minDist: 0.1, random: () => next() / 4_294_967_296 })
  umap.setPrecomputedKNN(knn.indices, knn.distances)
  const epochs = umap.initializeFit(rows.map((row) => Array.from(row)))
  let turn = performance.now()
  for (let epoch = 0; epoch < epochs; epoch++) {
    umap.step()
    onShare?.((epoch + 1) / epochs)
    turn = await giveWay(turn, signal)
  }
  umap.getEmbedding().forEach(([x, y], i) => (places[shown[i]!] = [rounded(x!), rounded(y!)]))
  return places
}

/** Exact neighbours, each vector its own first, as UMAP expects them. */
async function nearest(rows: readonly Vector[], count: number, signal: AbortSignal | undefined) {
  const indices: number[][] = []
  const distances: number[][] = []
  let turn = performance.now()
  for (const [i, row] of rows.entries()) {
    const far = rows.map((other, j) => (i === j ? -1 : Math.max(0, 1 - dot(row, other))))
    const order = [...far.keys()].sort((a, b) => far[a]! - far[b]!).slice(0, count)
    indices.push(order)
    distances.push(order.map((j) => Math.max(0, far[j]!)))
    turn = await giveWay(turn, signal)
  }
  return { indices, distances }
}

async function giveWay(turn: number, signal: AbortSignal | undefined): Promise<number> {
  if (performance.now() - turn < 20) return turn
  await nextTurn()
  signal?.throwIfAborted()
  return performance.now()
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
