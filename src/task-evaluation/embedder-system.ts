import type { Encoder } from '../encoder/encoder.ts'
import { DimensionMismatchError } from '../errors.ts'
import { dot } from '../vector.ts'
import type { CandidateSystem } from './candidate-system.ts'
import { candidateVectors, encodeTexts } from './encoded-texts.ts'
import { placesByScore } from './places.ts'
import { takingTurns } from './turns.ts'

/** An embedder: what reads queries, and what reads the texts they look for. */
export interface Embedder {
  /** What its figures are reported by. */
  readonly name: string
  readonly query: Encoder
  readonly key: Encoder
}

/** Orders candidates by their cosine with the query. The encoders stay the caller's to close. @throws DimensionMismatchError */
export function embedderSystem({ name, query, key }: Embedder): CandidateSystem {
  if (query.dimensions !== key.dimensions) throw new DimensionMismatchError(`The key side of "${name}"`, key.dimensions, query.dimensions)
  const keys = candidateVectors(key)

  return {
    name,
    async order(samples, { seed = 1, signal, onTruncated } = {}) {
      const queries = await encodeTexts(
        query,
        samples.map((sample) => sample.query),
        signal,
      )
      await keys.prepare(
        samples.map(({ candidates }) => candidates),
        signal,
      )
      const breathe = takingTurns(signal)
      const orders: number[][] = []
      for (const sample of samples) {
        await breathe()
        const vector = queries.vectors.get(sample.query)!
        const { vectors, truncated } = keys.of(sample.candidates)
        onTruncated?.({ queries: Number(queries.truncated.has(sample.query)), candidates: truncated })
        orders.push(
          placesByScore(
            sample,
            vectors.map((candidate) => dot(vector, candidate)),
            seed,
          ),
        )
      }
      return orders
    },
  }
}
