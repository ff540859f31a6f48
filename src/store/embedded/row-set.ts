/** A set of document rows as bits: what a filter selects. */
export interface RowSet {
  readonly words: Uint32Array
  /** How many rows are in it. */
  readonly size: number
}

/** The rows given, each below `limit`. */
export function rowSet(rows: Iterable<number>, limit: number): RowSet {
  const words = new Uint32Array((limit + 31) >>> 5)
  for (const row of rows) words[row >>> 5]! |= 1 << (row & 31)
  return counted(words)
}

export function has({ words }: RowSet, row: number): boolean {
  return ((words[row >>> 5] ?? 0) & (1 << (row & 31))) !== 0
}

export function intersect(a: RowSet, b: RowSet): RowSet {
  return counted(a.words.map((word, i) => word & (b.words[i] ?? 0)))
}

export function union(a: RowSet, b: RowSet): RowSet {
  const [long, short] = a.words.length >= b.words.length ? [a, b] : [b, a]
  return counted(long.words.map((word, i) => word | (short.words[i] ?? 0)))
}

/** What is in `a` but not in `b`. */
export function without(a: RowSet, b: RowSet): RowSet {
  return counted(a.words.map((word, i) => word & ~(b.words[i] ?? 0)))
}

/** The rows in ascending order. */
export function rowsOf({ words, size }: RowSet): Int32Array {
  const rows = new Int32Array(size)
  let at = 0
  for (let i = 0; i < words.length; i++) {
    for (let word = words[i]!; word !== 0; word &= word - 1) rows[at++] = (i << 5) + (31 - Math.clz32(word & -word))
  }
  return rows
}

function counted(words: Uint32Array): RowSet {
  let size = 0
  for (let i = 0; i < words.length; i++) {
    let word = words[i]!
    word -= (word >>> 1) & 0x55555555
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333)
    size += Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
  }
  return { words, size }
}
