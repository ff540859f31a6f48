/** Adam's state and constants for a table whose rows are updated only when a batch touches them. */
export interface AdamState {
  readonly mean: Float32Array
  readonly square: Float32Array
}

export interface AdamOptions {
  readonly rate: number
  /** Number of this update, from 1: corrects the bias of the young averages. */
  readonly step: number
  /** @default 0.9 */
  readonly beta1?: number
  /** @default 0.99 */
  readonly beta2?: number
}

const epsilon = 1e-8

/** Moves the elements [start, end) of `values` against their gradient. Rows no batch touched are left as they are, averages included. */
export function adamUpdate(
  values: Float32Array,
  gradient: Float32Array,
  { mean, square }: AdamState,
  start: number,
  end: number,
  { rate, step, beta1 = 0.9, beta2 = 0.99 }: AdamOptions,
): void {
  const correction = Math.sqrt(1 - beta2 ** step)
  const size = (rate * correction) / (1 - beta1 ** step)
  const floor = epsilon * correction
  for (let i = start; i < end; i++) {
    const g = gradient[i]!
    const m = (mean[i] = beta1 * mean[i]! + (1 - beta1) * g)
    const s = (square[i] = beta2 * square[i]! + (1 - beta2) * g * g)
    values[i]! -= (size * m) / (Math.sqrt(s) + floor)
  }
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2) over all elements, in one pass.
 * @param scale The gradient is multiplied by it, as clipping wants.
 */
export function adamWUpdate(
  values: Float32Array,
  gradient: Float32Array,
  { mean, square }: AdamState,
  { rate, step, beta1 = 0.9, beta2 = 0.999, weightDecay, scale }: AdamOptions & { readonly weightDecay: number; readonly scale: number },
): void {
  const correction = Math.sqrt(1 - beta2 ** step)
  const size = (rate * correction) / (1 - beta1 ** step)
  const floor = epsilon * correction
  const kept = 1 - rate * weightDecay
  for (let i = 0; i < values.length; i++) {
    const g = scale * gradient[i]!
    const m = (mean[i] = beta1 * mean[i]! + (1 - beta1) * g)
    const s = (square[i] = beta2 * square[i]! + (1 - beta2) * g * g)
    values[i] = kept * values[i]! - (size * m) / (Math.sqrt(s) + floor)
  }
}

/** Learning rate at a step: linear warm-up over the first `warmUp` share of the steps, then linear decay to zero. */
export function warmUpThenDecay(step: number, steps: number, peak: number, warmUp = 0.03): number {
  const warm = Math.max(1, Math.round(steps * warmUp))
  if (step < warm) return (peak * (step + 1)) / warm
  return peak * Math.max(0, (steps - step) / Math.max(1, steps - warm))
}
