import type { TextTokenizer } from './tokenizer.ts'

/** What an encoder sees of a text. */
export interface Reading {
  /** At most as many as were asked for. */
  readonly ids: Uint32Array
  /** More than `ids.length` exactly when the text was cut; then estimated from the density of the part that was read. */
  readonly tokens: number
}

/** Texts this long are tokenised piece by piece, so that a megabyte costs no more than what is read of it. */
export const pieceLength = 8_192
/** A text is given up after this many characters per token wanted: nearly all of it is unknown. */
const charactersPerToken = 64

/**
 * The first `limit` tokens of a text, without special tokens.
 * @param dropped Left out and not counted, as Model2Vec does with the unknown token.
 */
export function readTokens(tokenizer: Pick<TextTokenizer, 'tokenize'>, text: string, limit: number, dropped?: number): Reading {
  const ids: number[] = []
  const end = Math.min(text.length, Math.max(pieceLength, limit * charactersPerToken))
  let start = 0
  while (start < end && ids.length <= limit) {
    const cut = pieceEnd(text, start)
    for (const id of tokenizer.tokenize(text.slice(start, cut))) {
      if (id !== dropped) ids.push(id)
    }
    start = cut
  }
  const kept = Uint32Array.from(ids.slice(0, limit))
  if (start >= text.length) return { ids: kept, tokens: ids.length }
  return { ids: kept, tokens: Math.max(Math.round((ids.length * text.length) / start), kept.length + 1) }
}

/** Before white space, which no tokenizer joins across; in a text without any, anywhere but inside a character. */
function pieceEnd(text: string, start: number): number {
  const end = start + pieceLength
  if (end >= text.length) return text.length
  for (let at = end; at > end - 512; at--) {
    if (/\s/.test(text[at]!)) return at
  }
  const unit = text.charCodeAt(end)
  return unit >= 0xdc00 && unit < 0xe000 ? end - 1 : end
}
