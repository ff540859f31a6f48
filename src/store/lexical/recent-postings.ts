/** Postings that arrive one by one: a linked list per term through three flat arrays, so a rare term costs 12 bytes. */
export interface RecentPostings {
  readonly size: number
  add(term: number, ordinal: number, frequency: number): void
  /** Postings of a term. */
  count(term: number): number
  /** The term's newest posting, below 0 when there is none. */
  first(term: number): number
  /** The one before it, below 0 after the oldest. */
  next(posting: number): number
  ordinal(posting: number): number
  frequency(posting: number): number
}

export function recentPostings(): RecentPostings {
  const heads: number[] = []
  const counts: number[] = []
  let nexts = new Int32Array(1024)
  let ordinals = new Uint32Array(1024)
  let frequencies = new Float32Array(1024)
  let size = 0

  const grow = (): void => {
    const larger = <T extends { set(old: T): void }>(old: T, fresh: T): T => (fresh.set(old), fresh)
    nexts = larger(nexts, new Int32Array(size * 2))
    ordinals = larger(ordinals, new Uint32Array(size * 2))
    frequencies = larger(frequencies, new Float32Array(size * 2))
  }

  return {
    get size() {
      return size
    },
    add(term, ordinal, frequency) {
      if (size === nexts.length) grow()
      nexts[size] = heads[term] ?? -1
      ordinals[size] = ordinal
      frequencies[size] = frequency
      heads[term] = size++
      counts[term] = (counts[term] ?? 0) + 1
    },
    count: (term) => counts[term] ?? 0,
    first: (term) => heads[term] ?? -1,
    next: (posting) => nexts[posting]!,
    ordinal: (posting) => ordinals[posting]!,
    frequency: (posting) => frequencies[posting]!,
  }
}
