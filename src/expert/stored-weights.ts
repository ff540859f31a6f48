import { InvalidPackError } from '../errors.ts'
import { toFloat32, type Tensor } from '../safetensors.ts'

/** Sparse changes to a static base's query-side token table, as a table expert's file holds them. */
export interface TableWeights {
  /** Ascending token ids. */
  readonly rows: Uint32Array
  /** rows.length × dimensions, row-major. */
  readonly deltas: Float32Array
}

/**
 * Reads `table.safetensors`: `rows` U32 [n], `scales` F32 [n], and `deltas` either I8 [n, dimensions] or U8
 * [n, dimensions / 2] with two 4-bit values a byte, low half first, offset by 8.
 * @throws InvalidPackError
 */
export function tableWeights(
  tensors: ReadonlyMap<string, Tensor>,
  dimensions: number,
  vocabularySize: number,
  where: string,
): TableWeights {
  const rows = tensors.get('rows')
  const scales = tensors.get('scales')
  const deltas = tensors.get('deltas')
  if (!rows || !scales || !deltas) throw new InvalidPackError(where, 'lacks one of the tensors rows, scales and deltas')
  const ids = new Uint32Array(new Uint8Array(rows.data).buffer)
  const scale = toFloat32(scales, where)
  const count = ids.length
  const packed = deltas.dtype === 'U8'
  const width = packed ? dimensions / 2 : dimensions
  if (scale.length !== count || deltas.data.length !== count * width) {
    throw new InvalidPackError(where, `does not fit a base of ${dimensions} dimensions`)
  }
  const ascending = ids.every((id, i) => i === 0 || id > ids[i - 1]!)
  if (!ascending || (count > 0 && ids[count - 1]! >= vocabularySize)) {
    throw new InvalidPackError(where, `names tokens that a base of ${vocabularySize} tokens does not have`)
  }

  const values = new Float32Array(count * dimensions)
  const bytes = deltas.data
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < dimensions; i++) {
      const at = row * width + (packed ? i >> 1 : i)
      const level = packed ? ((bytes[at]! >> (i & 1 ? 4 : 0)) & 15) - 8 : (bytes[at]! << 24) >> 24
      values[row * dimensions + i] = level * scale[row]!
    }
  }
  return { rows: ids, deltas: values }
}

/** Reads `adapter.safetensors`: `down` F32 [rank, dimensions] and `up` F32 [dimensions, rank]. @throws InvalidPackError */
export function adapterWeights(
  tensors: ReadonlyMap<string, Tensor>,
  dimensions: number,
  where: string,
): { down: Float32Array; up: Float32Array; rank: number } {
  const down = tensors.get('down')
  const up = tensors.get('up')
  const rank = down?.shape[0] ?? 0
  if (!down || !up || down.shape[1] !== dimensions || up.shape[0] !== dimensions || up.shape[1] !== rank) {
    throw new InvalidPackError(where, `does not fit a base of ${dimensions} dimensions`)
  }
  return { down: toFloat32(down, where), up: toFloat32(up, where), rank }
}
