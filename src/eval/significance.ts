import { seededWords } from './random-words.ts'

/** Scores of the queries of one set under two systems, in the same order. */
export interface Paired {
  readonly first: Float64Array
  readonly second: Float64Array
}

/** Sets of the same number of queries, each with the two systems' scores. */
export interface SignificanceOptions {
  /** Assignments of signs that are tried. @default 10000 */
  readonly permutations?: number
  /** @default 1 */
  readonly seed?: number
}

export interface Significance {
  /** Of the difference of the means over sets, each set weighing the same. */
  readonly mean: number
  /** Of the difference of each set's means. */
  readonly sets: readonly number[]
}

/**
 * Paired randomisation test, two-sided: the chance, in (0, 1], of a difference at least as large as the one seen if it were chance
 * which of the two systems got which score of each query. Signs of the queries' differences are flipped at random, in every set on
 * its own; a set's statistic is the mean difference of its queries, the overall one the mean over sets, so that each set weighs the
 * same. p = (1 + assignments as extreme) / (1 + assignments). 1 where no query differs.
 */
export function randomisationTest(sets: readonly Paired[], { permutations = 10_000, seed = 1 }: SignificanceOptions = {}): Significance {
  const overall = new Float64Array(permutations)
  let seen = 0
  const bySet = sets.map(({ first, second }, place) => {
    const differences = first.map((value, i) => value - second[i]!).filter((value) => value !== 0)
    const scale = 1 / Math.max(1, first.length)
    const own = new Float64Array(permutations)
    flipSigns(differences, scale, own, seed * 1009 + place)
    let mean = 0
    for (const value of differences) mean += scale * value
    seen += mean / sets.length
    for (let i = 0; i < permutations; i++) overall[i]! += own[i]! / sets.length
    return extreme(mean, own)
  })
  return { mean: extreme(seen, overall), sets: bySet }
}

/**
 * Sums of the differences under random signs. Eight differences at a time: a byte of random bits picks one of the 256 sums that
 * they can make, which is ten times as fast as drawing sign after sign.
 */
function flipSigns(differences: Float64Array, scale: number, sums: Float64Array, seed: number): void {
  const groups = Math.ceil(differences.length / 8)
  const next = seededWords(seed)
  const table = new Float64Array(4 * 256)
  // Four groups share a random word; tables of all groups would not stay in the cache.
  for (let group = 0; group < groups; group += 4) {
    for (let part = 0; part < 4; part++) fillTable(table.subarray(part * 256, (part + 1) * 256), differences, (group + part) * 8, scale)
    for (let i = 0; i < sums.length; i++) {
      const word = next()
      sums[i]! +=
        table[word & 255]! + table[256 + ((word >>> 8) & 255)]! + table[512 + ((word >>> 16) & 255)]! + table[768 + (word >>> 24)]!
    }
  }
}

function fillTable(table: Float64Array, differences: Float64Array, from: number, scale: number): void {
  let least = 0
  for (let bit = 0; bit < 8; bit++) least -= scale * (differences[from + bit] ?? 0)
  table[0] = least
  for (let bit = 0; bit < 8; bit++) {
    const gain = 2 * scale * (differences[from + bit] ?? 0)
    for (let low = 0; low < 1 << bit; low++) table[(1 << bit) + low] = table[low]! + gain
  }
}

function extreme(seen: number, sums: Float64Array): number {
  // Sums of the same numbers in another order differ in the last digits.
  const bound = Math.abs(seen) - 1e-12
  let count = 0
  for (const sum of sums) if (Math.abs(sum) >= bound) count++
  return (1 + count) / (1 + sums.length)
}
