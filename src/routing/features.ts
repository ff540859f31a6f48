import type { SparseFeatures } from './router.ts'

/** Feature indices are below this. */
export const featureDimensions = 1 << 18

/** Text beyond this many UTF-16 units does not change the features: routing must stay cheap for pasted documents. */
const readAtMost = 4096

const tokens = /[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}]+/gu

/** What ends and joins sentences. Data sets differ in it, people hardly do: it counts half, and pairs look past it. */
const sentencePunctuation = /^[?.!,;:'"()’‘“”…]+$/

/** Pairs count half as much as words (on held-out queries: as accurate as whole, and 1 point better on text without punctuation). */
const half = 0.5

/**
 * Hashed words and word pairs of a text with their damped counts (1 + ln n). Case and compatibility forms are folded,
 * every number is the same number, runs of punctuation are words. No word can be read back. An empty text has none.
 */
export function textFeatures(text: string): SparseFeatures {
  const counts = new Map<number, number>()
  const count = (hash: number, amount: number): void => {
    const index = (mix(hash) >>> 0) & (featureDimensions - 1)
    counts.set(index, (counts.get(index) ?? 0) + amount)
  }
  let previous = boundary
  for (const token of text.slice(0, readAtMost).normalize('NFKC').toLowerCase().match(tokens) ?? []) {
    if (sentencePunctuation.test(token)) {
      count(hashOf(token), half)
      continue
    }
    const hash = startsWithDigit.test(token) ? numberWord : hashOf(token)
    count(hash, 1)
    count(Math.imul(previous, 31) ^ hash, half)
    previous = hash
  }
  if (previous !== boundary) count(Math.imul(previous, 31) ^ boundary, half)

  const indices = Uint32Array.from(counts.keys()).sort()
  return { indices, values: Float32Array.from(indices, (index) => damped(counts.get(index)!)) }
}

/** The parts of a text that may be questions of their own: two words or more, between punctuation or conjunctions. None when there is but one, the first eight when there are more. */
export function clausesOf(text: string): string[] {
  const clauses = text
    .slice(0, readAtMost)
    .split(boundaries)
    .filter((clause) => /\S\s+\S/.test(clause))
  return clauses.length > 1 ? clauses.slice(0, 8) : []
}

const boundaries = /[.?!;,]\s+|\s+(?:and|or|then|also|plus|but)\s+/i

/** Share of a text's letters that are Latin, in [0, 1]; `undefined` when it has no letters. */
export function latinShare(text: string): number | undefined {
  const start = text.slice(0, readAtMost)
  const letters = start.match(/\p{L}/gu)?.length ?? 0
  if (letters === 0) return undefined
  return (start.match(/\p{Script=Latin}/gu)?.length ?? 0) / letters
}

const boundary = 0x9e3779b9 | 0
const numberWord = hashOf('0')

const startsWithDigit = /^\p{N}/u

function damped(count: number): number {
  return count < 1 ? count : 1 + Math.log(count)
}

/** FNV-1a over UTF-16 units. */
function hashOf(token: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < token.length; i++) hash = Math.imul(hash ^ token.charCodeAt(i), 0x01000193)
  return hash
}

/** Spreads every input bit over the low bits that become the index (murmur3's finaliser). */
function mix(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
