import type { SparseFeatures } from './router.ts'

/** A labelled example of a two-class problem. */
export interface LogisticExample {
  readonly features: SparseFeatures
  readonly positive: boolean
  /** Relative importance, 0 or more. @default 1 */
  readonly weight?: number
}

export interface LogisticOptions {
  /** Inverse strength of the L2 penalty: higher fits the examples closer. @default 10 */
  readonly cost?: number
  /** Passes over the examples at most. @default 40 */
  readonly passes?: number
}

/** A linear decision: log-odds are `bias + Σ weights[index] × value`. */
export interface LinearModel {
  readonly weights: Float64Array
  readonly bias: number
}

/**
 * L2-regularised logistic regression by dual coordinate descent (Yu, Huang and Lin 2011): a few milliseconds for some
 * thousand sparse examples, and the same model on every run. Both classes weigh the same in sum, however many examples they have.
 * @param dimensions Every feature index is below this.
 */
export function trainLogistic(examples: readonly LogisticExample[], dimensions: number, options: LogisticOptions = {}): LinearModel {
  const { cost = 10, passes = 40 } = options
  const used = examples.filter((example) => (example.weight ?? 1) > 0)
  const total = { positive: 0, negative: 0 }
  for (const { positive, weight = 1 } of used) total[positive ? 'positive' : 'negative'] += weight
  // Weights average to 1 over all examples, so `cost` means the same for few and for many.
  const costs = used.map(({ positive, weight = 1 }) => (cost * weight * used.length) / (2 * total[positive ? 'positive' : 'negative']))
  const norms = used.map(({ features: { values } }) => values.reduce((sum, value) => sum + value * value, 1))
  const alphas = costs.map((c) => c * 1e-6)

  const weights = new Float64Array(dimensions)
  let bias = 0
  const add = (i: number, step: number): void => {
    const { indices, values } = used[i]!.features
    for (let j = 0; j < indices.length; j++) weights[indices[j]!]! += step * values[j]!
    bias += step
  }
  for (let i = 0; i < used.length; i++) add(i, used[i]!.positive ? alphas[i]! : -alphas[i]!)

  // A fixed scattered order: examples come grouped by class, and visiting them so converges badly.
  const order = scattered(used.length)
  for (let pass = 0; pass < passes; pass++) {
    let largest = 0
    for (const i of order) {
      const sign = used[i]!.positive ? 1 : -1
      const logit = sign * (bias + sparseDot(used[i]!.features, weights))
      const alpha = bestAlpha(norms[i]!, logit, alphas[i]!, costs[i]!)
      const step = alpha - alphas[i]!
      alphas[i] = alpha
      add(i, sign * step)
      largest = Math.max(largest, Math.abs(step) / costs[i]!)
    }
    if (largest < 1e-4) break
  }
  return { weights, bias }
}

export function sparseDot({ indices, values }: SparseFeatures, weights: { readonly [index: number]: number }): number {
  let sum = 0
  for (let j = 0; j < indices.length; j++) sum += weights[indices[j]!]! * values[j]!
  return sum
}

/** Minimises the dual objective over one variable in (0, cost), in the variable's log-odds, where the gradient is monotone. */
function bestAlpha(norm: number, logit: number, old: number, cost: number): number {
  const reach = norm * cost
  let low = -logit - reach
  let high = -logit + reach
  let t = Math.min(high, Math.max(low, Math.log(old / (cost - old))))
  for (let iteration = 0; iteration < 30; iteration++) {
    const share = 1 / (1 + Math.exp(-t))
    const gradient = norm * (cost * share - old) + logit + t
    if (gradient > 0) high = t
    else low = t
    let next = t - gradient / (1 + reach * share * (1 - share))
    if (!(next > low && next < high)) next = (low + high) / 2
    const moved = Math.abs(next - t)
    t = next
    if (moved < 1e-4) break
  }
  return Math.min(cost * (1 - 1e-12), Math.max(cost * 1e-12, cost / (1 + Math.exp(-t))))
}

/** Every index below `count` once, neighbours far apart. */
function scattered(count: number): number[] {
  let stride = Math.max(1, Math.round(count * 0.6180339887))
  while (greatestCommonDivisor(stride, count) !== 1) stride++
  return Array.from({ length: count }, (_, i) => (i * stride) % count)
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
