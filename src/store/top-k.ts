/** Keeps the best `k` of the items offered. Equal scores are decided by `precedes`, so a result never depends on the order of offers. */
export interface TopK<Item> {
  /** How many are kept. */
  readonly k: number
  offer(item: Item, score: number): void
  /** The worst score that is still kept; -Infinity until `k` items are. Nothing below it needs to be offered. */
  threshold(): number
  /** The items, best first. Empties the selection. */
  take(): Item[]
}

/** A binary heap with the worst kept item on top. */
export function topK<Item>(k: number, precedes: (a: Item, b: Item) => boolean): TopK<Item> {
  const items: Item[] = []
  const scores: number[] = []

  const worse = (a: number, b: number): boolean => scores[a]! < scores[b]! || (scores[a] === scores[b] && precedes(items[b]!, items[a]!))
  const swap = (a: number, b: number): void => {
    ;[items[a], items[b]] = [items[b]!, items[a]!]
    ;[scores[a], scores[b]] = [scores[b]!, scores[a]!]
  }
  const rise = (from: number): void => {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1
      if (!worse(at, parent)) return
      swap(at, parent)
      at = parent
    }
  }
  const sink = (): void => {
    for (let at = 0; ;) {
      let worst = at
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < items.length && worse(child, worst)) worst = child
      if (worst === at) return
      swap(at, worst)
      at = worst
    }
  }

  return {
    k,
    offer(item, score) {
      if (items.length < k) {
        items.push(item)
        scores.push(score)
        rise(items.length - 1)
      } else if (k > 0 && (score > scores[0]! || (score === scores[0] && precedes(item, items[0]!)))) {
        items[0] = item
        scores[0] = score
        sink()
      }
    },
    threshold: () => (items.length < k ? -Infinity : (scores[0] ?? Infinity)),
    take() {
      const order = items.map((_, index) => index).sort((a, b) => (worse(b, a) ? -1 : 1))
      const best = order.map((index) => items[index]!)
      items.length = 0
      scores.length = 0
      return best
    },
  }
}
