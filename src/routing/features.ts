import type { SparseFeatures } from './router.ts'
import { isAscii, readAtMost, wordsOf } from './words.ts'

/** Feature indices are below this. */
export const featureDimensions = 1 << 18

/** Pairs of words count less than words, and words that only hold a sentence together less than those it is about. */
const pairWeight = 0.8
const functionWordWeight = 0.4

/** The features of a text as they are found, in memory that is used again: valid until the next text is read. */
export interface TextReading {
  /** How many different features there are. */
  readonly size: number
  readonly indices: Uint32Array
  /** Damped counts (1 + ln n). */
  readonly values: Float32Array
  /** 1 for words the text is about, 0 for pairs and function words. */
  readonly topics: Uint8Array
}

/** Reads a text without making an object a feature. */
export function readText(text: string): TextReading {
  const words = wordsOf(text)
  begin(2 * words.length)
  let previous = boundary
  let previousWeight = 1
  for (const { hash, functional } of words) {
    const weight = functional ? functionWordWeight : 1
    const at = count(hash, weight)
    if (!functional) reading.topics[at] = 1
    count(Math.imul(previous, 31) ^ hash, pairWeight * Math.min(weight, previousWeight))
    previous = hash
    previousWeight = weight
  }
  for (let i = 0; i < reading.size; i++) reading.values[i] = damped(amounts[i]!)
  return reading
}

/**
 * Hashed word stems and pairs of a text with their damped counts (1 + ln n). Case and compatibility forms are folded,
 * every number is the same number, runs of symbols are words. No word can be read back. An empty text has none.
 */
export function textFeatures(text: string): SparseFeatures {
  const { size, indices: found, values } = readText(text)
  const indices = found.slice(0, size).sort()
  return { indices, values: Float32Array.from(indices, (index) => values[places[index]! - 1]!) }
}

/** Feature indices of the words a text is about, each once: no pairs, no function words. */
export function topicWords(text: string): Set<number> {
  const { size, indices, topics } = readText(text)
  return new Set(indices.subarray(0, size).filter((_, i) => topics[i] === 1))
}

const reading = { size: 0, indices: new Uint32Array(256), values: new Float32Array(256), topics: new Uint8Array(256) }
let amounts = new Float64Array(256)
/** Where each feature of the text is, plus one; 0 for those it does not have. */
const places = new Int32Array(featureDimensions)

/** Forgets the last text and makes room for so many features. */
function begin(most: number): void {
  for (let i = 0; i < reading.size; i++) places[reading.indices[i]!] = 0
  reading.size = 0
  if (most <= amounts.length) return
  reading.indices = new Uint32Array(most)
  reading.values = new Float32Array(most)
  reading.topics = new Uint8Array(most)
  amounts = new Float64Array(most)
}

/** Adds to a feature's count and returns where it is. */
function count(hash: number, amount: number): number {
  const index = (mix(hash) >>> 0) & (featureDimensions - 1)
  const known = places[index]! - 1
  if (known >= 0) {
    amounts[known]! += amount
    return known
  }
  const at = reading.size++
  places[index] = at + 1
  reading.indices[at] = index
  reading.topics[at] = 0
  amounts[at] = amount
  return at
}

/** The parts of a text that may be questions of their own: two words or more, between punctuation or conjunctions. None when there is but one, the first eight when there are more. */
export function clausesOf(text: string): string[] {
  const start = text.slice(0, readAtMost)
  if (!boundaries.test(start)) return []
  const clauses = start.split(boundaries).filter((clause) => /\S\s+\S/.test(clause))
  return clauses.length > 1 ? clauses.slice(0, 8) : []
}

const boundaries = /[.?!;,]\s+|\s+(?:and|or|then|also|plus|but)\s+/i

/** Share of a text's letters that are Latin, in [0, 1]; `undefined` when it has no letters. */
export function latinShare(text: string): number | undefined {
  const start = text.slice(0, readAtMost)
  if (isAscii(start)) return /[a-z]/i.test(start) ? 1 : undefined
  const letters = start.match(/\p{L}/gu)?.length ?? 0
  if (letters === 0) return undefined
  return (start.match(/\p{Script=Latin}/gu)?.length ?? 0) / letters
}

const boundary = 0x9e3779b9 | 0

function damped(count: number): number {
  return count < 1 ? count : 1 + Math.log(count)
}

/** Spreads every input bit over the low bits that become the index (murmur3's finaliser). */
function mix(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
