import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { describe, expect, it } from 'vitest'
import { loadTokenizer } from '../../src/encoder/tokenizer.ts'
import { byWord, splitsAtBlanks } from '../../src/encoder/word-cache.ts'
import { random } from '../../src/train/random.ts'
import { sharedModel, tinyBert } from './models.ts'

const bundled = new URL('../../models/bundled/base', import.meta.url).pathname
const real = sharedModel('bert-base-uncased-tokenizer')
const json = (directory: string, name: string): Record<string, unknown> => {
  try {
    return JSON.parse(readFileSync(join(directory, name), 'utf8')) as Record<string, unknown>
  } catch {
    return {}
  }
}

/** What may trip a rule that looks at more than one character. */
const oddities = [
  ' ',
  '  ',
  '\t',
  '\n',
  '\r\n',
  '\u00a0',
  '\u3000',
  '\u2028',
  '\u200b',
  '\u200d',
  '\ufeff',
  '\u0085',
  '\u000b',
  '\u000c',
  '\u0000',
  '\ufffd',
  '\u0301',
  '\u0308',
  '\u0345',
  'Σ',
  'ΟΔΟΣ',
  'σ',
  'İ',
  'ı',
  'ß',
  'ﬁ',
  'Å',
  'A\u030a',
  '가',
  '\u1100\u1161',
  '中',
  '文字',
  '𠀀',
  'ꙮ',
  'ተ',
  'ا',
  '\ud800',
  '\udc00',
  '👩‍⚕️',
  '🏴‍☠️',
  '\u{10ffff}',
  '\ufffe',
  '.',
  ',',
  '!?',
  '(',
  ')',
  '"',
  "'",
  '-',
  '_',
  '#',
  '##',
  '##ing',
  '~',
  '`',
  '«',
  '…',
  '¿',
  '[CLS]',
  '[SEP]',
  '[UNK]',
  '[MASK]',
  '[PAD]',
  '[',
  'CLS',
  ']',
  '[CLS',
  'SEP]',
  '[ SEP ]',
  '<s>',
  '</s>',
  'getElementById',
  'XMLHttpRequest',
  'snake_case_name',
  'aB',
  'Ab',
  '1A',
  '9.99',
  '1,000',
  'e.g.',
  "don't",
  'naïve',
  'Zürich',
  'the',
  'of',
  'fever',
]

describe.each([
  ['a tiny model', tinyBert, false],
  ['the bundled base', bundled, false],
  [`bert-base-uncased${real.note}`, real.directory, real.missing],
])('a tokenizer with a word cache: %s', (_, directory, missing) => {
  it.skipIf(missing)('gives what it gives without one, for any string, the first time and later', async () => {
    const definition = json(directory, 'tokenizer.json')
    const config = json(directory, 'tokenizer_config.json')
    const plain = new Tokenizer(definition, config)
    const { tokenize } = await loadTokenizer(directory)
    const { below } = random(11)
    expect(splitsAtBlanks(definition, config)).toBe(true)

    for (let i = 0; i < 6_000; i++) {
      const parts = Array.from({ length: 1 + below(12) }, () => {
        const kind = below(8)
        if (kind < 5) return oddities[below(oddities.length)]!
        if (kind === 5) return ' '
        if (kind === 6) return String.fromCharCode(below(0x10000))
        return Array.from({ length: 1 + below(9) }, () => String.fromCharCode(97 + below(26))).join('')
      })
      const text = parts.join(below(3) === 0 ? ' ' : '')
      expect(tokenize(text), JSON.stringify(text)).toEqual(plain.encode(text, { add_special_tokens: false }).ids)
    }
  })
})

describe('byWord', () => {
  it('asks for each word once, and not for blanks', () => {
    const asked: string[] = []
    const tokenize = byWord((text) => {
      asked.push(text)
      return [text.length]
    })

    expect(tokenize('  to be\nor not\tto be ')).toEqual([2, 2, 2, 3, 2, 2])
    expect(tokenize('be')).toEqual([2])
    expect(asked).toEqual(['to', 'be', 'or', 'not'])
    expect(tokenize(' \t\r\n')).toEqual([])
    expect(tokenize('be!?')).toEqual([2, 1, 1])
    expect(asked.slice(4)).toEqual(['!', '?'])
  })

  it('forgets old words, so that a hostile text cannot fill the memory, and asks for long ones every time', () => {
    let asked = 0
    const tokenize = byWord(() => [asked++])
    const words = Array.from({ length: 40_000 }, (_, i) => `w${i}`)

    for (const word of words) tokenize(word)
    expect(tokenize('w39999')).toEqual([39_999])
    expect(asked).toBe(40_000)
    tokenize('w0')
    expect(asked).toBe(40_001)

    const long = 'x'.repeat(100)
    expect(tokenize(long)).not.toEqual(tokenize(long))
  })
})

describe('splitsAtBlanks', () => {
  const definition = json(tinyBert, 'tokenizer.json')

  it.each([
    ['sees blanks itself', { pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true } }],
    ['puts marks for blanks', { pre_tokenizer: { type: 'Metaspace' } }],
    ['has no rule to split by', { pre_tokenizer: null }],
    ['joins unknown words', { model: { ...(definition.model as object), fuse_unk: true } }],
    ['normalises by tables of its own', { normalizer: { type: 'Precompiled' } }],
    ['replaces blanks', { normalizer: { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' } }],
    ['replaces by what it is not', { normalizer: { type: 'Replace', pattern: { Regex: '[^a]' }, content: ' ' } }],
    [
      'looks for the beginning of a text',
      { normalizer: { type: 'Sequence', normalizers: [{ type: 'Replace', pattern: { Regex: '^a' }, content: ' ' }] } },
    ],
    ['has a token with a blank', { added_tokens: [{ id: 9, content: 'New York', normalized: false }] }],
    ['has a token that ends in a mark', { added_tokens: [{ id: 9, content: 'Mr.', normalized: false }] }],
    ['has a token that swallows blanks', { added_tokens: [{ id: 9, content: '<mask>', lstrip: true, special: true }] }],
  ])('is false for a tokenizer that %s', (_, changes) => {
    expect(splitsAtBlanks({ ...definition, ...changes }, {})).toBe(false)
  })
})
