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

/**
 * Reads a safetensors file (8-byte header length, JSON header, tensor bytes).
 * @param path Named in errors only.
 * @throws InvalidModelError when the header or a tensor's extent does not add up.
 */
export function readSafetensors(bytes: Uint8Array, path: string): { tensors: Map<string, Tensor>; metadata: Record<string, string> } {
  if (bytes.length < 8) throw new InvalidModelError(path, 'is too short to be a safetensors file')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const headerLength = Number(view.getBigUint64(0, true))
  if (headerLength > bytes.length - 8) throw new InvalidModelError(path, 'is cut off or not a safetensors file')

  let header: Record<string, { dtype: DType; shape: number[]; data_offsets: [number, number] }>
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength)))
  } catch (error) {
    throw new InvalidModelError(path, 'has a header that is not JSON', error)
  }
  const { __metadata__: metadata = {}, ...entries } = header as typeof header & { __metadata__?: Record<string, string> }
  const body = bytes.subarray(8 + headerLength)
  const tensors = new Map<string, Tensor>()
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets: [start, end] = [0, -1] } = entry
    const size = shape?.reduce((product, side) => product * side, 1) * (widths[dtype] ?? Number.NaN)
    if (!(end - start === size && start >= 0 && end <= body.length)) {
      throw new InvalidModelError(path, `has a tensor "${name}" whose bytes do not fit its shape`)
    }
    tensors.set(name, { dtype, shape, data: body.subarray(start, end) })
  }
  return { tensors, metadata }
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
