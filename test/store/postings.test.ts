import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { englishAnalyzer } from '../../src/store/lexical/analyzer.ts'
import { lexicalSettings } from '../../src/store/lexical/bm25.ts'
import { postings, type Postings } from '../../src/store/lexical/postings.ts'
import { topK } from '../../src/store/top-k.ts'
import { seededRandom } from '../conformance/random.ts'

const analyze = englishAnalyzer()
const settings = lexicalSettings()

function scores(index: Postings, text: string): [number, number][] {
  const result = index.score(text)
  return Array.from(result.rows, (row): [number, number] => [row, result.of(row)]).sort(([a], [b]) => a - b)
}

describe('postings', () => {
  it('score alike what they were told of before, as long as nothing changes, and what has changed since', () => {
    const index = postings(analyze, settings)
    const plain = postings(analyze, settings)
    const both = (change: (one: Postings) => void): void => [index, plain].forEach(change)
    const asked = ['fox', 'fox hen', 'hen', 'nothing']
    const check = (): void => {
      for (const text of [...asked, 'fox']) {
        expect(scores(index, text)).toEqual(scores(plain, text))
        expect(index.score(text).bound).toBe(plain.score(text).bound)
      }
    }
    const tell = (): void => [...asked, ...asked].forEach((text) => index.prepare(text))

    tell()
    both((one) => one.set(0, undefined, 'a fox and a hen'))
    both((one) => one.set(7, 'fox', 'a hen'))
    check()
    tell()
    check()
    tell()
    both((one) => one.delete(0))
    check()
    tell()
    both((one) => one.set(7, undefined, 'nothing'))
    check()
    tell()
    both((one) => one.save())
    check()
    for (let i = 0; i < 100; i++) index.prepare(`fox ${i}`)
    check()
  })

  it('score the same whatever was changed, deleted or merged on the way', () => {
    const random = seededRandom(3)
    const words = Array.from({ length: 300 }, (_, i) => `w${i}`)
    const text = (): string => Array.from({ length: 20 }, () => words[Math.floor(random() * random() * 300)]).join(' ')
    const texts = new Map<number, string>()
    const lived = postings(analyze, settings)
    for (let step = 0; step < 8000; step++) {
      const row = Math.floor(random() * 1500)
      if (random() < 0.25) {
        lived.delete(row)
        texts.delete(row)
      } else {
        texts.set(row, text())
        lived.set(row, undefined, texts.get(row)!)
      }
    }
    const fresh = postings(analyze, settings)
    for (const [row, body] of texts) fresh.set(row, undefined, body)

    for (const query of ['w0 w1', 'w5', 'w200 w299 w200', 'unknown']) {
      const expected = scores(fresh, query)
      const reloaded = postings(analyze, settings, lived.save())
      for (const index of [lived, reloaded]) {
        const got = scores(index, query)
        expect(got.map(([row]) => row)).toEqual(expected.map(([row]) => row))
        got.forEach(([, score], i) => expect(score).toBeCloseTo(expected[i]![1], 9))
        expect(index.score(query).bound).toBeCloseTo(fresh.score(query).bound, 9)
      }
    }
  })

  it('do not know words whose last document is gone', () => {
    const index = postings(analyze, settings)
    index.set(0, undefined, 'fox')
    index.set(1, undefined, 'hen')
    index.delete(0)

    expect(index.score('fox')).toMatchObject({ bound: 0, rows: new Int32Array(0) })
    expect(index.score('fox').of(0)).toBe(0)
    index.delete(1)
    expect(index.score('hen').bound).toBe(0)
  })
})

const shared = fileURLToPath(new URL('../../../shared/data/', import.meta.url))

// Published for BM25 in Lucene with k1 0.9, b 0.4 over title and text (BEIR, table 2; Anserini's regressions).
describe.skipIf(!existsSync(shared))('BM25 on BEIR sets (needs ../shared/data)', () => {
  it.each([
    ['scifact', 67.9],
    ['nfcorpus', 32.2],
  ])('reaches the published nDCG@10 of %s within 1 point', (name, published) => {
    const read = (file: string): { _id: string; title?: string; text: string }[] =>
      readFileSync(`${shared}${name}/${file}`, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
    const corpus = read('corpus.jsonl')
    const queries = new Map(read('queries.jsonl').map(({ _id, text }) => [_id, text]))
    const grades = new Map<string, Map<string, number>>()
    for (const line of readFileSync(`${shared}${name}/qrels/test.tsv`, 'utf8').split('\n').slice(1)) {
      const [query, document, grade] = line.trim().split('\t')
      if (!query || Number(grade) <= 0) continue
      if (!grades.has(query)) grades.set(query, new Map())
      grades.get(query)!.set(document!, Number(grade))
    }
    const index = postings(analyze, lexicalSettings({ k1: 0.9, b: 0.4 }))
    corpus.forEach(({ title, text }, row) => index.set(row, title, text))

    const gain = (values: number[]): number => values.slice(0, 10).reduce((sum, value, i) => sum + value / Math.log2(i + 2), 0)
    let total = 0
    for (const [query, relevant] of grades) {
      const result = index.score(queries.get(query)!)
      const best = topK<number>(10, (a, b) => a < b)
      for (const row of result.rows) best.offer(row, result.of(row))
      const ideal = [...relevant.values()].sort((a, b) => b - a)
      total += gain(best.take().map((row) => relevant.get(corpus[row]!._id) ?? 0)) / gain(ideal)
    }

    expect(Math.abs((100 * total) / grades.size - published)).toBeLessThan(1)
  })
})
