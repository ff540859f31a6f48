import { normalize } from '../../vector.ts'
import type { Pooling } from './settings.ts'

/** Token vectors of a padded batch, row-major: sequence, position, dimension. */
export interface TokenVectors {
  readonly values: Float32Array
  /** Positions per sequence, padding included. */
  readonly width: number
  readonly dimensions: number
}

/**
 * One vector from the token vectors of sequence `row`, whose `length` real tokens come first. `skipped` leading tokens
 * (a prompt) stay out of the mean. Nothing to pool gives zeros.
 */
export function pool(
  { values, width, dimensions }: TokenVectors,
  row: number,
  length: number,
  pooling: Exclude<Pooling, 'sentence'>,
  skipped = 0,
): Float32Array {
  const at = (position: number): Float32Array => {
    const start = (row * width + position) * dimensions
    return values.subarray(start, start + dimensions)
  }
  if (length === 0) return new Float32Array(dimensions)
  if (pooling === 'cls') return at(0).slice()
  if (pooling === 'last') return at(length - 1).slice()

  const first = skipped < length ? skipped : 0
  const sum = new Float64Array(dimensions)
  for (let position = first; position < length; position++) {
    const token = at(position)
    for (let i = 0; i < dimensions; i++) sum[i]! += token[i]!
  }
  return Float32Array.from(sum, (value) => value / (length - first))
}

/** Unit length where asked for. `undefined` when the model gave something that is not a number. */
export function finish(vector: Float32Array, toUnitLength: boolean): Float32Array | undefined {
  if (!vector.every(Number.isFinite)) return undefined
  return toUnitLength ? normalize(vector) : vector
}
