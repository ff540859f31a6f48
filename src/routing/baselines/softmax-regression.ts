import type { Vector } from '../../vector.ts'
import { atOnce, type Turns } from '../turns.ts'

/** A labelled example of a problem with several classes. */
export interface SoftmaxExample {
  readonly vector: Vector
  /** Place of its class. */
  readonly label: number
  /** Relative importance, 0 or more. @default 1 */
  readonly weight?: number
}

export interface SoftmaxOptions {
  /** Inverse strength of the L2 penalty: higher fits the examples closer. @default 10 */
  readonly cost?: number
  /** Steps at most. @default 200 */
  readonly steps?: number
}

/** A linear decision among classes: log-odds of class c are `biases[c] + Σ weights[c × dimensions + i] × value[i]`. */
export interface SoftmaxModel {
  readonly dimensions: number
  readonly weights: Float64Array
  readonly biases: Float64Array
}

/**
 * Multinomial logistic regression: minimises `½ |weights|² + cost × Σ cross-entropy` by L-BFGS (Liu and Nocedal 1989). The objective is
 * convex and the start fixed, so equal examples give equal models. Some thousand examples of 256 dimensions take a second or two.
 * @param classes Every label is below this, and every class has an example.
 */
export function trainSoftmax(examples: readonly SoftmaxExample[], classes: number, options: SoftmaxOptions = {}): SoftmaxModel {
  return atOnce(trainingSoftmax(examples, classes, options))
}

/** The same in parts of some tens of milliseconds. */
export function* trainingSoftmax(examples: readonly SoftmaxExample[], classes: number, options: SoftmaxOptions = {}): Turns<SoftmaxModel> {
  const { cost = 10, steps = 200 } = options
  const dimensions = examples[0]?.vector.length ?? 0
  // Without what all vectors have in common the problem is far better conditioned; the biases take it up again.
  const mean = meanOf(examples, dimensions)
  const values = new Float64Array(examples.length * dimensions)
  examples.forEach(({ vector }, n) => {
    for (let i = 0; i < dimensions; i++) values[n * dimensions + i] = vector[i]! - mean[i]!
  })
  const problem = {
    values,
    dimensions,
    classes,
    cost,
    labels: examples.map(({ label }) => label),
    weights: examples.map(({ weight = 1 }) => weight),
  }
  const found = yield* minimise((point, gradient) => lossAt(problem, point, gradient), classes * (dimensions + 1), steps)

  const weights = found.slice(0, classes * dimensions)
  const biases = found.slice(classes * dimensions)
  for (let c = 0; c < classes; c++) for (let i = 0; i < dimensions; i++) biases[c]! -= weights[c * dimensions + i]! * mean[i]!
  return { dimensions, weights, biases }
}

/** Logarithms of the classes' probabilities. */
export function logProbabilities({ dimensions, weights, biases }: SoftmaxModel, vector: Vector): number[] {
  const logits = Array.from(biases, (bias, c) => {
    let sum = bias
    for (let i = 0; i < dimensions; i++) sum += weights[c * dimensions + i]! * vector[i]!
    return sum
  })
  const highest = Math.max(...logits)
  const total = highest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0))
  return logits.map((logit) => logit - total)
}

interface Problem {
  /** One example after another. */
  readonly values: Float64Array
  readonly dimensions: number
  readonly classes: number
  readonly cost: number
  readonly labels: readonly number[]
  readonly weights: readonly number[]
}

/** The objective at a point (weights, then biases), with its gradient. Biases are penalised a little: the optimum is then one point. */
function lossAt({ values, dimensions, classes, cost, labels, weights }: Problem, point: Float64Array, gradient: Float64Array): number {
  const biases = classes * dimensions
  let loss = 0
  for (let i = 0; i < point.length; i++) {
    const strength = i < biases ? 1 : 1e-3
    loss += 0.5 * strength * point[i]! * point[i]!
    gradient[i] = strength * point[i]!
  }
  const logits = new Float64Array(classes)
  for (let n = 0; n < labels.length; n++) {
    const start = n * dimensions
    for (let c = 0; c < classes; c++) logits[c] = point[biases + c]! + product(point, c * dimensions, values, start, dimensions)
    let highest = -Infinity
    for (let c = 0; c < classes; c++) highest = Math.max(highest, logits[c]!)
    let total = 0
    for (let c = 0; c < classes; c++) total += Math.exp(logits[c]! - highest)
    const logTotal = highest + Math.log(total)
    const importance = cost * weights[n]!
    loss += importance * (logTotal - logits[labels[n]!]!)
    for (let c = 0; c < classes; c++) {
      const pull = importance * (Math.exp(logits[c]! - logTotal) - (c === labels[n] ? 1 : 0))
      gradient[biases + c]! += pull
      const row = c * dimensions
      for (let i = 0; i < dimensions; i++) gradient[row + i]! += pull * values[start + i]!
    }
  }
  return loss
}

/** Four independent sums let the processor overlap the multiplications. */
function product(a: Float64Array, fromA: number, b: Float64Array, fromB: number, length: number): number {
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let i = 0
  for (; i + 3 < length; i += 4) {
    s0 += a[fromA + i]! * b[fromB + i]!
    s1 += a[fromA + i + 1]! * b[fromB + i + 1]!
    s2 += a[fromA + i + 2]! * b[fromB + i + 2]!
    s3 += a[fromA + i + 3]! * b[fromB + i + 3]!
  }
  for (; i < length; i++) s0 += a[fromA + i]! * b[fromB + i]!
  return s0 + s1 + s2 + s3
}

/** Steps that L-BFGS remembers. */
const memory = 10

/** The point where a convex function is least, from zeros on. */
function* minimise(
  lossAndGradient: (point: Float64Array, gradient: Float64Array) => number,
  size: number,
  steps: number,
): Turns<Float64Array> {
  let point: Float64Array = new Float64Array(size)
  let gradient: Float64Array = new Float64Array(size)
  let loss = lossAndGradient(point, gradient)
  const enough = 1e-4 * norm(gradient)
  const past: { readonly move: Float64Array; readonly change: Float64Array; readonly curvature: number }[] = []
  for (let step = 0; step < steps && norm(gradient) > enough; step++) {
    yield
    const direction = descent(gradient, past)
    const slope = inner(direction, gradient)
    const nextGradient = new Float64Array(size)
    let length = past.length === 0 ? Math.min(1, 1 / norm(gradient)) : 1
    let next = moved(point, direction, length)
    let nextLoss = lossAndGradient(next, nextGradient)
    // Halved until the loss falls as the slope promises (Armijo).
    while (!(nextLoss <= loss + 1e-4 * length * slope) && length > 1e-12) {
      length /= 2
      next = moved(point, direction, length)
      nextLoss = lossAndGradient(next, nextGradient)
    }
    if (!(nextLoss < loss)) break
    const move = next.map((value, i) => value - point[i]!)
    const change = nextGradient.map((value, i) => value - gradient[i]!)
    const curvature = inner(move, change)
    if (curvature > 0) past.push({ move, change, curvature })
    if (past.length > memory) past.shift()
    point = next
    loss = nextLoss
    gradient = nextGradient
  }
  return point
}

/** The gradient through an approximate inverse of the second derivatives, downwards. */
function descent(
  gradient: Float64Array,
  past: readonly { readonly move: Float64Array; readonly change: Float64Array; readonly curvature: number }[],
): Float64Array {
  const direction = gradient.map((value) => -value)
  const shares: number[] = []
  for (const { move, change, curvature } of past.toReversed()) {
    const share = inner(move, direction) / curvature
    shares.unshift(share)
    addTo(direction, change, -share)
  }
  const last = past.at(-1)
  if (last) {
    const scale = last.curvature / inner(last.change, last.change)
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale
  }
  past.forEach(({ move, change, curvature }, k) => addTo(direction, move, shares[k]! - inner(change, direction) / curvature))
  return direction
}

function moved(point: Float64Array, direction: Float64Array, length: number): Float64Array {
  return point.map((value, i) => value + length * direction[i]!)
}

function addTo(target: Float64Array, other: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i]! += factor * other[i]!
}

function inner(a: Float64Array, b: Float64Array): number {
  return product(a, 0, b, 0, a.length)
}

function norm(vector: Float64Array): number {
  return Math.sqrt(inner(vector, vector))
}

function meanOf(examples: readonly SoftmaxExample[], dimensions: number): Float64Array {
  const mean = new Float64Array(dimensions)
  for (const { vector } of examples) for (let i = 0; i < dimensions; i++) mean[i]! += vector[i]! / examples.length
  return mean
}
