import { isZero, normalize, type Vector } from '../../vector.ts'
import { topK } from '../top-k.ts'
import type { Arena } from './arena.ts'
import type { Breadth } from './breadth.ts'
import type { Graph } from './graph.ts'
import { seededRandom } from './random.ts'

/**
 * Questions a measurement asks. Misses come in clusters, so few leave much to chance: of a hundred measurements for 0.99 on nine sets, with two
 * encoders, the fifth worst led to 0.984 and 0.980 on test questions with 400, to 0.981 and 0.978 with 200.
 */
export const probeCount = 400
/** Every so many are asked for a hundred hits as well, which takes longer and varies less. */
const wideEvery = 8
/** Never less than the first, which is quick anyway, and never more than the last, beyond which hardly more is found. */
const ladder = Array.from({ length: 9 }, (_, step) => Math.round(64 * 2 ** (step / 2)))
/** Multiplications between two pauses: half a millisecond with vector instructions, two without. */
const slice = 2 ** 21

export interface BreadthMeasurement {
  readonly arena: Arena
  readonly graph: Graph
  /** Questions that were really asked. Made-up ones are asked beside them where they are few. */
  readonly asked: readonly Vector[]
  /** The share of the nearest that is wanted, in (0, 1). */
  readonly recall: number
}

interface Probe {
  readonly query: Vector
  /** What it was made of does not count as found. */
  readonly parts: ReadonlySet<number>
}

/**
 * Compares the graph with exact scans and returns the least breadth that finds the wanted share. Pauses every millisecond or two; what changes
 * in the meantime changes the result a little and nothing else.
 */
export function* measureBreadth({ arena, graph, asked, recall }: BreadthMeasurement): Generator<void, Breadth, void> {
  const { size } = graph
  const rows = arena.rows().slice()
  const random = seededRandom(size)
  const ten = tally(10)
  const hundred = tally(100)
  for (let i = 0; i < probeCount; i++) {
    const query = asked[i]
    const probe = query ? { query, parts: new Set<number>() } : madeUp(arena, rows, random)
    if (probe) yield* climb(arena, graph, rows, probe, i % wideEvery === 0 ? [ten, hundred] : [ten])
  }
  const atTen = ten.least(recall)
  return { atTen, atHundred: Math.max(atTen, hundred.least(recall)), recall, size, asked: Math.min(asked.length, probeCount) }
}

/**
 * A document moved by the difference of two others. Documents themselves are found far too easily to stand for questions (0.997 at a breadth
 * at which questions find 0.97); these are as far from all documents as questions are, and as hard (measured on nine sets and two encoders).
 */
function madeUp(arena: Arena, rows: Int32Array, random: () => number): Probe | undefined {
  const parts = [0, 0, 0].map(() => rows[Math.floor(random() * rows.length)]!)
  const [at, plus, minus] = parts.map((row) => arena.get(row))
  if (!at || !plus || !minus) return undefined
  const query = normalize(at.map((value, i) => value + 0.7 * (plus[i]! - minus[i]!)))
  return isZero(query) ? undefined : { query, parts: new Set(parts) }
}

/** Asks exactly, and then the graph more and more broadly until it finds everything. */
function* climb(
  arena: Arena,
  graph: Graph,
  rows: Int32Array,
  { query, parts }: Probe,
  tallies: readonly Tally[],
): Generator<void, void, void> {
  const wanted = Math.max(...tallies.map(({ k }) => k))
  const best = topK<number>(wanted + parts.size, (a, b) => a < b)
  const step = Math.ceil(slice / arena.dimensions)
  for (let from = 0; from < rows.length; from += step) {
    arena.scan(query, rows.subarray(from, from + step), undefined, best)
    yield
  }
  const nearest = best.take().filter((row) => !parts.has(row) && arena.has(row))
  const bounds = tallies.map(({ k }) => (nearest.length < k ? undefined : arena.similarity(query, nearest[k - 1]!)))
  for (const [at, breadth] of ladder.entries()) {
    const found = graph.nearest(query, Math.min(breadth, wanted + parts.size), breadth).filter((row) => !parts.has(row) && arena.has(row))
    const similarities = found.map((row) => arena.similarity(query, row))
    let complete = true
    tallies.forEach(({ k, add }, i) => {
      const bound = bounds[i]
      if (bound === undefined) return
      // Equally near is as good; the graph's own sums differ in the last digits.
      const hits = Math.min(k, similarities.filter((similarity) => similarity >= bound - 1e-6).length)
      add(at, hits)
      complete &&= hits === k
    })
    if (complete) {
      for (const [i, { k, add }] of tallies.entries())
        if (bounds[i] !== undefined) for (let rest = at + 1; rest < ladder.length; rest++) add(rest, k)
      return
    }
    yield
  }
}

interface Tally {
  readonly k: number
  add(rung: number, hits: number): void
  /** The least breadth with this share of hits, between two rungs where it lies there; the greatest if none has it. */
  least(recall: number): number
}

function tally(k: number): Tally {
  const hits = ladder.map(() => 0)
  const asked = ladder.map(() => 0)
  return {
    k,
    add(rung, count) {
      hits[rung]! += count
      asked[rung]! += k
    },
    least(recall) {
      const shares = hits.map((count, rung) => (asked[rung] === 0 ? 1 : count / asked[rung]!))
      const rung = shares.findIndex((share) => share >= recall)
      if (rung < 0) return ladder.at(-1)!
      if (rung === 0) return ladder[0]!
      const [below, above] = [shares[rung - 1]!, shares[rung]!]
      return Math.ceil(ladder[rung - 1]! * (ladder[rung]! / ladder[rung - 1]!) ** ((recall - below) / (above - below)))
    },
  }
}
