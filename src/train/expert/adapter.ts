import type { Vector } from '../../vector.ts'
import { adamUpdate } from '../adam.ts'
import { multiplyTransposed, transpose } from '../matrix.ts'
import { random } from '../random.ts'
import type { QuerySide } from './query-side.ts'

/** A low-rank change of a vector: `normalize(v + up · (down · v))`. Both matrices are row-major. */
export interface LearnedAdapter {
  readonly rank: number
  /** rank × dimensions. */
  readonly down: Float32Array
  /** dimensions × rank. */
  readonly up: Float32Array
}

/** Learns a low-rank residual on the base's query vectors, whatever the base is. It starts as the identity. */
export function adapterQuerySide(
  vectors: readonly Vector[],
  dimensions: number,
  rank: number,
  seed: number,
): QuerySide & { changes(): LearnedAdapter } {
  const generator = random(seed, 0xada)
  const size = rank * dimensions
  const down = parameter(Float32Array.from({ length: size }, () => generator.normal() / Math.sqrt(dimensions)))
  const up = parameter(new Float32Array(size))
  let inputs = new Float32Array(0)
  let hidden = new Float32Array(0)
  let units: Float32Array = new Float32Array(0)
  let lengths: number[] = []

  const first = { down: down.values.slice(), up: up.values.slice() }
  return {
    dimensions,
    state: Object.fromEntries(
      Object.entries({ down, up }).flatMap(([name, { values, kept, adam }]) => [
        [name, values],
        [`${name} kept`, kept],
        [`${name} mean`, adam.mean],
        [`${name} square`, adam.square],
      ]),
    ),
    reset() {
      down.values.set(first.down)
      up.values.set(first.up)
      for (const { adam } of [up, down]) for (const average of [adam.mean, adam.square]) average.fill(0)
    },
    forward(queries, out) {
      const rows = queries.length
      inputs = new Float32Array(rows * dimensions)
      queries.forEach((query, i) => inputs.set(vectors[query]!, i * dimensions))
      hidden = new Float32Array(rows * rank)
      multiplyTransposed(inputs, down.values, hidden, rows, rank, dimensions)
      multiplyTransposed(hidden, up.values, out, rows, dimensions, rank)
      lengths = queries.map((_, i) => addAndNormalize(out, inputs, i * dimensions, dimensions))
      units = out
    },
    learning: {
      learn(upstream, rate, step) {
        const rows = lengths.length
        const sums = new Float32Array(rows * dimensions)
        for (let i = 0; i < rows; i++) unnormalize(upstream, units, lengths[i]!, i * dimensions, dimensions, sums)
        // sum = v + up·h, h = down·v: the gradient of `up` is sumᵀ·h, that of h is sum·up, that of `down` hᵀ·v.
        multiplyTransposed(transposed(sums, rows, dimensions), transposed(hidden, rows, rank), up.gradient, dimensions, rank, rows)
        const hiddenGradient = new Float32Array(rows * rank)
        multiplyTransposed(sums, transposed(up.values, dimensions, rank), hiddenGradient, rows, rank, dimensions)
        multiplyTransposed(
          transposed(hiddenGradient, rows, rank),
          transposed(inputs, rows, dimensions),
          down.gradient,
          rank,
          dimensions,
          rows,
        )
        for (const { values, gradient, adam } of [up, down]) adamUpdate(values, gradient, adam, 0, size, { rate, step, beta2: 0.999 })
      },
    },
    keep() {
      for (const matrix of [up, down]) matrix.kept.set(matrix.values)
    },
    restore() {
      for (const matrix of [up, down]) matrix.values.set(matrix.kept)
    },
    changes: () => ({ rank, down: down.values.slice(), up: up.values.slice() }),
  }
}

function parameter(values: Float32Array) {
  const same = (): Float32Array => new Float32Array(values.length)
  return { values, kept: values.slice(), gradient: same(), adam: { mean: same(), square: same() } }
}

function addAndNormalize(out: Float32Array, inputs: Float32Array, at: number, dimensions: number): number {
  let square = 0
  for (let d = at; d < at + dimensions; d++) {
    out[d]! += inputs[d]!
    square += out[d]! * out[d]!
  }
  const length = Math.sqrt(square)
  if (length > 0) for (let d = at; d < at + dimensions; d++) out[d]! /= length
  return length
}

function unnormalize(
  upstream: Float32Array,
  units: Float32Array,
  length: number,
  at: number,
  dimensions: number,
  into: Float32Array,
): void {
  if (length === 0) return
  let along = 0
  for (let d = at; d < at + dimensions; d++) along += upstream[d]! * units[d]!
  for (let d = at; d < at + dimensions; d++) into[d] = (upstream[d]! - along * units[d]!) / length
}

function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(matrix.length)
  transpose(matrix, turned, rows, columns)
  return turned
}
