import { InvalidArgumentError } from '../../errors.ts'
import { adamUpdate, type AdamOptions, type AdamState } from '../adam.ts'
import { multiplyTransposed } from '../matrix.ts'
import { poolTokens, unpoolTokens } from '../pooling.ts'
import { sharedMemory, type SharedMemory } from '../../wasm/memory.ts'
import { compileKernels } from './kernels.ts'

/**
 * Memory for arrays, and the inner loops of training on arrays made there (or on views of them). They do what the plain
 * functions of the same names do, several times faster, and fall back to those where a shape does not fit four at a time.
 */
export interface Workspace {
  readonly memory: SharedMemory
  /** A zeroed array. Nothing is ever freed; the workspace goes as a whole. */
  floats(length: number): Float32Array
  integers(length: number): Uint32Array
  readonly multiplyTransposed: typeof multiplyTransposed
  readonly poolTokens: typeof poolTokens
  readonly unpoolTokens: typeof unpoolTokens
  readonly adamUpdate: typeof adamUpdate
}

/** Bytes that an array of so many 4-byte elements takes in a workspace. */
export function bytesFor(...lengths: readonly number[]): number {
  return lengths.reduce((sum, length) => sum + aligned(4 * length), 0)
}

/** Opens a workspace of so many bytes, or a part of another thread's memory. */
export function workspace(source: number | { readonly memory: SharedMemory; readonly start: number; readonly end: number }): Workspace {
  const { memory, start, end } = typeof source === 'number' ? { memory: sharedMemory(source), start: 0, end: source } : source
  const kernels = compileKernels(memory)
  let next = aligned(start)
  const take = (length: number): number => {
    const at = next
    next += bytesFor(length)
    if (next > aligned(end)) throw new InvalidArgumentError('length', `asks for more than the ${end - start} bytes of this workspace`)
    return at
  }

  return {
    memory,
    floats: (length) => new Float32Array(memory.buffer, take(length), length),
    integers: (length) => new Uint32Array(memory.buffer, take(length), length),

    multiplyTransposed(a, b, c, rows, columns, inner) {
      const fit = columns % 4 === 0 && inner % 4 === 0 ? rows - (rows % 4) : 0
      if (fit > 0 && columns > 0 && inner > 0) kernels.product(a.byteOffset, b.byteOffset, c.byteOffset, fit, columns, 4 * inner)
      if (fit < rows) multiplyTransposed(a.subarray(fit * inner), b, c.subarray(fit * columns), rows - fit, columns, inner)
    },

    poolTokens(table, dimensions, tokens, from, to, out, offset) {
      if (dimensions % 16 !== 0 || to <= from) return poolTokens(table, dimensions, tokens, from, to, out, offset)
      const ids = tokens as Uint32Array
      kernels.gather(table.byteOffset, ids.byteOffset + 4 * from, ids.byteOffset + 4 * to, out.byteOffset + 4 * offset, 4 * dimensions)
      let square = 0
      for (let d = offset; d < offset + dimensions; d++) square += out[d]! * out[d]!
      const length = Math.sqrt(square)
      if (length > 0) for (let d = offset; d < offset + dimensions; d++) out[d]! /= length
      return length
    },

    unpoolTokens(gradient, touched, dimensions, tokens, from, to, units, length, upstream, offset, work) {
      if (dimensions % 16 !== 0) return unpoolTokens(gradient, touched, dimensions, tokens, from, to, units, length, upstream, offset, work)
      if (length === 0 || to <= from) return
      let along = 0
      for (let d = offset; d < offset + dimensions; d++) along += upstream[d]! * units[d]!
      for (let d = 0; d < dimensions; d++) work[d] = (upstream[offset + d]! - along * units[offset + d]!) / length
      const ids = tokens as Uint32Array
      kernels.scatter(gradient.byteOffset, ids.byteOffset + 4 * from, ids.byteOffset + 4 * to, work.byteOffset, 4 * dimensions)
      for (let t = from; t < to; t++) touched[ids[t]!] = 1
    },

    adamUpdate(values: Float32Array, gradient: Float32Array, state: AdamState, from: number, to: number, options: AdamOptions) {
      if ((to - from) % 4 !== 0) return adamUpdate(values, gradient, state, from, to, options)
      if (to <= from) return
      const { rate, step, beta1 = 0.9, beta2 = 0.99 } = options
      const correction = Math.sqrt(1 - beta2 ** step)
      const at = ({ byteOffset }: Float32Array): number => byteOffset + 4 * from
      kernels.adam(
        at(values),
        at(gradient),
        at(state.mean),
        at(state.square),
        4 * (to - from),
        beta1,
        beta2,
        (rate * correction) / (1 - beta1 ** step),
        1e-8 * correction,
      )
    },
  }
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / 64) * 64
}
