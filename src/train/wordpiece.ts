/** The part of a Hugging Face `tokenizer.json` this trainer writes. */
export interface TokenizerJson {
  readonly version: '1.0'
  readonly added_tokens: readonly object[]
  readonly normalizer: object
  readonly pre_tokenizer: object
  readonly decoder: object
  readonly model: {
    readonly type: 'WordPiece'
    readonly unk_token: string
    readonly continuing_subword_prefix: string
    readonly max_input_chars_per_word: number
    readonly vocab: Readonly<Record<string, number>>
  }
  readonly [key: string]: unknown
}

export interface WordPieceOptions {
  /** Tokens at most, specials included. @default 24000 */
  readonly size?: number
  /** Pairs and characters seen less often than this earn no token. @default 2 */
  readonly minimumFrequency?: number
}

const specials = ['[PAD]', '[UNK]']
const longestWord = 48
// Splits camelCase and snake_case, so that identifiers are made of words.
const boundary = '(?<=[a-z0-9])(?=[A-Z])|_'

/**
 * Learns a WordPiece vocabulary by merging the most frequent neighbouring pieces until the size is reached, and returns
 * it as a Hugging Face tokenizer: identifiers split, accents stripped, lower-cased, punctuation apart, no special tokens
 * added around a text. Equal texts give equal vocabularies.
 */
export function trainWordPiece(texts: Iterable<string>, { size = 24_000, minimumFrequency = 2 }: WordPieceOptions = {}): TokenizerJson {
  return tokenizerJson(learnVocabulary(countWords(texts), size, minimumFrequency))
}

/** The words of a text as the trained tokenizer's normaliser and pre-tokeniser see them. */
export function wordsOf(text: string): string[] {
  const normal = text.replace(new RegExp(boundary, 'gu'), ' ').normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
  return normal.match(/[^\s\p{P}$+<=>^`|~]+|[\p{P}$+<=>^`|~]/gu) ?? []
}

function countWords(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const text of texts) for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}

function learnVocabulary(words: ReadonlyMap<string, number>, size: number, minimumFrequency: number): string[] {
  const pieces: string[] = []
  const ids = new Map<string, number>()
  const pieceId = (piece: string): number => {
    let id = ids.get(piece)
    if (id === undefined) {
      id = pieces.push(piece) - 1
      ids.set(piece, id)
    }
    return id
  }

  const alphabet = frequentCharacters(words, minimumFrequency)
  const kept = [...words].filter(([word]) => word.length <= longestWord && [...word].every((character) => alphabet.has(character)))
  kept.sort(([a], [b]) => (a < b ? -1 : 1))
  const spelled = kept.map(([word]) => [...word].map((character, i) => pieceId(i === 0 ? character : `##${character}`)))
  const frequencies = kept.map(([, count]) => count)
  // Every character both opens and continues words, so no word of known characters is unknown as a whole.
  for (const character of [...alphabet].sort()) {
    pieceId(character)
    pieceId(`##${character}`)
  }

  const pairs = pairTable(spelled, frequencies)
  while (pieces.length + specials.length < size) {
    const best = pairs.takeBest()
    if (!best || best.count < minimumFrequency) break
    const { left, right } = best
    const merged = pieceId(pieces[left]! + pieces[right]!.slice(2))
    pairs.merge(left, right, merged)
  }
  return pieces
}

function frequentCharacters(words: ReadonlyMap<string, number>, minimum: number): Set<string> {
  const counts = new Map<string, number>()
  for (const [word, count] of words) for (const character of word) counts.set(character, (counts.get(character) ?? 0) + count)
  return new Set([...counts].filter(([, count]) => count >= Math.max(minimum, 5)).map(([character]) => character))
}

/** Counts neighbouring pieces over all words and keeps the counts right while pairs are merged. */
function pairTable(words: number[][], frequencies: readonly number[]) {
  const base = 2 ** 20
  const counts = new Map<number, number>()
  const places = new Map<number, Set<number>>()
  const heap: { count: number; key: number }[] = []

  const before = (a: { count: number; key: number }, b: { count: number; key: number }): boolean =>
    a.count > b.count || (a.count === b.count && a.key < b.key)
  const push = (key: number): void => {
    const entry = { count: counts.get(key)!, key }
    let i = heap.push(entry) - 1
    for (let parent = (i - 1) >> 1; i > 0 && before(entry, heap[parent]!); i = parent, parent = (i - 1) >> 1) heap[i] = heap[parent]!
    heap[i] = entry
  }
  const pop = (): { count: number; key: number } | undefined => {
    const top = heap[0]
    const last = heap.pop()
    if (!top || heap.length === 0) return top
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last!)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last!
    return top
  }
  const change = (key: number, by: number, word: number): void => {
    counts.set(key, (counts.get(key) ?? 0) + by)
    if (by <= 0) return
    const known = places.get(key)
    if (known) known.add(word)
    else places.set(key, new Set([word]))
  }

  words.forEach((word, w) => {
    for (let i = 0; i + 1 < word.length; i++) change(word[i]! * base + word[i + 1]!, frequencies[w]!, w)
  })
  for (const key of counts.keys()) push(key)

  return {
    takeBest(): { left: number; right: number; count: number } | undefined {
      for (let top = pop(); top; top = pop()) {
        // Entries are not removed from the heap when their count changes: an old one is recognised and dropped here.
        if (counts.get(top.key) === top.count && top.count > 0) {
          return { left: Math.floor(top.key / base), right: top.key % base, count: top.count }
        }
      }
      return undefined
    },
    merge(left: number, right: number, merged: number): void {
      const key = left * base + right
      const changed = new Set<number>()
      for (const w of places.get(key) ?? []) {
        const word = words[w]!
        const frequency = frequencies[w]!
        for (let i = 0; i + 1 < word.length; i++) {
          if (word[i] !== left || word[i + 1] !== right) continue
          const touch = (k: number, by: number): void => {
            change(k, by, w)
            changed.add(k)
          }
          if (i > 0) {
            touch(word[i - 1]! * base + left, -frequency)
            touch(word[i - 1]! * base + merged, frequency)
          }
          if (i + 2 < word.length) {
            touch(right * base + word[i + 2]!, -frequency)
            touch(merged * base + word[i + 2]!, frequency)
          }
          word.splice(i, 2, merged)
        }
      }
      counts.delete(key)
      places.delete(key)
      for (const k of changed) if ((counts.get(k) ?? 0) > 0) push(k)
    },
  }
}

function tokenizerJson(pieces: readonly string[]): TokenizerJson {
  const vocab: Record<string, number> = {}
  let next = 0
  for (const token of [...specials, ...pieces]) vocab[token] = next++
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Replace', pattern: { Regex: boundary }, content: ' ' },
        { type: 'NFD' },
        { type: 'StripAccents' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab },
  }
}
