import { describe, expect, it } from 'vitest'
import { MissingTokenError, PromptTooLongError } from '../../src/errors.ts'
import { fitPrompt, type PromptTokens } from '../../src/language-model/fit-prompt.ts'

/** Every character is a token, but a space and the letter after it are one. */
const tokens: PromptTokens = {
  tokenize: (text) => (text.match(/ ?[^ ]| /g) ?? []).map((piece) => piece.charCodeAt(piece.length - 1) + (piece.length - 1) * 1000),
  opening: [1],
  bosId: 1,
  path: './model',
}
const read = (ids: readonly number[]): string =>
  ids.map((id) => (id === 1 ? '^' : id > 1000 ? ` ${String.fromCharCode(id - 1000)}` : String.fromCharCode(id))).join('')

describe('fitting a prompt into a window', () => {
  it('reads prompt and answer as one text, and counts a token over the border to the answer', () => {
    const { ids, answerAt } = fitPrompt({ before: 'k:', key: 'xyz', after: ' a: ', answer: 'bc' }, 20, tokens)

    expect(read(ids)).toBe('^k:xyz a: bc')
    expect(read(ids.slice(answerAt))).toBe(' bc')
  })

  it('leaves what fits as it is', () => {
    const { ids, cut } = fitPrompt({ before: 'k:', key: 'xyz', after: 'ab:', answer: 'cdef' }, 13, tokens)

    expect(read(ids)).toBe('^k:xyzab:cdef')
    expect(cut).toEqual({ key: 0, after: 0 })
  })

  it.each([
    [12, '^k:xyab:cdef', { key: 1, after: 0 }],
    [10, '^k:ab:cdef', { key: 3, after: 0 }],
    [9, '^k:b:cdef', { key: 3, after: 1 }],
    [7, '^k:cdef', { key: 3, after: 3 }],
  ])('cuts to %i tokens: %s', (window, text, cut) => {
    const fitted = fitPrompt({ before: 'k:', key: 'xyz', after: 'ab:', answer: 'cdef' }, window, tokens)

    expect(read(fitted.ids)).toBe(text)
    expect(read(fitted.ids.slice(fitted.answerAt))).toBe('cdef')
    expect(fitted.cut).toEqual(cut)
  })

  it('refuses an answer that does not fit, and says what it needs', () => {
    expect(() => fitPrompt({ before: 'k:', key: 'xyz', after: 'ab:', answer: 'cdef' }, 6, tokens, 4)).toThrow(PromptTooLongError)
    expect(() => fitPrompt({ before: 'k:', key: 'xyz', after: 'ab:', answer: 'cdef' }, 6, tokens, 4)).toThrow(
      /Prompt number 5 needs 7 tokens.*window is 6/,
    )
  })

  it('puts a beginning before an answer that nothing stands before, where the tokenizer has none of its own', () => {
    const plain = { ...tokens, opening: [] }

    expect(read(fitPrompt({ before: '', key: '', after: '', answer: 'ab' }, 9, plain).ids)).toBe('^ab')
    expect(read(fitPrompt({ before: '', key: 'k', after: '', answer: 'ab' }, 9, plain).ids)).toBe('kab')
    // Where all of the prompt must go, something has to come in its place.
    expect(read(fitPrompt({ before: '', key: 'kkk', after: '', answer: 'ab' }, 3, plain).ids)).toBe('kab')
    expect(() => fitPrompt({ before: '', key: 'kkk', after: '', answer: 'ab' }, 2, plain)).toThrow(PromptTooLongError)
    expect(() => fitPrompt({ before: '', key: '', after: '', answer: 'ab' }, 9, { ...plain, bosId: undefined })).toThrow(MissingTokenError)
  })
})
