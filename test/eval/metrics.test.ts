import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { averagePrecision, evaluate, mrr, ndcg, rankHits, recall } from '../../src/eval/index.ts'
import type { Metric, Qrels, Run } from '../../src/eval/index.ts'

// Worked by hand from trec_eval's definitions. log2(2) = 1, log2(3) = 1.5849625, log2(4) = 2, log2(5) = 2.3219281, log2(6) = 2.5849625.
const grades = new Map([
  ['a', 3],
  ['b', 2],
  ['c', 0],
  ['d', 1],
  ['e', -1],
])

describe('ndcg', () => {
  it('gives 1 to the ideal order', () => {
    expect(ndcg(grades, ['a', 'b', 'd', 'c'], 10)).toBeCloseTo(1, 12)
  })

  it('uses the grade itself as gain and log2(rank + 1) as discount', () => {
    // (0/1 + 3/1.5849625 + 0/2 + 1/2.3219281) / (3/1 + 2/1.5849625 + 1/2) = (1.8927893 + 0.4306766) / 4.7618595
    expect(ndcg(grades, ['c', 'a', 'x', 'd'], 10)).toBeCloseTo(0.4879323, 6)
  })

  it('cuts both the ranking and the ideal at k', () => {
    // (2/1) / (3/1) and (2/1 + 3/1.5849625) / (3/1 + 2/1.5849625)
    expect(ndcg(grades, ['b', 'a'], 1)).toBeCloseTo(2 / 3, 12)
    expect(ndcg(grades, ['b', 'a'], 2)).toBeCloseTo(0.9134016, 6)
  })

  it('counts negative grades as not relevant', () => {
    expect(ndcg(grades, ['e', 'a'], 10)).toBeCloseTo(3 / Math.log2(3) / 4.7618595, 6)
  })

  it('is 0 when nothing is relevant or nothing was returned', () => {
    expect(ndcg(new Map([['a', 0]]), ['a'], 10)).toBe(0)
    expect(ndcg(grades, [], 10)).toBe(0)
  })
})

describe('recall, mrr and average precision', () => {
  it('recall is the share of the relevant documents that were found', () => {
    expect(recall(grades, ['c', 'a', 'x', 'd'], 2)).toBeCloseTo(1 / 3, 12)
    expect(recall(grades, ['c', 'a', 'x', 'd'], 100)).toBeCloseTo(2 / 3, 12)
  })

  it('mrr looks at the first relevant document only, down to k', () => {
    expect(mrr(grades, ['c', 'x', 'd', 'a'])).toBeCloseTo(1 / 3, 12)
    expect(mrr(grades, ['c', 'x', 'd', 'a'], 2)).toBe(0)
  })

  it('average precision divides by all relevant documents, found or not', () => {
    // a at rank 2 (1/2), d at rank 4 (2/4), b never: (0.5 + 0.5) / 3
    expect(averagePrecision(grades, ['c', 'a', 'x', 'd'])).toBeCloseTo(1 / 3, 12)
  })
})

describe('rankHits', () => {
  it('sorts by score, and equal scores by id descending, as trec_eval does', () => {
    expect(
      rankHits([
        { id: 'a', score: 1 },
        { id: 'b', score: 2 },
        { id: 'c', score: 1 },
      ]),
    ).toEqual(['b', 'c', 'a'])
  })

  it('lets scores tie that are equal as 32-bit floats', () => {
    expect(
      rankHits([
        { id: 'a', score: 0.5 + 1e-12 },
        { id: 'b', score: 0.5 },
      ]),
    ).toEqual(['b', 'a'])
  })

  it('compares ids byte by byte', () => {
    // U+FF5E sorts before U+10000 in UTF-8 and after it in UTF-16.
    expect(
      rankHits([
        { id: '\u{10000}', score: 1 },
        { id: '\uff5e', score: 1 },
      ]),
    ).toEqual(['\u{10000}', '\uff5e'])
  })

  it('keeps the better of two hits with one id', () => {
    expect(
      rankHits([
        { id: 'a', score: 1 },
        { id: 'b', score: 2 },
        { id: 'a', score: 3 },
      ]),
    ).toEqual(['a', 'b'])
  })

  it('refuses a score that is not a number', () => {
    expect(() => rankHits([{ id: 'a', score: Number.NaN }])).toThrow(/not a number/)
  })
})

describe('evaluate', () => {
  const qrels: Qrels = new Map([
    [
      'q1',
      new Map([
        ['d1', 1],
        ['d2', 2],
        ['d3', 0],
      ]),
    ],
    ['q2', new Map([['d4', 1]])],
    ['q3', new Map([['d5', 1]])],
  ])
  const run: Run = new Map([
    // d9 is unjudged; d2 and d3 tie, so d3 comes first: ranking d9 d3 d2 d1
    [
      'q1',
      [
        { id: 'd1', score: 1 },
        { id: 'd2', score: 2 },
        { id: 'd3', score: 2 },
        { id: 'd9', score: 5 },
      ],
    ],
    ['q2', [{ id: 'd4', score: 0.1 }]],
    ['q7', [{ id: 'd4', score: 0.1 }]],
  ])

  it('agrees with scores worked by hand, ties and unjudged documents included', () => {
    const { mean, queries } = evaluate(qrels, run, ['ndcg@10', 'ndcg@3', 'recall@3', 'mrr@10', 'map'])

    // q1: dcg 2/2 + 1/2.3219281 = 1.4306766, ideal 2 + 1/1.5849625 = 2.6309298; map (1/3 + 2/4) / 2
    expect(queries.get('q1')!['ndcg@10']).toBeCloseTo(0.5437912, 6)
    expect(queries.get('q1')!['ndcg@3']).toBeCloseTo(1 / 2.6309298, 6)
    expect(queries.get('q1')!['recall@3']).toBe(0.5)
    expect(queries.get('q1')!['mrr@10']).toBeCloseTo(1 / 3, 12)
    expect(queries.get('q1')!.map).toBeCloseTo(5 / 12, 12)
    expect(mean['ndcg@10']).toBeCloseTo((0.5437912 + 1 + 0) / 3, 6)
  })

  it('counts a judged query without hits as 0 and ignores queries without judgements', () => {
    const { queries } = evaluate(qrels, run, ['mrr'])

    expect([...queries.keys()]).toEqual(['q1', 'q2', 'q3'])
    expect(queries.get('q3')!.mrr).toBe(0)
  })

  it('drops the hit that is the query itself, unless told to keep it', () => {
    const own: Qrels = new Map([['x', new Map([['y', 1]])]])
    const found: Run = new Map([
      [
        'x',
        [
          { id: 'x', score: 2 },
          { id: 'y', score: 1 },
        ],
      ],
    ])

    expect(evaluate(own, found, ['mrr']).mean.mrr).toBe(1)
    expect(evaluate(own, found, ['mrr'], { keepIdentical: true }).mean.mrr).toBe(0.5)
  })

  it('gives zeros, not NaN, when nothing is judged', () => {
    expect(evaluate(new Map(), run, ['ndcg@10', 'map']).mean).toEqual({ 'ndcg@10': 0, map: 0 })
  })

  it.each(['ndcg', 'ndcg@0', 'ndcg@1.5', 'recall@x', 'precision@5', 'mrr@', 'map@3@4'])('refuses the metric %s', (metric) => {
    expect(() => evaluate(qrels, run, [metric as Metric])).toThrow(/Metrics: ndcg@k/)
  })
})

describe('evaluate, against stored references', () => {
  // Made by test/fixtures/trec/reference.py: trec_eval's definitions in another language, in exact fractions.
  const read = (name: string): string => readFileSync(new URL(`../fixtures/trec/${name}`, import.meta.url), 'utf8')
  const rows = (name: string): string[][] =>
    read(name)
      .trim()
      .split('\n')
      .map((line) => line.split('\t'))
  const references = JSON.parse(read('scores.json')) as {
    mean: Record<Metric, number>
    queries: Record<string, Record<Metric, number>>
  }
  const qrels = new Map<string, Map<string, number>>()
  for (const [query, document, grade] of rows('qrels.tsv')) {
    qrels.set(query!, (qrels.get(query!) ?? new Map<string, number>()).set(document!, Number(grade)))
  }
  const run = new Map<string, { id: string; score: number }[]>()
  for (const [query, id, score] of rows('run.tsv')) run.set(query!, [...(run.get(query!) ?? []), { id: id!, score: Number(score) }])

  it.each(Object.keys(references.mean) as Metric[])('agrees on %s, query by query and in the mean', (metric) => {
    const { mean, queries } = evaluate(qrels, run, [metric])

    expect(queries.size).toBe(Object.keys(references.queries).length)
    for (const [query, scores] of queries) expect(scores[metric]!, query).toBeCloseTo(references.queries[query]![metric]!, 10)
    expect(mean[metric]).toBeCloseTo(references.mean[metric]!, 10)
  })

  it('has ties, queries without hits and grades below 1 among them, so that agreement means something', () => {
    const tied = [...run.values()].filter((hits) => new Set(hits.map(({ score }) => Math.fround(score))).size < hits.length)

    expect(tied.length).toBeGreaterThan(30)
    expect([...run.values()].filter((hits) => hits.length > 100).length).toBeGreaterThan(1)
    expect([...qrels].filter(([query]) => run.get(query)?.some(({ id }) => !qrels.get(query)!.has(id))).length).toBeGreaterThan(30)
    expect([...qrels.keys()].filter((query) => !run.has(query)).length).toBeGreaterThan(1)
    expect([...qrels.values()].some((grades) => [...grades.values()].includes(-1))).toBe(true)
  })
})
