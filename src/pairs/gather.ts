import type { TrainingQuery, TrainingSet } from '../train/expert/pairs.ts'
import { random, shuffled } from '../train/random.ts'
import type { PairRow } from './row.ts'

/** Pairs gathered by question and passage. */
export interface GatheredPairs extends TrainingSet {
  /** Question and passage, each combination once. */
  readonly pairs: number
  /** Pairs that came more than once. */
  readonly duplicates: number
}

/** Makes one set of rows: questions that differ in case and spaces only are one, and so are equal passages. */
export function pairGatherer() {
  const places = new Map<string, number>()
  const documents: string[] = []
  const queries = new Map<string, { text: string; positives: Set<number> }>()
  let duplicates = 0

  const place = (text: string): number => {
    const key = text.replace(/\s+/g, ' ').trim()
    let at = places.get(key)
    if (at === undefined) {
      at = documents.push(text) - 1
      places.set(key, at)
    }
    return at
  }
  return {
    /** Adds a document that no question has asked for yet and returns its place. */
    document: place,
    add({ query, passages, negatives }: PairRow): void {
      const key = query.replace(/\s+/g, ' ').trim().toLowerCase()
      const known = queries.get(key) ?? { text: query, positives: new Set<number>() }
      queries.set(key, known)
      for (const passage of passages) {
        const at = place(passage)
        if (known.positives.has(at)) duplicates++
        known.positives.add(at)
      }
      for (const negative of negatives) place(negative)
    },
    /** @param limit Pairs at most: questions are drawn with all their answers. */
    gathered(limit = Infinity, seed = 1): GatheredPairs {
      const all = [...queries.values()].map(({ text, positives }): TrainingQuery => ({ text, positives: [...positives] }))
      let pairs = 0
      const fits = ({ positives }: TrainingQuery): boolean => {
        if (pairs + positives.length > limit) return false
        pairs += positives.length
        return true
      }
      const kept = (limit === Infinity ? all : shuffled(all, random(seed, 0x1141))).filter(fits)
      return { documents, queries: kept, pairs, duplicates }
    },
  }
}
