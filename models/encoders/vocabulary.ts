import { InvalidArgumentError } from '../../src/errors.ts'
import type { EncoderShape } from './shapes.ts'

const words =
  'a about after all also an and any are as at bank be but by can card code do does file find first for from get have how i if in is it law loan make me medicine more my new no not of on one or out over payment people process query so some table take test text than that the their them then there they this time to two up use was way we what when where which who why will with word work would year you your'.split(
    ' ',
  )
const letters = [...'abcdefghijklmnopqrstuvwxyz0123456789']
const marks = [...'.,:;!?-_()/\'"&%$#@*+=<>[]']
const onsets = 'b c d f g h j k l m n p qu r s t v w x z ch sh th tr st pr br cl gr pl'.split(' ')
const vowels = 'a e i o u ai ea ou io y'.split(' ')
const codas = ['', ...'n r s t l d m ng nt st ck'.split(' ')]

/** Special tokens by what they are for, in the order of their ids. */
export function specialTokens({ family }: EncoderShape): {
  readonly all: readonly string[]
  readonly opening: string
  readonly closing: string
  readonly unknown: string
  readonly padding: string
  readonly mask: string
} {
  if (family === 'mpnet' || family === 'roberta') {
    const unknown = family === 'mpnet' ? '[UNK]' : '<unk>'
    return { all: ['<s>', '<pad>', '</s>', unknown, '<mask>'], opening: '<s>', closing: '</s>', unknown, padding: '<pad>', mask: '<mask>' }
  }
  return {
    all: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'],
    opening: '[CLS]',
    closing: '[SEP]',
    unknown: '[UNK]',
    padding: '[PAD]',
    mask: '[MASK]',
  }
}

/**
 * A lower-casing WordPiece tokenizer of exactly `shape.vocabularySize` tokens: letters and marks, so that nothing of plain English is
 * unknown, common words, and syllables that open and continue words.
 */
export function generateTokenizer(shape: EncoderShape): object {
  const special = specialTokens(shape)
  const ids = new Map<string, number>()
  for (const token of tokens(special.all)) {
    if (ids.size === shape.vocabularySize) break
    if (!ids.has(token)) ids.set(token, ids.size)
  }
  const least = special.all.length + marks.length + 2 * letters.length
  if (shape.vocabularySize < least)
    throw new InvalidArgumentError('vocabularySize', `is ${shape.vocabularySize}, fewer than the ${least} that letters and marks need`)

  const around = (id: string): object => ({ SpecialToken: { id, type_id: 0 } })
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.all.map((content) => ({
      id: ids.get(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [around(special.opening), { Sequence: { id: 'A', type_id: 0 } }, around(special.closing)],
      pair: [],
      special_tokens: Object.fromEntries(
        [special.opening, special.closing].map((name) => [name, { id: name, ids: [ids.get(name)], tokens: [name] }]),
      ),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: special.unknown,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  }
}

function* tokens(special: readonly string[]): Generator<string> {
  yield* special
  yield* marks
  yield* letters
  for (const letter of letters) yield `##${letter}`
  yield* words
  const syllables = vowels.flatMap((vowel) => codas.flatMap((coda) => onsets.map((onset) => onset + vowel + coda)))
  for (const syllable of syllables) {
    yield syllable
    yield `##${syllable}`
  }
  for (const first of syllables) for (const second of syllables) yield first + second
}
