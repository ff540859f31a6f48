import { englishAnalyzer } from '../store/lexical/analyzer.ts'
import { lexicalSettings } from '../store/lexical/bm25.ts'
import { postings, type Postings } from '../store/lexical/postings.ts'
import type { LexicalOptions } from '../store/store.ts'
import type { CandidateSystem } from './candidate-system.ts'
import { drawnPlaces, placesByScore } from './places.ts'
import { takingTurns } from './turns.ts'

/** BM25 of the query over the sample's own candidates, as stores count it. Candidates without a word of the query come last. */
export function bm25System(options: LexicalOptions = {}): CandidateSystem {
  const settings = lexicalSettings(options)
  const analyze = englishAnalyzer()
  const collections = new WeakMap<readonly string[], Postings>()

  return {
    name: 'bm25',
    async order(samples, { seed = 1, signal } = {}) {
      const breathe = takingTurns(signal)
      const collect = async (candidates: readonly string[]): Promise<Postings> => {
        const collection = postings(analyze, settings)
        for (const [place, text] of candidates.entries()) {
          await breathe()
          collection.set(place, undefined, text)
        }
        return collection
      }
      const orders: number[][] = []
      for (const sample of samples) {
        await breathe()
        const { query, candidates } = sample
        const collection = collections.get(candidates) ?? (await collect(candidates))
        collections.set(candidates, collection)
        const found = collection.score(query)
        orders.push(
          placesByScore(
            sample,
            Float64Array.from(candidates, (_, place) => found.of(place)),
            seed,
          ),
        )
      }
      return orders
    },
  }
}

/** An order drawn at random, the same for the same seed. */
export function randomSystem(): CandidateSystem {
  return {
    name: 'random',
    order: async (samples, { seed = 1 } = {}) => samples.map((sample) => drawnPlaces(sample, seed, 'random')),
  }
}

/** The best order there is: by the teacher's rewards, else those known to help before the others. Without either it has none. */
export function oracleSystem(): CandidateSystem {
  return {
    name: 'oracle',
    order: async (samples, { seed = 1 } = {}) =>
      samples.map((sample) => {
        const { candidates, positives, scores } = sample
        if (!scores && positives === 0) return undefined
        return placesByScore(sample, scores ?? Array.from(candidates, (_, place) => Number(place < positives)), seed)
      }),
  }
}
