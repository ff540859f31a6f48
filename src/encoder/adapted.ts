import { ClosedError, DimensionMismatchError, InvalidArgumentError } from '../errors.ts'
import { normalize, type Vector } from '../vector.ts'
import type { Encoder } from './encoder.ts'
import { fingerprint } from './fingerprint.ts'

/** A learned map on base vectors: `v + up · (down · v)`, scaled back to unit length. Pure. */
export interface QueryAdapter {
  (baseVector: Vector): Vector
  /** Fingerprint of the weights. */
  readonly id: string
  readonly dimensions: number
  readonly rank: number
}

export interface LowRankWeights {
  /** `rank × dimensions`, row by row. */
  readonly down: Float32Array
  /** `dimensions × rank`, row by row. */
  readonly up: Float32Array
  readonly rank: number
  readonly dimensions: number
  /** Stable name of these weights. */
  readonly id: string
}

/** A low-rank adapter: `2 × rank × dimensions` multiplications, microseconds. Zeros stay zeros. */
export function lowRankAdapter({ down, up, rank, dimensions, id }: LowRankWeights): QueryAdapter {
  if (!(Number.isInteger(rank) && rank > 0)) throw new InvalidArgumentError('rank', `is ${rank}, not a whole number above 0`)
  if (down.length !== rank * dimensions) throw new DimensionMismatchError(`An adapter of rank ${rank}`, dimensions, down.length / rank)
  if (up.length !== rank * dimensions) throw new DimensionMismatchError(`An adapter of rank ${rank}`, dimensions, up.length / rank)
  for (const [name, weights] of Object.entries({ down, up })) {
    if (!weights.every(Number.isFinite)) throw new InvalidArgumentError(name, 'has a value that is not a finite number')
  }

  const adapt = (baseVector: Vector): Vector => {
    if (baseVector.length !== dimensions) throw new DimensionMismatchError('The adapter', dimensions, baseVector.length)
    const inner = new Float64Array(rank)
    for (let r = 0; r < rank; r++) {
      for (let i = 0; i < dimensions; i++) inner[r]! += down[r * dimensions + i]! * baseVector[i]!
    }
    const vector = new Float32Array(dimensions)
    for (let i = 0; i < dimensions; i++) {
      let change = 0
      for (let r = 0; r < rank; r++) change += up[i * rank + r]! * inner[r]!
      vector[i] = baseVector[i]! + change
    }
    return normalize(vector)
  }
  return Object.assign(adapt, { id, dimensions, rank })
}

/** An encoder whose vectors pass through an adapter. Closing it leaves the base open: others share it. */
export function adaptedEncoder(base: Encoder, adapter: QueryAdapter): Encoder {
  if (base.dimensions !== adapter.dimensions) throw new DimensionMismatchError('The adapter', adapter.dimensions, base.dimensions)
  let closed = false
  return {
    id: fingerprint('adapted', base.id, adapter.id),
    dimensions: base.dimensions,
    async encode(texts, options) {
      if (closed) throw new ClosedError('The adapted encoder')
      return (await base.encode(texts, options)).map((vector) => adapter(vector))
    },
    async close() {
      closed = true
    },
  }
}
