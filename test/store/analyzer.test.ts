import { describe, expect, it } from 'vitest'
import { englishAnalyzer } from '../../src/store/lexical/analyzer.ts'

describe('the analyzer', () => {
  const analyze = englishAnalyzer()

  it.each<[string, string, string[]]>([
    ['lower-cases and stems', 'Dying Files, RUNNING connections', ['die', 'file', 'run', 'connect']],
    ['leaves stop words out', 'to be or not to be: that is the question', ['question']],
    [
      'splits identifiers and keeps them whole',
      'getUserName HTTPServer',
      ['getusername', 'get', 'user', 'name', 'httpserver', 'http', 'server'],
    ],
    ['splits at underscores, hyphens and dots', 'parse_http-header.js', ['pars', 'http', 'header', 'js']],
    ['keeps numbers', 'ISO 8601, 3.14', ['iso', '8601', '3', '14']],
    ['folds accents, and wide and joined forms', 'Café ＡＢＣ ﬁle Ёлка', ['cafe', 'abc', 'file', 'елка']],
    ['makes characters and pairs of scripts without spaces', '東京都 abc', ['東', '京', '東京', '都', '京都', 'abc']],
    ['keeps marks that change the word', 'हिन्दी', ['हिन्दी']],
    ['finds nothing in punctuation', ' …!? — \u0000 👩‍⚕️ ', []],
    ['finds nothing in nothing', '', []],
  ])('%s', (_, text, terms) => {
    expect(analyze(text)).toEqual(terms)
  })

  it('gives the same terms for composed and decomposed letters', () => {
    expect(analyze('Caf\u00e9 \u1112\u1161\u11ab\u1100\u1173\u11af')).toEqual(analyze('Cafe\u0301 \ud55c\uae00'))
  })

  it('survives a megabyte without a space, and half of a surrogate pair', () => {
    expect(analyze('x'.repeat(1_000_000))).toEqual(['x'.repeat(64)])
    expect(analyze('東'.repeat(10_000))).toHaveLength(19_999)
    expect(analyze('fox\ud800hen')).toEqual(['fox', 'hen'])
  })
})
