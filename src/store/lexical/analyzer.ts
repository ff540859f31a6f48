import { createRequire } from 'node:module'
import type { Analyzer } from './lexical.ts'

/** Changes whenever the terms of any text do: postings of another version are rebuilt. */
export const analyzerVersion = 1

/**
 * English first, other scripts searchable: NFKC, lower case, Latin accents folded, `camelCase` and `snake_case` split,
 * stop words out, Snowball stems; scripts written without spaces become single characters and pairs of neighbours.
 */
export function englishAnalyzer(): Analyzer {
  const stem = cachedStemmer()

  const addWord = (word: string, terms: string[]): void => {
    let term = word.toLowerCase()
    if (nonAscii.test(term)) term = foldLatin(term)
    if (stopWords.has(term)) return
    if (term.length > longest) term = term.slice(0, longest)
    terms.push(stem(term))
  }

  return (text) => {
    const terms: string[] = []
    for (const [run] of text.normalize('NFKC').matchAll(runs)) {
      if (unspaced.test(run)) addPairs(run, terms)
      else if (innerBoundary.test(run)) for (const part of run.split(boundaries)) part && addWord(part, terms)
      else addWord(run, terms)
    }
    return terms
  }
}

/** Lucene's English list: words too common to tell documents apart. */
const stopWords = new Set(
  ('a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with').split(' '),
)

/** Longer "words" are encoded data; their beginning tells them apart. */
const longest = 64
const unspacedScripts = '\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Hang}\\p{sc=Thai}\\p{sc=Laoo}\\p{sc=Khmr}\\p{sc=Mymr}'
/** Letters, digits and marks, either of unspaced scripts or of others. */
const runs = new RegExp(`(?:(?=[\\p{L}\\p{N}\\p{M}])[${unspacedScripts}])+|(?:(?![${unspacedScripts}])[\\p{L}\\p{N}\\p{M}])+`, 'gu')
const unspaced = new RegExp(`^[${unspacedScripts}]`, 'u')
const innerBoundary = /\p{Ll}\p{Lu}|\p{Lu}{2}\p{Ll}/u
const boundaries = /(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u
// eslint-disable-next-line no-control-regex
const nonAscii = /[^\0-\x7f]/

function addPairs(run: string, terms: string[]): void {
  const characters = [...run]
  for (let i = 0; i < characters.length; i++) {
    terms.push(characters[i]!)
    if (i > 0) terms.push(characters[i - 1]! + characters[i]!)
  }
}

function foldLatin(word: string): string {
  // Only the combining accents of Latin, Greek and Cyrillic: other scripts' marks change the word.
  return word.normalize('NFD').replace(/[\u0300-\u036f]/g, '').normalize('NFC')
}

function cachedStemmer(): (word: string) => string {
  const cache = new Map<string, string>()
  return (word) => {
    let stemmed = cache.get(word)
    if (stemmed === undefined) {
      stemmed = /^[a-z]{3,}$/.test(word) ? snowball().stem(word) : word
      // Words repeat by Zipf's law; starting over now and then keeps the cache small.
      if (cache.size >= 50_000) cache.clear()
      cache.set(word, stemmed)
    }
    return stemmed
  }
}

let english: { stem(word: string): string } | undefined

function snowball(): { stem(word: string): string } {
  // 24 ms to load, so not before the first word.
  english ??= (createRequire(import.meta.url)('snowball-stemmers') as typeof import('snowball-stemmers')).newStemmer('english')
  return english
}
