import { UnsupportedError } from '../../errors.ts'
import type { Vector } from '../../vector.ts'
import { sharedMemory, type SharedMemory } from '../../wasm/memory.ts'
import { mostBytes } from './kernel.ts'

/** The vectors of one space in memory that threads share: as floats, and rounded to 16 bits for the kernel. */
export interface SharedVectors {
  readonly dimensions: number
  readonly count: number
  /** One vector after another. */
  readonly floats: Float32Array
  /** The rounded ones from address 0 on, `stride` bytes each; scratch of every thread from `scratch` on. */
  readonly memory: SharedMemory
  readonly stride: number
  readonly scratch: number
  /** Place of each document's id among all ids: decides ties. */
  readonly order: Int32Array
}

/** Query vectors that the kernel takes at a time, and documents: both stay in the processor's caches. */
export const queryTile = 32
export const documentTile = 512

/** Largest value of a rounded element; unit vectors' products then fit 32 bits. */
export const scale = 32_767

/** Bytes of scratch for one thread: a tile of rounded queries and its scores. */
export function scratchBytes(stride: number): number {
  return queryTile * stride + 4 * queryTile * documentTile
}

/** Packs vectors for so many threads. @throws UnsupportedError when they do not fit */
export function shareVectors(vectors: readonly Vector[], order: Int32Array, threads: number): SharedVectors {
  const dimensions = vectors[0]?.length ?? 1
  const stride = 16 * Math.ceil(dimensions / 8)
  const count = vectors.length
  const scratch = documentTile * Math.ceil(count / documentTile) * stride
  const bytes = scratch + threads * scratchBytes(stride)
  if (bytes > mostBytes)
    throw new UnsupportedError(`${count} vectors of ${dimensions} dimensions do not fit an exact search.`, 'Evaluate fewer documents.')
  const memory = sharedMemory(bytes)
  const floats = new Float32Array(new SharedArrayBuffer(Math.max(4, 4 * count * dimensions)))
  const rounded = new Int16Array(memory.buffer)
  vectors.forEach((vector, row) => {
    floats.set(vector, row * dimensions)
    round(vector, rounded, (row * stride) / 2)
  })
  return { dimensions, count, floats, memory, stride, scratch, order }
}

/** Writes a unit vector as 16-bit whole numbers. */
export function round(vector: Vector, out: Int16Array, at: number): void {
  for (let i = 0; i < vector.length; i++) out[at + i] = Math.round(vector[i]! * scale)
}
