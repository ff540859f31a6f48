/** Rows of whole numbers, each with a factor that turns it back into floats. */
export interface QuantizedRows {
  /** One signed number per element; at 4 bits two per byte, the even element in the low half, each plus 8. */
  readonly values: Int8Array | Uint8Array
  readonly scales: Float32Array
  readonly bits: 4 | 8
}

/** Rounds each row to whole numbers of its own scale. A row of zeros keeps scale 0. */
export function quantizeRows(rows: Float32Array, dimensions: number, bits: 4 | 8): QuantizedRows {
  const count = rows.length / dimensions
  const limit = bits === 8 ? 127 : 7
  const whole = new Int8Array(rows.length)
  const scales = new Float32Array(count)
  for (let row = 0; row < count; row++) {
    const start = row * dimensions
    let largest = 0
    for (let i = start; i < start + dimensions; i++) largest = Math.max(largest, Math.abs(rows[i]!))
    scales[row] = largest / limit
    if (largest > 0) for (let i = start; i < start + dimensions; i++) whole[i] = Math.round((rows[i]! / largest) * limit)
  }
  if (bits === 8) return { values: whole, scales, bits }

  const packed = new Uint8Array(Math.ceil(rows.length / 2))
  for (let i = 0; i < whole.length; i++) packed[i >> 1]! |= (whole[i]! + 8) << (i & 1 ? 4 : 0)
  return { values: packed, scales, bits }
}

/** The floats that quantised rows stand for. */
export function dequantizeRows({ values, scales, bits }: QuantizedRows, dimensions: number): Float32Array {
  const rows = new Float32Array(scales.length * dimensions)
  for (let i = 0; i < rows.length; i++) {
    const whole = bits === 8 ? values[i]! : ((values[i >> 1]! >> (i & 1 ? 4 : 0)) & 15) - 8
    rows[i] = whole * scales[Math.floor(i / dimensions)]!
  }
  return rows
}
