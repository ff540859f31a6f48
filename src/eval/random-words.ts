/** Uniform 32-bit words, the same for the same seed (Marsaglia's xorshift128). */
export function seededWords(seed: number): () => number {
  let x = 123_456_789 ^ seed
  let y = 362_436_069
  let z = 521_288_629
  let w = 88_675_123 ^ Math.imul(seed, 0x9e3779b1)
  const next = (): number => {
    const t = x ^ (x << 11)
    x = y
    y = z
    z = w
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8)
    return w >>> 0
  }
  // The first words of like seeds are alike.
  for (let i = 0; i < 20; i++) next()
  return next
}
