import { InvalidModelError } from './errors.ts'

/** Element types we read and write. */
export type DType = 'F32' | 'F16' | 'BF16' | 'I8' | 'U8' | 'I32' | 'U32' | 'I64' | 'F64'

/** A named array of a safetensors file. `data` is raw little-endian bytes in row-major order. */
export interface Tensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

const widths: Record<DType, number> = { F32: 4, F16: 2, BF16: 2, I8: 1, U8: 1, I32: 4, U32: 4, I64: 8, F64: 8 }

/** The format's own limit on the length of a header. */
const mostHeader = 100_000_000

/** Where a tensor lies in its file, in bytes from the beginning. */
export interface Extent extends Omit<Tensor, 'data'> {
  readonly start: number
  readonly end: number
}

/** What a file's header says. */
export interface SafetensorsLayout {
  /** In the header's order. */
  readonly extents: ReadonlyMap<string, Extent>
  readonly metadata: Record<string, string>
}

/**
 * Reads a safetensors file (8-byte header length, JSON header, tensor bytes). As in the reference implementation, tensors must lie one
 * after the other, without overlap, and fill the file.
 * @param path Named in errors only.
 * @throws InvalidModelError when the header or a tensor's extent does not add up.
 */
export function readSafetensors(bytes: Uint8Array, path: string): { tensors: Map<string, Tensor>; metadata: Record<string, string> } {
  const { extents, metadata } = readLayout(bytes, bytes.length, path)
  const tensors = new Map<string, Tensor>()
  for (const [name, { dtype, shape, start, end }] of extents) tensors.set(name, { dtype, shape, data: bytes.subarray(start, end) })
  return { tensors, metadata }
}

/**
 * The same without the tensors' bytes, which may be too many for memory.
 * @param head The file's beginning, of at least `headLength` bytes.
 * @param size Of the whole file.
 */
export function readLayout(head: Uint8Array, size: number, path: string): SafetensorsLayout {
  const first = headLength(head, size, path)
  const { __metadata__: metadata = {}, ...entries } = parseHeader(head.subarray(8, first), path)
  const extents = new Map<string, Extent>()
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as { dtype: DType; shape: number[]; data_offsets: [number, number] }
    if (!(dtype in widths)) throw new InvalidModelError(path, `has a tensor "${name}" of type ${String(dtype)}, which is not read`)
    const [start, end] = Array.isArray(offsets) && offsets.every(isWhole) ? offsets : [0, -1]
    const length =
      Array.isArray(shape) && shape.every(isWhole) ? shape.reduce((product, side) => product * side, 1) * widths[dtype] : Number.NaN
    if (!(end - start === length && first + end <= size))
      throw new InvalidModelError(path, `has a tensor "${name}" whose bytes do not fit its shape`)
    extents.set(name, { dtype, shape, start: first + start, end: first + end })
  }
  let filled = first
  for (const [name, { start, end }] of [...extents].sort(([, a], [, b]) => a.start - b.start || a.end - b.end)) {
    if (start !== filled)
      throw new InvalidModelError(path, `has a tensor "${name}" that ${start < filled ? 'overlaps another' : 'leaves a gap before it'}`)
    filled = end
  }
  if (filled !== size) throw new InvalidModelError(path, `has ${size - filled} bytes after its last tensor`)
  return { extents, metadata: metadata as Record<string, string> }
}

/** Bytes of a file before its tensors, by its first eight. */
export function headLength(head: Uint8Array, size: number, path: string): number {
  if (size < 8 || head.length < 8) throw new InvalidModelError(path, 'is too short to be a safetensors file')
  const length = Number(new DataView(head.buffer, head.byteOffset, head.byteLength).getBigUint64(0, true))
  if (length > size - 8) throw new InvalidModelError(path, 'is cut off or not a safetensors file')
  if (length > mostHeader) throw new InvalidModelError(path, `has a header of ${length} bytes, above the format's limit of ${mostHeader}`)
  return 8 + length
}

function parseHeader(bytes: Uint8Array, path: string): Record<string, unknown> {
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder().decode(bytes))
  } catch (error) {
    throw new InvalidModelError(path, 'has a header that is not JSON', error)
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new InvalidModelError(path, 'has a header that is not a JSON object')
  return header as Record<string, unknown>
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Writes a safetensors file; tensors keep the map's order, each aligned to 8 bytes. */
export function writeSafetensors(tensors: ReadonlyMap<string, Tensor>, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const header: Record<string, unknown> = {}
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata
  // The format wants no gaps, so wider types go first to keep every tensor aligned.
  const ordered = [...tensors].sort(([, a], [, b]) => widths[b.dtype] - widths[a.dtype])
  let offset = 0
  for (const [name, { dtype, shape, data }] of ordered) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.byteLength] }
    offset += data.byteLength
  }
  let json = JSON.stringify(header)
  json += ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8)
  const head = Buffer.from(json)
  const bytes = new Uint8Array(8 + head.length + offset)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(head.length), true)
  bytes.set(head, 8)
  let at = 8 + head.length
  for (const [, { data }] of ordered) {
    bytes.set(data, at)
    at += data.byteLength
  }
  return bytes
}

/** A tensor's elements as 32-bit floats, a copy. 64-bit integers are not numbers to compute with and are refused. */
export function toFloat32(tensor: Tensor, path: string): Float32Array {
  const { dtype, data } = tensor
  // Not `slice`, which on a Buffer makes a view instead of a copy.
  const bytes = new Uint8Array(data)
  switch (dtype) {
    case 'F32':
      return new Float32Array(bytes.buffer)
    case 'F64':
      return Float32Array.from(new Float64Array(bytes.buffer))
    case 'I8':
      return Float32Array.from(new Int8Array(bytes.buffer))
    case 'U8':
      return Float32Array.from(bytes)
    case 'F16':
      return Float32Array.from(new Uint16Array(bytes.buffer), halfToFloat)
    case 'BF16': {
      const wide = Uint32Array.from(new Uint16Array(bytes.buffer), (half) => half << 16)
      return new Float32Array(wide.buffer)
    }
    default:
      throw new InvalidModelError(path, `holds ${dtype} values where floating-point ones are needed`)
  }
}

/** 32-bit floats as a tensor of floating-point elements, rounded to the nearest, ties to even. Values that came from such a tensor come out as they were. */
export function fromFloat32(values: Float32Array, shape: readonly number[], dtype: 'F32' | 'F16' | 'BF16'): Tensor {
  if (dtype === 'F32') return { dtype, shape, data: bytesOf(values) }
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  return { dtype, shape, data: bytesOf(Uint16Array.from(bits, dtype === 'F16' ? floatToHalf : floatToBrain)) }
}

/** Bytes of a typed array, without copying. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** @param bits Of a 32-bit float. */
function floatToBrain(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}

/** @param bits Of a 32-bit float. */
function floatToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const exponent = (bits >>> 23) & 0xff
  const fraction = bits & 0x7fffff
  if (exponent === 255) return sign | 0x7c00 | (fraction ? 0x200 | (fraction >>> 13) : 0)
  // Of the 24 bits with the leading one, those below the smallest half are dropped.
  const small = Math.max(0, 113 - exponent)
  if (small > 11) return sign
  const dropped = 13 + small
  const whole = small > 0 ? 0x800000 | fraction : ((exponent - 112) << 23) | fraction
  const kept = whole >>> dropped
  const rest = whole & ((1 << dropped) - 1)
  const half = 1 << (dropped - 1)
  const rounded = kept + (rest > half || (rest === half && kept & 1) ? 1 : 0)
  return sign | Math.min(0x7c00, rounded)
}
