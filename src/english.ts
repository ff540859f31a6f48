import { createRequire } from 'node:module'
import type * as Snowball from 'snowball-stemmers'

let english: ReturnType<typeof Snowball.newStemmer> | undefined
// Words repeat by Zipf's law; starting over now and then keeps the memory small.
let stems = new Map<string, string>()

/** The Snowball stem of a lower-case English word; words with other letters, and those of one or two, stay as they are. */
export function stem(word: string): string {
  const known = stems.get(word)
  if (known !== undefined) return known
  if (!/^[a-z]{3,}$/.test(word)) return word
  // 24 ms to load, so not before the first word.
  english ??= (createRequire(import.meta.url)('snowball-stemmers') as typeof Snowball).newStemmer('english')
  if (stems.size >= 50_000) stems = new Map()
  const found = english.stem(word)
  stems.set(word, found)
  return found
}
