/**
 * The unit vector of a text under a static model: the sum of its tokens' rows (the mean's direction), divided by its
 * length. Writes it at `out[offset…]` and returns the length of the sum, 0 for no tokens.
 */
export function poolTokens(
  table: Float32Array,
  dimensions: number,
  tokens: ArrayLike<number>,
  start: number,
  end: number,
  out: Float32Array,
  offset: number,
): number {
  out.fill(0, offset, offset + dimensions)
  let t = start
  // Four rows at a time: the running sum is loaded and stored a quarter as often.
  for (; t + 3 < end; t += 4) {
    const r0 = tokens[t]! * dimensions
    const r1 = tokens[t + 1]! * dimensions
    const r2 = tokens[t + 2]! * dimensions
    const r3 = tokens[t + 3]! * dimensions
    for (let d = 0; d < dimensions; d++) out[offset + d]! += table[r0 + d]! + table[r1 + d]! + (table[r2 + d]! + table[r3 + d]!)
  }
  for (; t < end; t++) {
    const row = tokens[t]! * dimensions
    for (let d = 0; d < dimensions; d++) out[offset + d]! += table[row + d]!
  }

  let square = 0
  for (let d = offset; d < offset + dimensions; d++) square += out[d]! * out[d]!
  const length = Math.sqrt(square)
  if (length > 0) for (let d = offset; d < offset + dimensions; d++) out[d]! /= length
  return length
}

/**
 * The reverse of `poolTokens`: turns the gradient with respect to the unit vector into one with respect to each token's
 * row and adds it to `gradient`, marking those rows in `touched`.
 * @param units Unit vectors; this text's begins at `offset`, as its gradient does in `upstream`.
 * @param work Room for one vector, overwritten.
 */
export function unpoolTokens(
  gradient: Float32Array,
  touched: Uint8Array,
  dimensions: number,
  tokens: ArrayLike<number>,
  start: number,
  end: number,
  units: Float32Array,
  length: number,
  upstream: Float32Array,
  offset: number,
  work: Float32Array,
): void {
  if (length === 0) return
  let along = 0
  for (let d = 0; d < dimensions; d++) along += upstream[offset + d]! * units[offset + d]!
  for (let d = 0; d < dimensions; d++) work[d] = (upstream[offset + d]! - along * units[offset + d]!) / length
  for (let t = start; t < end; t++) {
    const token = tokens[t]!
    const row = token * dimensions
    touched[token] = 1
    for (let d = 0; d < dimensions; d++) gradient[row + d]! += work[d]!
  }
}
