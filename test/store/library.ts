import type { Metadata } from '../../src/document.ts'
import type { Store, StoreEntry, StoreResult } from '../../src/store/store.ts'
import { normalize, type Vector } from '../../src/vector.ts'
import { seededRandom } from '../conformance/random.ts'

export const dimensions = 16

/** Seeded documents in clusters, as embedded texts are; the same for the same arguments. */
export function library(count: number, { seed = 1, from = 0 }: { seed?: number; from?: number } = {}): StoreEntry[] {
  const random = seededRandom(seed * 1000 + from)
  const words = ['fox', 'hen', 'red', 'blue', 'sleep', 'run', 'cat', 'law', 'tax', 'sea']
  return Array.from({ length: count }, (_, i) => {
    const text = Array.from({ length: 6 }, () => words[Math.floor(random() * words.length)]).join(' ')
    const metadata: Metadata = { n: Math.floor(random() * 1000) }
    return { document: { id: `d${from + i}`, text, metadata }, hash: `${seed}-${from + i}`, vectors: { base: clustered(random) } }
  })
}

/** Seeded queries from the same clusters. */
export function questions(count: number, seed = 99): Vector[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => clustered(random))
}

const centres = (() => {
  const random = seededRandom(5)
  return Array.from({ length: 40 }, () => Float32Array.from({ length: dimensions }, () => random() - 0.5))
})()

function clustered(random: () => number): Vector {
  const centre = centres[Math.floor(random() * centres.length)]!
  return normalize(centre.map((value) => value + (random() - 0.5) * 0.8))
}

/** What a store answers to fixed questions: equal before and after whatever must not change it. */
export async function answers(store: Store): Promise<StoreResult[]> {
  return store.search([
    ...questions(5).map((vector) => ({ vectors: [{ space: 'base', vector }], text: 'sleeping red foxes', topK: 8 })),
    { vectors: [], text: 'law and tax', topK: 5, filter: { n: { $lt: 300 } } },
  ])
}
