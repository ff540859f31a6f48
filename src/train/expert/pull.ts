import { setImmediate as nextTurn } from 'node:timers/promises'
import { bytesFor, workspace } from '../simd/workspace.ts'
import type { LearnedTable, StaticBase } from './table.ts'
import { whitening } from './whitening.ts'

/** A collection as a static base reads it. */
export interface ReadDocuments {
  /** Token ids of each document. */
  readonly tokens: readonly ArrayLike<number>[]
  /** One unit vector after another. */
  readonly vectors: Float32Array
}

const chunk = 1024

/**
 * Where documents draw the rows of their tokens. A row moves towards the mean of the documents that hold its token, as far as that
 * differs from the mean of all, seen through the inverse covariance of the documents, and in proportion to the row's own length.
 * So a query finds documents that use its words in the sense and with the weight they have in this collection, and no
 * question is needed to know that. It is ridge regression from document vectors to "holds the token", token by token.
 */
export async function pullOfDocuments(
  { table, dimensions }: StaticBase,
  { tokens, vectors }: ReadDocuments,
  signal: AbortSignal | undefined,
): Promise<LearnedTable> {
  const size = table.length / dimensions
  const mean = meanOf(vectors, dimensions)
  const { rows, counts, placeOf } = documentCounts(tokens, size)
  const sums = new Float32Array(rows.length * dimensions)
  const seenIn = new Int32Array(size).fill(-1)
  let turn = performance.now()
  for (const [document, ids] of tokens.entries()) {
    for (let t = 0; t < ids.length; t++) {
      const token = ids[t]!
      if (seenIn[token] === document) continue
      seenIn[token] = document
      const to = placeOf[token]! * dimensions
      const from = document * dimensions
      for (let d = 0; d < dimensions; d++) sums[to + d]! += vectors[from + d]! - mean[d]!
    }
    if (performance.now() - turn < 20) continue
    await nextTurn()
    signal?.throwIfAborted()
    turn = performance.now()
  }

  const inverse = await whitening(vectors, mean, signal)
  const space = workspace(bytesFor(chunk * dimensions, chunk * dimensions, inverse.length))
  const [input, output, matrix] = [space.floats(chunk * dimensions), space.floats(chunk * dimensions), space.floats(inverse.length)]
  matrix.set(inverse)
  for (let from = 0; from < rows.length; from += chunk) {
    await nextTurn()
    signal?.throwIfAborted()
    const part = sums.subarray(from * dimensions, Math.min(rows.length, from + chunk) * dimensions)
    input.set(part)
    const count = part.length / dimensions
    space.multiplyTransposed(input, matrix, output, count, dimensions, dimensions)
    for (let i = 0; i < count; i++) {
      const row = rows[from + i]!
      // One document more than there are: a token of a single document is not to be trusted wholly.
      const scale = lengthOf(table, row * dimensions, dimensions) / (counts[from + i]! + 1)
      for (let d = 0; d < dimensions; d++) part[i * dimensions + d] = scale * output[i * dimensions + d]!
    }
  }
  return { rows, deltas: sums }
}

/** The tokens that occur, ascending, with the number of documents that hold each. */
function documentCounts(tokens: readonly ArrayLike<number>[], size: number) {
  const all = new Uint32Array(size)
  const seenIn = new Int32Array(size).fill(-1)
  for (const [document, ids] of tokens.entries()) {
    for (let t = 0; t < ids.length; t++) {
      const token = ids[t]!
      if (seenIn[token] === document) continue
      seenIn[token] = document
      all[token]!++
    }
  }
  const rows = Uint32Array.from(all.keys()).filter((row) => all[row]! > 0)
  const placeOf = new Int32Array(size)
  rows.forEach((row, place) => (placeOf[row] = place))
  return { rows, counts: rows.map((row) => all[row]!), placeOf }
}

function meanOf(vectors: Float32Array, dimensions: number): Float32Array {
  const sum = new Float64Array(dimensions)
  for (let at = 0; at < vectors.length; at += dimensions) for (let d = 0; d < dimensions; d++) sum[d]! += vectors[at + d]!
  return Float32Array.from(sum, (value) => (value * dimensions) / Math.max(1, vectors.length))
}

function lengthOf(table: Float32Array, from: number, dimensions: number): number {
  let square = 0
  for (let d = from; d < from + dimensions; d++) square += table[d]! * table[d]!
  return Math.sqrt(square)
}
