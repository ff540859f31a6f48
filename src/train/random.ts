/** A seeded stream of numbers: equal seeds give equal streams on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform integer in [0, limit). */
  below(limit: number): number
  /** Standard normal. */
  normal(): number
}

/** Starts a stream. Several numbers make one seed, so `(seed, step, block)` names a stream without storing any state. */
export function random(...seeds: readonly number[]): Random {
  let state = 0x9e3779b9
  for (const seed of seeds) state = mix((state ^ seed) + 0x9e3779b9)

  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return {
    next,
    below: (limit) => Math.floor(next() * limit),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  }
}

/** A copy in random order. */
export function shuffled<T>(items: readonly T[], generator: Random): T[] {
  const copy = [...items]
  for (let i = copy.length - 1; i > 0; i--) {
    const j = generator.below(i + 1)
    const item = copy[i]!
    copy[i] = copy[j]!
    copy[j] = item
  }
  return copy
}

/** `count` different integers below `limit` (all of them when there are no more), in random order. */
export function sampleBelow(limit: number, count: number, generator: Random): number[] {
  if (count * 2 >= limit)
    return shuffled(
      Array.from({ length: limit }, (_, i) => i),
      generator,
    ).slice(0, count)
  const chosen = new Set<number>()
  while (chosen.size < count) chosen.add(generator.below(limit))
  return [...chosen]
}

/** A 32-bit hash of a string, for orders that must not depend on anything but the string and the seed. */
export function hashString(text: string, seed: number): number {
  let hash = mix(seed ^ 0x811c9dc5)
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix(hash) >>> 0
}

function mix(value: number): number {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
