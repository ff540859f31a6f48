import { describe, expect, it } from 'vitest'
import { clip, column, displayWidth, oneLine, wrap } from '../../../src/cli/display/text.ts'

describe('text on a terminal', () => {
  it('cannot drive the terminal', () => {
    expect(oneLine('a\x1b[31mred\x07\r\n\tb\u202ec')).toBe('a [31mred b c')
  })

  it('counts columns, not characters', () => {
    expect(displayWidth('abc')).toBe(3)
    expect(displayWidth('中暑')).toBe(4)
    expect(displayWidth('e\u0301')).toBe(1)
  })

  it('clips and fills up to a width', () => {
    expect(clip('abcdef', 4)).toBe('abc…')
    expect(clip('abcd', 4)).toBe('abcd')
    expect(clip('中暑怎么办', 6)).toBe('中暑…')
    expect(column('ab', 4)).toBe('ab  ')
    expect(displayWidth(column('中暑怎么办', 6))).toBe(6)
  })

  it('wraps at spaces and clips the last line', () => {
    expect(wrap('one two three four', 9, 2)).toEqual(['one two', 'three fo…'])
    expect(wrap('short', 9, 2)).toEqual(['short'])
    expect(wrap('x'.repeat(20), 9, 2)).toEqual(['xxxxxxxxx', 'xxxxxxxx…'])
    expect(wrap('', 9, 2)).toEqual([])
  })
})
