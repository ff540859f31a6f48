import { describe, expect, it } from 'vitest'
import { palette } from '../../../src/cli/display/colour.ts'
import { costsTable, routesTable, scoresTable } from '../../../src/cli/display/comparison.ts'
import type { Comparison } from '../../../src/eval/index.ts'

const plain = palette({} as never, {})
const marked = { ...plain, bold: (text: string) => `<${text}>` }

/** `systems` systems over sets with these names; the score of system i on set j is (i + j) / 100. */
function comparison(sets: readonly string[], systems: readonly string[]): Comparison {
  const score = (value: number) => ({ 'ndcg@10': value }) as never
  return {
    split: 'test',
    documents: 46_654,
    queries: Object.fromEntries(sets.map((set, i) => [set, 1000 * (i + 1)])),
    systems: Object.fromEntries(
      systems.map((name, i) => [
        name,
        { mean: score(i / 100), sets: Object.fromEntries(sets.map((set, j) => [set, score((i + j) / 100)])) },
      ]),
    ),
    routes: {},
    seconds: 1,
  }
}

const nine = 'medquad tldr-pages nl2bash cosqa banking77 metatool seal-tools apibench clinc150'.split(' ')
const many = [
  'bm25',
  'general',
  'routed+bm25',
  ...Array.from({ length: 9 }, (_, i) => `expert:name-${i}`),
  'router:pilot-mean',
  'router:pilot-max',
  'oracle:set',
  'oracle:query',
]

describe('scoresTable', () => {
  it('has a row for each system and a column for the mean and each set', () => {
    const lines = scoresTable(comparison(['a', 'b'], ['bm25', 'routed']), 'ndcg@10', 100, plain).split('\n')

    expect(lines).toEqual([
      'ndcg@10 test   mean      a      b',
      'queries       3,000  1,000  2,000',
      'bm25            0.0    0.0    1.0',
      'routed          1.0    1.0    2.0',
      '',
    ])
  })

  it.each([80, 100, 120, 200])('keeps within %i columns, nothing lost, whatever the number of sets', (width) => {
    const text = scoresTable(comparison(nine, many), 'ndcg@10', width, plain)

    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(width)
    for (const name of [...nine, ...many]) expect(text).toContain(name)
    const tables = text.split('\n\n')
    expect(tables.length).toBe(width >= 120 ? 1 : 2)
    for (const table of tables) expect(table.trimEnd().split('\n')).toHaveLength(many.length + 2)
  })

  it('clips long names of sets', () => {
    const text = scoresTable(comparison(['a-set-with-a-name-of-some-length'], ['bm25']), 'ndcg@10', 100, plain)

    expect(text).toContain('a-set-with-a-…')
  })

  it('marks the best of each column, and never an oracle', () => {
    const text = scoresTable(comparison(['a'], ['bm25', 'routed', 'oracle:query']), 'ndcg@10', 100, marked)

    expect(text.split('\n').filter((line) => line.includes('<'))).toEqual([expect.stringMatching(/^routed +< +1\.0>< +1\.0>$/)])
  })
})

describe('scores that were tested', () => {
  const tested = (systems: readonly string[]): Comparison => {
    const plainOne = comparison(['a', 'b'], systems)
    const of = (p: number) => ({ 'ndcg@10': { difference: 0.1, interval: [0, 0.2], p } as const })
    const routed = { ...plainOne.systems.routed!, significance: { general: { mean: of(0.01), sets: { a: of(0.2), b: of(0.049) } } } }
    return { ...plainOne, systems: { ...plainOne.systems, routed } }
  }

  it('have a mark where they differ from the general expert by more than chance', () => {
    const lines = scoresTable(tested(['general', 'routed']), 'ndcg@10', 100, plain).split('\n')

    expect(lines.slice(2, 4)).toEqual(['general         0.0     0.0    1.0 ', 'routed          1.0†    1.0    2.0†'])
  })

  it.each([80, 100])('keep within %i columns', (width) => {
    const text = scoresTable(tested(['general', 'routed', 'router:classification-head']), 'ndcg@10', width, plain)

    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(width)
  })
})

describe('costsTable', () => {
  it('says what queries cost and how often routers were right, in 100 columns', () => {
    const one = comparison(['a'], ['router:expert-classifiers', 'oracle:set'])
    const systems = {
      ...one.systems,
      'router:expert-classifiers': {
        ...one.systems['router:expert-classifiers']!,
        cost: { passes: 1, lookups: 0.8, stores: 1.25, lexical: 1, sets: {} },
        accuracy: { best: 0.871, sets: {} },
      },
    }

    const lines = costsTable({ systems }, plain).split('\n')

    expect(lines[1]).toBe('router:expert-classifiers        1.00        0.80        1.25     100.0 %      87.1 %           –')
    expect(lines).toHaveLength(3)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100)
  })

  it('is empty where nobody says', () => {
    expect(costsTable(comparison(['a'], ['bm25']), plain)).toBe('')
  })
})

describe('routesTable', () => {
  it('says where the queries of each set went', () => {
    const routes = { a: { experts: { medical: 600, shell: 150, code: 50 }, fallback: 200, fused: 100, lexicalWeight: 0.256 } }
    const lines = routesTable({ ...comparison(['a'], ['routed+bm25']), routes }, plain).split('\n')

    expect(lines).toEqual([
      'routes   fallback    fused     BM25  expert that came first',
      'a            20 %     10 %     26 %  medical 60 %, shell 15 %',
      '',
    ])
  })

  it('is empty where nothing was routed', () => {
    expect(routesTable(comparison(['a'], ['bm25']), plain)).toBe('')
  })
})
