import type { TrainingQuery, TrainingSet } from '../../../train/index.ts'

/** Documents that several lists of questions share. */
export interface Collection {
  readonly documents: readonly string[]
  /** Takes up a set's documents, equal ones once, and gives its questions as they point into the whole. */
  add(set: Pick<TrainingSet, 'documents' | 'queries'>): TrainingQuery[]
}

export function collection(): Collection {
  const places = new Map<string, number>()
  const documents: string[] = []
  const placeOf = (text: string): number => {
    const known = places.get(text)
    if (known !== undefined) return known
    places.set(text, documents.length)
    return documents.push(text) - 1
  }
  return {
    documents,
    add(set) {
      const moved = set.documents.map(placeOf)
      const move = (list: readonly number[]): number[] => list.map((place) => moved[place]!)
      return set.queries.map(({ text, positives, rewards, negatives }) => ({
        text,
        positives: move(positives),
        ...(rewards && { rewards: { places: move(rewards.places), values: rewards.values } }),
        ...(negatives && { negatives: move(negatives) }),
      }))
    },
  }
}

/** The questions that none of the others repeats; case and spaces make no difference. */
export function unlike(queries: readonly TrainingQuery[], others: readonly TrainingQuery[]): TrainingQuery[] {
  const key = ({ text }: TrainingQuery): string => text.replace(/\s+/g, ' ').trim().toLowerCase()
  const known = new Set(others.map(key))
  return queries.filter((query) => !known.has(key(query)))
}
