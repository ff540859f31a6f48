import { usualStudentTemperature, type LossSettings } from './loss.ts'

/** A batch, as its loss sees it: a row for each query, a column for each document. */
export interface LossRows {
  readonly columns: number
  /** For each row the column of its answer. */
  readonly targets: readonly number[]
  /** rows × columns: 1 where a column is another answer of the row's query, and so no negative. */
  readonly masked: Uint8Array
  /** For each row the columns of its candidates with their rewards, where a teacher gave any. */
  readonly rewards: readonly (ColumnRewards | undefined)[]
  /** For each row how it learns. One without rewards learns by contrast alone, whatever its weight. */
  readonly losses: readonly LossSettings[]
}

export interface ColumnRewards {
  readonly columns: readonly number[]
  readonly values: readonly number[]
}

/** One row: its cosines, what its loss's gradient is added to, and which documents are neither answers nor candidates. */
interface Row {
  readonly cosines: Float32Array
  readonly gradient: Float64Array
  readonly seen: (column: number) => boolean
}

/**
 * The mean over the rows of their losses, in nats. Replaces the cosines (rows × columns) by the gradient with respect to them.
 * @param temperature Of the contrastive loss.
 */
export function lossOfRows(cosines: Float32Array, { columns, targets, masked, rewards, losses }: LossRows, temperature: number): number {
  const rows = targets.length
  const gradient = new Float64Array(columns)
  let loss = 0
  targets.forEach((target, at) => {
    const { contrastive = 1, distillation } = losses[at]!
    const taught = distillation && rewards[at]
    const own = cosines.subarray(at * columns, (at + 1) * columns)
    const row: Row = { cosines: own, gradient: gradient.fill(0), seen: (column) => masked[at * columns + column] === 0 }
    const share = taught ? contrastive : Math.max(contrastive, 1)
    if (share > 0) loss += contrast(row, target, temperature, share / rows)
    if (taught) {
      const { kind, weight = 1, temperature: teacher = 1, studentTemperature = usualStudentTemperature } = distillation
      const shares = softmax(taught.values.map((value) => value / teacher))
      const distil = kind === 'kl' ? divergence : gradedDistillation
      if (weight > 0) loss += distil(row, taught, shares, studentTemperature, weight / rows)
    }
    own.set(gradient)
  })
  return loss
}

/** −log softmax(cosines / temperature) of the answer, among all documents but other answers. */
function contrast({ cosines, gradient, seen }: Row, target: number, temperature: number, weight: number): number {
  let sum = 0
  for (let c = 0; c < cosines.length; c++) if (seen(c)) sum += power(cosines[c]!, temperature)
  for (let c = 0; c < cosines.length; c++) if (seen(c)) gradient[c]! += (weight / temperature) * (power(cosines[c]!, temperature) / sum)
  gradient[target]! -= weight / temperature
  return weight * (Math.log(sum) - (cosines[target]! - 1) / temperature)
}

/** KL(teacher ‖ softmax(cosines / temperature)) over the candidates alone. */
function divergence(
  { cosines, gradient }: Row,
  { columns }: ColumnRewards,
  shares: readonly number[],
  temperature: number,
  weight: number,
): number {
  const powers = columns.map((column) => power(cosines[column]!, temperature))
  const sum = powers.reduce((total, each) => total + each, 0)
  let loss = 0
  columns.forEach((column, i) => {
    const share = shares[i]!
    if (share > 0) loss += share * (Math.log(share) - Math.log(powers[i]! / sum))
    gradient[column]! += (weight / temperature) * (powers[i]! / sum - share)
  })
  return weight * loss
}

/**
 * Σ wᵢ · −log softmax of candidate i among candidates of lower reward and documents that are nobody's answer here. Candidates are gone through from
 * the worst to the best, so that each sum is the one before and a little more: a row takes as long as its columns, not as its columns times its candidates.
 */
function gradedDistillation(
  { cosines, gradient, seen }: Row,
  { columns, values }: ColumnRewards,
  shares: readonly number[],
  temperature: number,
  weight: number,
): number {
  const own = new Set(columns)
  const others: number[] = []
  let worse = 0
  for (let c = 0; c < cosines.length; c++) {
    if (own.has(c) || !seen(c)) continue
    others.push(c)
    worse += power(cosines[c]!, temperature)
  }
  const order = [...columns.keys()].sort((a, b) => values[a]! - values[b]!)
  const powers = columns.map((column) => power(cosines[column]!, temperature))
  /** For each candidate its weight over the sum of its softmax. */
  const pulls = new Float64Array(columns.length)
  let loss = 0
  for (let from = 0, to = 0; from < order.length; from = to) {
    // Equals are not set against each other.
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++
    for (const i of order.slice(from, to)) {
      const sum = worse + powers[i]!
      pulls[i] = shares[i]! / sum
      loss += shares[i]! * (Math.log(sum) - (cosines[columns[i]!]! - 1) / temperature)
    }
    for (const i of order.slice(from, to)) worse += powers[i]!
  }
  // From the best to the worst: how much those that are better push down.
  const scale = weight / temperature
  let better = 0
  for (let to = order.length, from = to; to > 0; to = from) {
    while (from > 0 && values[order[from - 1]!] === values[order[to - 1]!]) from--
    for (const i of order.slice(from, to)) gradient[columns[i]!]! += scale * (powers[i]! * (better + pulls[i]!) - shares[i]!)
    for (const i of order.slice(from, to)) better += pulls[i]!
  }
  for (const c of others) gradient[c]! += scale * power(cosines[c]!, temperature) * better
  return weight * loss
}

/** Cosines are at most 1, so the fixed shift of 1 keeps the exponential from overflowing. */
function power(cosine: number, temperature: number): number {
  return Math.exp((cosine - 1) / temperature)
}

/** Weights of a teacher: all at least 0, sum 1. */
function softmax(values: readonly number[]): number[] {
  const most = Math.max(...values)
  const powers = values.map((value) => Math.exp(value - most))
  const sum = powers.reduce((total, each) => total + each, 0)
  return powers.map((each) => each / sum)
}
