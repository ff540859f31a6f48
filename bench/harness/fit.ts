/** How one quantity grows with another. */
export interface Growth {
  /** Of the least-squares line: `value = base + slope · size`. */
  readonly base: number
  readonly slope: number
  /** Share of the values' variance that the line explains. */
  readonly r2: number
  /** Of the power law through the same points: 1 is linear, below grows more slowly. */
  readonly exponent: number
}

/** Fits a line, each point weighed by the inverse square of its value so that small sizes count as much as large ones, and a power law. */
export function growth(points: readonly { readonly size: number; readonly value: number }[]): Growth {
  const weighed = points.map(({ size, value }) => ({ x: size, y: value, weight: 1 / value ** 2 }))
  const { base, slope } = line(weighed)
  const mean = points.reduce((sum, { value }) => sum + value, 0) / points.length
  const residual = points.reduce((sum, { size, value }) => sum + (value - base - slope * size) ** 2, 0)
  const total = points.reduce((sum, { value }) => sum + (value - mean) ** 2, 0)
  const power = line(points.map(({ size, value }) => ({ x: Math.log(size), y: Math.log(value), weight: 1 })))
  return { base, slope, r2: 1 - residual / total, exponent: power.slope }
}

function line(points: readonly { x: number; y: number; weight: number }[]): { base: number; slope: number } {
  const sum = (of: (point: { x: number; y: number; weight: number }) => number): number =>
    points.reduce((total, point) => total + point.weight * of(point), 0)
  const [n, x, y, xx, xy] = [sum(() => 1), sum((p) => p.x), sum((p) => p.y), sum((p) => p.x * p.x), sum((p) => p.x * p.y)]
  const slope = (n * xy - x * y) / (n * xx - x * x)
  return { base: (y - slope * x) / n, slope }
}
