import { usualStudentTemperature, type LossSettings } from './loss.ts'

/**
 * A loss as cross-entropies: `offset − Σ targets · log softmax(cosines / temperature)`, each softmax over the columns that its term does not
 * mask, at its own temperature. Contrastive learning, graded distillation and KL distillation are all of this form, so one gradient serves them.
 */
export interface LossTerms {
  readonly count: number
  /** For each term the batch's row it is about. */
  readonly rows: Uint32Array
  /** For each term what its cosines are divided by. */
  readonly temperatures: Float64Array
  /** count × columns; means over the batch and weights are in them. */
  readonly targets: Float32Array
  /** count × columns: 1 for documents that the term's softmax does not see. */
  readonly masked: Uint8Array
  /** What is added so that a perfect student's loss is 0 where the teacher's entropy is not. */
  readonly offset: number
}

/** What the terms are made of. */
export interface LossRows {
  readonly columns: number
  /** For each row the column of its answer. */
  readonly targets: readonly number[]
  /** rows × columns: 1 where a column is another answer of the row's query, and so no negative. */
  readonly masked: Uint8Array
  /** For each row the columns of its candidates with their rewards, where a teacher gave any. */
  readonly rewards: readonly (ColumnRewards | undefined)[]
  /** For each row how it learns. */
  readonly losses: readonly LossSettings[]
}

export interface ColumnRewards {
  readonly columns: readonly number[]
  readonly values: readonly number[]
}

interface Term {
  readonly row: number
  readonly temperature: number
  /** Columns and what −log softmax of each counts. */
  readonly targets: readonly (readonly [column: number, weight: number])[]
  readonly seen: (column: number) => boolean
}

/**
 * A row without rewards learns by contrast alone, whatever its weight.
 * @param temperature Of the contrastive loss.
 */
export function lossTerms({ columns, targets, masked, rewards, losses }: LossRows, temperature: number): LossTerms {
  const terms: Term[] = []
  const rows = targets.length
  let offset = 0
  targets.forEach((target, row) => {
    const { contrastive = 1, distillation } = losses[row]!
    const taught = rewards[row]
    const other = (column: number): boolean => masked[row * columns + column] === 0
    const share = taught && distillation ? contrastive : Math.max(contrastive, 1)
    if (share > 0) terms.push({ row, temperature, targets: [[target, share / rows]], seen: other })
    if (!taught || !distillation) return
    const { kind, weight = 1, studentTemperature = usualStudentTemperature } = distillation
    const about = { row, temperature: studentTemperature }
    if (weight === 0) return
    const shares = softmax(taught.values.map((value) => value / (distillation.temperature ?? 1)))
    if (kind === 'kl') {
      const own = new Set(taught.columns)
      terms.push({ ...about, targets: taught.columns.map((column, i) => [column, (weight * shares[i]!) / rows]), seen: (c) => own.has(c) })
      for (const p of shares) if (p > 0) offset += (weight * p * Math.log(p)) / rows
      return
    }
    const rewardOf = new Map(taught.columns.map((column, i) => [column, taught.values[i]!]))
    taught.columns.forEach((column, i) => {
      const reward = taught.values[i]!
      const seen = (c: number): boolean => c === column || (rewardOf.has(c) ? rewardOf.get(c)! < reward : other(c))
      terms.push({ ...about, targets: [[column, (weight * shares[i]!) / rows]], seen })
    })
  })
  const flat = { targets: new Float32Array(terms.length * columns), masked: new Uint8Array(terms.length * columns) }
  terms.forEach((term, t) => {
    for (const [column, weight] of term.targets) flat.targets[t * columns + column]! += weight
    for (let c = 0; c < columns; c++) if (!term.seen(c)) flat.masked[t * columns + c] = 1
  })
  const rowOf = Uint32Array.from(terms, ({ row }) => row)
  const temperatures = Float64Array.from(terms, (term) => term.temperature)
  return { count: terms.length, rows: rowOf, temperatures, ...flat, offset }
}

/** Replaces the cosines (rows × columns) by the loss's gradient with respect to them, and gives the loss in nats. */
export function lossOfTerms(cosines: Float32Array, columns: number, terms: LossTerms): number {
  const gradient = new Float32Array(cosines.length)
  const powers = new Float64Array(columns)
  let loss = terms.offset
  for (let t = 0; t < terms.count; t++) {
    const [from, at, temperature] = [terms.rows[t]! * columns, t * columns, terms.temperatures[t]!]
    let [sum, weight, wanted] = [0, 0, 0]
    for (let c = 0; c < columns; c++) {
      // Cosines are at most 1, so the fixed shift of 1 keeps the exponential from overflowing.
      const logit = (cosines[from + c]! - 1) / temperature
      powers[c] = terms.masked[at + c] ? 0 : Math.exp(logit)
      sum += powers[c]!
      weight += terms.targets[at + c]!
      wanted += terms.targets[at + c]! * logit
    }
    loss += weight * Math.log(sum) - wanted
    for (let c = 0; c < columns; c++) gradient[from + c]! += ((weight * powers[c]!) / sum - terms.targets[at + c]!) / temperature
  }
  cosines.set(gradient)
  return loss
}

/** Weights of a teacher: all at least 0, sum 1. */
export function softmax(values: readonly number[]): number[] {
  const most = Math.max(...values)
  const powers = values.map((value) => Math.exp(value - most))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}
