import { setImmediate as nextTurn } from 'node:timers/promises'
import { transpose } from '../matrix.ts'
import { bytesFor, workspace } from '../simd/workspace.ts'

/** Vectors that are enough to know how they spread. */
const enough = 16_384
const chunk = 512

/**
 * The inverse covariance of vectors, `dimensions` × `dimensions` and symmetric: what they have in common counts little after
 * it, what tells them apart counts much. The covariance is mixed half and half with a round one, and the diagonal's mean is 1.
 */
export async function whitening(vectors: Float32Array, mean: Float32Array, signal: AbortSignal | undefined): Promise<Float32Array> {
  const dimensions = mean.length
  const count = vectors.length / dimensions
  const stride = Math.max(1, Math.ceil(count / enough))
  const space = workspace(bytesFor(chunk * dimensions, chunk * dimensions, dimensions * dimensions))
  const rows = space.floats(chunk * dimensions)
  const columns = space.floats(chunk * dimensions)
  const product = space.floats(dimensions * dimensions)
  const covariance = new Float64Array(dimensions * dimensions)
  for (let from = 0; from < count; from += chunk * stride) {
    await nextTurn()
    signal?.throwIfAborted()
    rows.fill(0)
    for (let place = from, row = 0; place < count && row < chunk; place += stride, row++) {
      for (let d = 0; d < dimensions; d++) rows[row * dimensions + d] = vectors[place * dimensions + d]! - mean[d]!
    }
    transpose(rows, columns, chunk, dimensions)
    space.multiplyTransposed(columns, columns, product, dimensions, dimensions, chunk)
    for (let i = 0; i < covariance.length; i++) covariance[i]! += product[i]!
  }

  let trace = 0
  for (let d = 0; d < dimensions; d++) trace += covariance[d * dimensions + d]!
  // Vectors that are all alike say nothing about directions.
  const round = trace > 0 ? trace / dimensions : 1
  for (let d = 0; d < dimensions; d++) covariance[d * dimensions + d]! += round
  return unitDiagonal(inverse(covariance, dimensions), dimensions)
}

/** Of a symmetric positive definite matrix, through its Cholesky factor. */
function inverse(matrix: Float64Array, size: number): Float64Array {
  const lower = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j]!
      for (let k = 0; k < j; k++) sum -= lower[i * size + k]! * lower[j * size + k]!
      lower[i * size + j] = i === j ? Math.sqrt(sum) : sum / lower[j * size + j]!
    }
  }
  // Rows of `turned` are the columns of the factor's inverse.
  const turned = new Float64Array(size * size)
  for (let column = 0; column < size; column++) {
    const at = column * size
    for (let i = column; i < size; i++) {
      let sum = i === column ? 1 : 0
      for (let k = column; k < i; k++) sum -= lower[i * size + k]! * turned[at + k]!
      turned[at + i] = sum / lower[i * size + i]!
    }
  }
  const result = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0
      for (let k = i; k < size; k++) sum += turned[i * size + k]! * turned[j * size + k]!
      result[i * size + j] = result[j * size + i] = sum
    }
  }
  return result
}

function unitDiagonal(matrix: Float64Array, size: number): Float32Array {
  let trace = 0
  for (let d = 0; d < size; d++) trace += matrix[d * size + d]!
  return Float32Array.from(matrix, (value) => (value * size) / trace)
}
