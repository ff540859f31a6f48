import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readPairs, type PairProblem, type ReadPairsOptions } from '../../src/pairs/read-pairs.ts'
import { folder } from '../cli/folder.ts'

/** What is read of a file with this name and content. */
async function read(name: string, content: string | Uint8Array, options: ReadPairsOptions = {}) {
  const problems: Pick<PairProblem, 'line' | 'reason'>[] = []
  const path = join(folder({ [name]: content }), name)
  const file = await readPairs(path, {
    ...options,
    onProblem: ({ line, reason }) => problems.push({ ...(line !== undefined && { line }), reason }),
  })
  const pairs = file.queries.map(({ text, positives }) => [text, ...positives.map((place) => file.documents[place]!)])
  return { ...file, found: pairs, problems }
}

describe('a CSV file of pairs', () => {
  it('is read with quoted fields, line breaks within them and further columns', async () => {
    const { found, format } = await read('a.csv', 'id,Question,Answer\n1,"What, exactly?","A ""thing""\nover two lines"\n2,Why?,Because\n')

    expect(format).toBe('csv')
    expect(found).toEqual([
      ['What, exactly?', 'A "thing"\nover two lines'],
      ['Why?', 'Because'],
    ])
  })

  it.each([
    ['semicolons', 'query;passage\na, b;c\n'],
    ['tabs', 'query\tpassage\na, b\tc\n'],
    ['a byte order mark and CRLF', '\uFEFFquery;passage\r\na, b;c\r\n'],
  ])('may use %s', async (_, content) => {
    expect((await read('a.csv', content)).found).toEqual([['a, b', 'c']])
  })

  it('may be UTF-16, as spreadsheets save it, and nothing but Unicode', async () => {
    expect((await read('a.csv', Buffer.from('\uFEFFquery\tpassage\nä\tß\n', 'utf16le'))).found).toEqual([['ä', 'ß']])
    await expect(read('a.csv', Buffer.from('query,passage\n\xe4,b\n', 'latin1'))).rejects.toThrow(/is not UTF-8 text; save it as UTF-8/)
  })

  it.each(['question,passage', 'anchor,positive', 'Query,Document', 'q,text', 'sentence1,sentence2', 'question,answer', 'query,pos'])(
    'understands the columns %s',
    async (header) => {
      const { found, header: named } = await read('a.csv', `${header}\none,two\n`)

      expect(found).toEqual([['one', 'two']])
      expect(named).toBe(true)
    },
  )

  it('takes the columns it is told', async () => {
    const { found } = await read('a.csv', 'text,Titel,question\none,two,three\n', { queryColumn: 'titel', passageColumn: 'text' })

    expect(found).toEqual([['two', 'one']])
  })

  it('takes two columns without known names as they come, and says so', async () => {
    const { found, header } = await read('a.csv', 'one,two\nthree,four\n')

    expect(found).toEqual([
      ['one', 'two'],
      ['three', 'four'],
    ])
    expect(header).toBe(false)
  })

  it('names the columns it found when it cannot tell which they are', async () => {
    await expect(read('a.csv', 'foo,bar,baz\n1,2,3\n')).rejects.toMatchObject({ code: 'INVALID_DATA', line: 1 })
    await expect(read('a.csv', 'foo,bar,baz\n1,2,3\n')).rejects.toThrow(/names the columns "foo", "bar", "baz".*--query-column/)
    await expect(read('a.csv', 'question,passage\n1,2\n', { queryColumn: 'frage' })).rejects.toThrow(/none is "frage"/)
  })

  it('reports rows that cannot be used with their line, and goes on', async () => {
    const { found, problems, skipped } = await read(
      'a.csv',
      'question,passage\n"one\nand more",first\n,second\nthree\nfour,too,many\nfive,fifth\n',
    )

    expect(found).toEqual([
      ['one\nand more', 'first'],
      ['five', 'fifth'],
    ])
    expect(problems).toEqual([
      { line: 4, reason: 'has no question' },
      { line: 5, reason: 'has no passage' },
      { line: 6, reason: 'has 3 fields where 2 were expected; put fields that hold the separator in quotation marks' },
    ])
    expect(skipped).toBe(3)
  })

  it('names the line of a quotation mark that nothing closes', async () => {
    await expect(read('a.csv', 'question,passage\na,b\nc,"d\ne,f\n')).rejects.toMatchObject({ code: 'INVALID_DATA', line: 3 })
  })

  it('is an error when nothing in it can be used', async () => {
    await expect(read('a.csv', ' \n')).rejects.toThrow(/is empty/)
    await expect(read('a.csv', 'question,passage\n')).rejects.toThrow(/holds no pairs/)
    await expect(read('a.csv', 'question,passage\n,a\n')).rejects.toThrow(/no usable pair; 1 rows/)
    await expect(readPairs(join(folder(), 'gone.csv'))).rejects.toThrow(/gone\.csv cannot be read/)
  })
})

describe('a JSON file of pairs', () => {
  it('may hold one passage, a list of them, and negatives, which join the collection', async () => {
    const { found, documents } = await read(
      'a.jsonl',
      [
        { question: 'one', passage: 'first' },
        { query: 'two', pos: ['second', 'also second'], neg: ['not second'] },
        { anchor: 'three', positive: { title: 'Third', text: 'of all' } },
        ['four', 'fourth'],
      ]
        .map((record) => JSON.stringify(record))
        .join('\n'),
    )

    expect(found).toEqual([
      ['one', 'first'],
      ['two', 'second', 'also second'],
      ['three', 'Third of all'],
      ['four', 'fourth'],
    ])
    expect(documents).toContain('not second')
  })

  it('may be one array', async () => {
    expect((await read('a.json', '[\n{"question": "one", "answer": "first"}\n]')).found).toEqual([['one', 'first']])
  })

  it('reports records that cannot be used with their line', async () => {
    const { found, problems } = await read(
      'a.jsonl',
      [
        '{"question": "one", "answer": "first"}',
        '{oops',
        '3',
        '{"question": "two"}',
        '{"question": 2, "answer": "x"}',
        '{"question": "x", "answer": []}',
      ].join('\n'),
    )

    expect(found).toHaveLength(1)
    expect(problems).toEqual([
      { line: 2, reason: 'is not JSON' },
      { line: 3, reason: 'is not a JSON object' },
      { line: 4, reason: 'has no "passage"' },
      { line: 5, reason: 'has a "question" that is empty or no text' },
      { line: 6, reason: 'has an empty "answer"' },
    ])
  })

  it('names the fields it found when none of them is known', async () => {
    await expect(read('a.jsonl', '{"foo": 1, "bar": 2}')).rejects.toThrow(/has records with the fields "foo", "bar"; expected are question/)
  })
})

describe('a BEIR directory of pairs', () => {
  const lines = (...records: object[]) => records.map((record) => JSON.stringify(record)).join('\n')
  const set = () =>
    folder({
      'corpus.jsonl': lines({ _id: 'a', title: 'A', text: 'first' }, { _id: 'b', text: 'second' }, { _id: 'c', text: 'asked by nobody' }),
      'queries.jsonl': lines({ _id: 'q1', text: 'one' }, { _id: 'q2', text: 'two' }, { _id: 'q3', text: 'three' }),
      'qrels/train.tsv': 'query-id\tcorpus-id\tscore\nq1\ta\t1\nq1\tb\t0\nq2\tb\t2\nq2\tgone\t1\n',
      'qrels/dev.tsv': 'query-id\tcorpus-id\tscore\nq3\tb\t1\n',
    })

  it('gives the pairs of its split over the whole corpus', async () => {
    const problems: string[] = []
    const { queries, documents, format } = await readPairs(set(), { onProblem: ({ reason }) => problems.push(reason) })

    expect(format).toBe('beir')
    expect(documents).toEqual(['A first', 'second', 'asked by nobody'])
    expect(queries).toEqual([
      { text: 'one', positives: [0] },
      { text: 'two', positives: [1] },
    ])
    expect(problems).toEqual(['judges the document "gone", which the corpus does not have'])
    expect((await readPairs(set(), { split: 'dev' })).queries).toEqual([{ text: 'three', positives: [1] }])
    await expect(readPairs(set(), { split: 'test' })).rejects.toThrow(/splits with judgements: dev, train/)
  })
})

describe('pairs of any file', () => {
  it('are merged when they are the same', async () => {
    const { found, duplicates, pairs } = await read('a.csv', 'question,passage\nWhat is it?,this\nwhat  is it?,this\nwhat is it?,that\n')

    expect(found).toEqual([['What is it?', 'this', 'that']])
    expect({ duplicates, pairs }).toEqual({ duplicates: 1, pairs: 2 })
  })

  it('can be limited to some, drawn by a seed, with all answers of a question', async () => {
    const content = `question,passage\n${Array.from({ length: 100 }, (_, i) => `q${i >> 1},p${i}`).join('\n')}\n`
    const drawn = (seed: number) => read('a.csv', content, { limit: 20, seed })

    const [one, again, other] = [await drawn(1), await drawn(1), await drawn(2)]

    expect(one.pairs).toBe(20)
    expect(one.queries.every(({ positives }) => positives.length === 2)).toBe(true)
    expect(again.found).toEqual(one.found)
    expect(other.found).not.toEqual(one.found)
  })
})
