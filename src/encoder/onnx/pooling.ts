import { normalize } from '../../vector.ts'
import type { Pooling } from './settings.ts'

/** Token vectors of a padded batch, row-major: sequence, position, dimension. */
export interface TokenVectors {
  readonly values: Float32Array
  /** Positions per sequence, padding included; 1 where there is one vector for each text. */
  readonly width: number
  readonly dimensions: number
}

/** How one vector comes of those of a text's tokens. */
export interface PoolingWay {
  readonly pooling: Pooling
  readonly normalize: boolean
  /** Leading tokens (a prompt) that the mean leaves out. */
  readonly skipped: number
}

/**
 * Writes the vector of sequence `row`, whose `length` real tokens come first, into `target`. Nothing to pool gives zeros.
 * @returns False when the model gave something that is not a number; `target` is then not to be used.
 */
export function poolInto(target: Float32Array, tokens: TokenVectors, row: number, length: number, way: PoolingWay): boolean {
  const { values, width, dimensions } = tokens
  const { pooling, skipped } = way
  const start = row * width * dimensions
  if (pooling === 'mean') meanInto(target, values, start, length, skipped < length ? skipped : 0)
  else {
    const from = start + (pooling === 'last' ? Math.max(0, length - 1) * dimensions : 0)
    for (let i = 0; i < dimensions; i++) target[i] = values[from + i]!
  }
  for (let i = 0; i < dimensions; i++) if (!Number.isFinite(target[i]!)) return false
  if (way.normalize) normalize(target)
  return true
}

let sums = new Float64Array(0)

function meanInto(target: Float32Array, values: Float32Array, start: number, length: number, first: number): void {
  const dimensions = target.length
  if (sums.length < dimensions) sums = new Float64Array(dimensions)
  sums.fill(0, 0, dimensions)
  const end = start + length * dimensions
  for (let at = start + first * dimensions; at < end; at += dimensions) {
    for (let i = 0; i < dimensions; i++) sums[i]! += values[at + i]!
  }
  const count = Math.max(1, length - first)
  for (let i = 0; i < dimensions; i++) target[i] = sums[i]! / count
}
