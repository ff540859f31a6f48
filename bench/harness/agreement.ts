/** The least cosine between vectors of the same texts from two hands. */
export function leastCosine(some: readonly Float32Array[], others: readonly Float32Array[]): number {
  return Math.min(...some.map((vector, i) => cosine(vector, others[i]!)))
}

export function cosine(a: Float32Array, b: Float32Array): number {
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
