/** How values lie. */
export interface Spread {
  readonly median: number
  /** The quartiles: half of the values are between them. */
  readonly from: number
  readonly to: number
  readonly rounds: number
}

export function spread(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), from: quantile(values, 0.25), to: quantile(values, 0.75), rounds: values.length }
}

/** Between neighbours by distance. NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const [below, above] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN]
  return below + (above - below) * (at - Math.floor(at))
}
