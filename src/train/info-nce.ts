/** What `infoNce` needs to know beside the cosines. */
export interface InfoNceOptions {
  readonly rows: number
  readonly columns: number
  /** For each row the column that is its answer. */
  readonly targets: ArrayLike<number>
  /** 1 where a column also answers the row, so it is no negative. Targets themselves stay 0. */
  readonly masked: Uint8Array
  readonly temperature: number
  /** Also asks each target column for its row. @default false */
  readonly symmetric?: boolean
}

/**
 * Contrastive cross-entropy over cosines (rows are queries, columns documents), averaged over rows, and over both
 * directions when symmetric. Replaces `cosines` by the gradient with respect to them and returns the loss in nats.
 */
export function infoNce(cosines: Float32Array, options: InfoNceOptions): number {
  const { rows, columns, targets, masked, temperature, symmetric = false } = options
  const rowSums = new Float64Array(rows)
  const columnSums = new Float64Array(columns)
  let loss = 0

  const atTarget = new Float64Array(rows)
  for (let i = 0; i < rows; i++) {
    atTarget[i] = cosines[i * columns + targets[i]!]!
    let sum = 0
    for (let j = 0, at = i * columns; j < columns; j++, at++) {
      // Cosines are at most 1, so the fixed shift of 1 keeps the exponential from overflowing.
      const value = masked[at] ? 0 : Math.exp((cosines[at]! - 1) / temperature)
      cosines[at] = value
      sum += value
      columnSums[j]! += value
    }
    rowSums[i] = sum
  }

  const share = symmetric ? 0.5 : 1
  const scale = share / (rows * temperature)
  const isTarget = new Uint8Array(columns)
  for (let i = 0; i < rows; i++) isTarget[targets[i]!] = 1
  const columnScales = Float64Array.from(columnSums, (sum, j) => (symmetric && isTarget[j] ? scale / sum : 0))
  for (let i = 0; i < rows; i++) {
    const rowScale = scale / rowSums[i]!
    for (let j = 0, at = i * columns; j < columns; j++, at++) cosines[at]! *= rowScale + columnScales[j]!
    const target = targets[i]!
    cosines[i * columns + target]! -= (symmetric ? 2 : 1) * scale
    const logit = (atTarget[i]! - 1) / temperature
    loss += (share * (Math.log(rowSums[i]!) - logit)) / rows
    if (symmetric) loss += (share * (Math.log(columnSums[target]!) - logit)) / rows
  }
  return loss
}
