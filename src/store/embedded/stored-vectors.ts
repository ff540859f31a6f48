import { InvalidArgumentError } from '../../errors.ts'
import type { Vector } from '../../vector.ts'

/** How vectors are written: halves keep three digits of every element in half the room. */
export type VectorForm = 'float32' | 'float16'

/** A vector as it is written. @throws InvalidArgumentError when an element is beyond what a half can hold, ±65,504 */
export function writeVector(vector: Vector, form: VectorForm): Buffer {
  if (form === 'float32') return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)
  const halves = new Uint16Array(vector.length)
  const bits = new Uint32Array(vector.slice().buffer)
  for (let i = 0; i < halves.length; i++) halves[i] = toHalf(bits[i]!, vector[i]!)
  return Buffer.from(halves.buffer)
}

/** What was written, in whichever form; `undefined` when it cannot be a vector of so many dimensions. May be a view of the bytes. */
export function readVector(bytes: Buffer, dimensions: number): Vector | undefined {
  if (bytes.byteLength === dimensions * 2) {
    const halves = new Uint16Array(aligned(bytes, 2), offset(bytes, 2), dimensions)
    const table = (floats ??= everyHalf())
    return Float32Array.from(halves, (half) => table[half]!)
  }
  if (bytes.byteLength !== dimensions * 4) return undefined
  return new Float32Array(aligned(bytes, 4), offset(bytes, 4), dimensions)
}

function aligned(bytes: Buffer, size: number): ArrayBuffer {
  return (bytes.byteOffset % size === 0 ? bytes.buffer : Uint8Array.from(bytes).buffer) as ArrayBuffer
}

function offset({ byteOffset }: Buffer, size: number): number {
  return byteOffset % size === 0 ? byteOffset : 0
}

/** IEEE 754 binary16, the nearest one, ties to even. */
function toHalf(bits: number, value: number): number {
  const sign = (bits >>> 16) & 0x8000
  const size = bits & 0x7fffffff
  if (size >= 0x477ff000)
    throw new InvalidArgumentError('vector', `has the element ${value}: float16 holds up to 65,504`, 'Scale it, or keep float32.')
  // Below the smallest normal half, steps are even.
  if (size < 0x38800000) return sign | (Math.abs(value) * 2 ** 24 + toWhole - toWhole)
  return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13)
}

/** Leaves no room for a fraction in a double: rounds to the nearest whole number, ties to even. */
const toWhole = 1.5 * 2 ** 52

let floats: Float32Array | undefined

function everyHalf(): Float32Array {
  return Float32Array.from({ length: 65_536 }, (_, half) => {
    const exponent = (half >>> 10) & 31
    const fraction = half & 1023
    const sign = half & 0x8000 ? -1 : 1
    if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
    return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15))
  })
}
