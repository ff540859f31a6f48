import { describe, expect, it } from 'vitest'
import { Tokenizer } from '@huggingface/tokenizers'
import { trainWordPiece, tokenizeWith } from '../../src/train/index.ts'
import { wordsOf } from '../../src/train/wordpiece.ts'

const texts = Array.from({ length: 20 }, () => 'Set getUserName and user_name; the naïve user sets names, sets users: set!')
const tokenizer = trainWordPiece(texts, { size: 120 })
const encode = (text: string): string[] => new Tokenizer(tokenizer as never, {} as never).encode(text).tokens

describe('trainWordPiece', () => {
  it('splits identifiers, strips accents and lower-cases', () => {
    expect(encode('getUserName')).toEqual(['get', 'user', 'name'])
    expect(encode('user_name')).toEqual(['user', 'name'])
    expect(encode('NAÏVE')).toEqual(['naive'])
  })

  it('sees the words it was trained on as the tokenizer sees them', () => {
    const text = texts[0]!

    expect(encode(text)).toEqual(wordsOf(text))
  })

  it('spells words it does not know from pieces', () => {
    expect(encode('usernames').join('').replaceAll('##', '')).toBe('usernames')
  })

  it('adds nothing around a text', () => {
    expect(encode('user')).toEqual(['user'])
    expect(encode('')).toEqual([])
  })

  it('drops what it cannot spell', () => {
    expect(encode('漢字')).toEqual(['[UNK]'])
    expect(tokenizeWith(tokenizer)('漢字')).toEqual([])
  })

  it('keeps to the size and gives every id once', () => {
    const small = trainWordPiece(texts, { size: 60 })
    const ids = Object.values(small.model.vocab)

    expect(ids.length).toBeLessThanOrEqual(60)
    expect([...ids].sort((a, b) => a - b)).toEqual(ids.map((_, i) => i))
  })

  it('learns the same vocabulary from the same texts in another order', () => {
    const other = ['one more text', ...texts]

    expect(trainWordPiece(other)).toEqual(trainWordPiece([...other].reverse()))
  })
})
