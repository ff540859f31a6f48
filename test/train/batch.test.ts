import { describe, expect, it } from 'vitest'
import { drawBatch } from '../../src/train/expert/batch.ts'
import type { FitSet } from '../../src/train/expert/fit.ts'
import { random } from '../../src/train/random.ts'

const dimensions = 2

/** Documents of a set are [set, place]; query `100 · set + i` is answered by document `i`, and by more where told. */
function setOf(set: number, queries: number, more: Partial<FitSet> & { others?: readonly number[] } = {}): FitSet {
  const count = 40
  return {
    documents: Float32Array.from({ length: count * dimensions }, (_, i) => (i % 2 === 0 ? set : i >> 1)),
    count,
    queries: Array.from({ length: queries }, (_, i) => ({ query: 100 * set + i, positives: [i, ...(more.others ?? [])] })),
    heldOut: [],
    supports: false,
    ...more,
  }
}

const options = { batchSize: 8, hardNegatives: 0, negatives: 8, foreign: new Float32Array(0), foreignSets: false }
const draw = (sets: readonly FitSet[], step: number, more: Partial<typeof options> = {}) => {
  const documents = new Float32Array(64 * dimensions)
  const batch = drawBatch(sets, dimensions, { documents }, { ...options, ...more }, random(1, step))
  const columns = Array.from({ length: batch.columns }, (_, i) => ({ set: documents[2 * i]!, place: documents[2 * i + 1]! }))
  return { ...batch, documents: columns }
}

describe('drawBatch', () => {
  it('takes all queries and documents of a batch from one set', () => {
    const sets = [setOf(1, 20), setOf(2, 20), setOf(3, 20)]
    const seen = new Set<number>()
    for (let step = 0; step < 50; step++) {
      const { queries, documents } = draw(sets, step)
      const set = Math.floor(queries[0]! / 100)
      seen.add(set)

      expect(queries.every((query) => Math.floor(query / 100) === set)).toBe(true)
      expect(documents.every((document) => document.set === set)).toBe(true)
    }
    expect([...seen].sort()).toEqual([1, 2, 3])
  })

  it('puts an answer of each query where its target says', () => {
    const { queries, targets, documents } = draw([setOf(1, 20)], 3)

    expect(targets.map((column) => documents[column]!.place)).toEqual(queries.map((query) => query - 100))
  })

  it('takes no other answer of a query for a negative', () => {
    const { queries, targets, documents, masked, columns } = draw([setOf(1, 20, { others: [30, 31] })], 4, { negatives: 40 })

    queries.forEach((query, row) => {
      const answers = new Set([query - 100, 30, 31])
      const ignored = documents.flatMap((_, column) => (masked[row * columns + column] ? [column] : []))
      expect(ignored).toEqual(documents.flatMap(({ place }, column) => (answers.has(place) && column !== targets[row] ? [column] : [])))
    })
  })

  it('takes documents of the same text for one', () => {
    const same = Uint32Array.from({ length: 40 }, (_, place) => place % 20)
    const { documents } = draw([setOf(1, 20, { same })], 5, { negatives: 40 })

    expect(new Set(documents.map(({ place }) => place)).size).toBe(documents.length)
    expect(Math.max(...documents.map(({ place }) => place))).toBeLessThan(20)
  })

  it('adds documents of other domains: a third of all', () => {
    const foreign = Float32Array.from({ length: 40 * dimensions }, () => 9)
    const { documents } = draw([setOf(1, 20)], 6, { foreign })

    expect(documents.filter(({ set }) => set === 9).length / documents.length).toBeCloseTo(1 / 3, 1)
  })

  it('adds documents of the other sets where they are foreign: a third of all, of each set alike', () => {
    const { documents } = draw([setOf(1, 20), setOf(2, 20), setOf(3, 20)], 7, { foreignSets: true, negatives: 16 })
    const counts = [1, 2, 3].map((one) => documents.filter(({ set }) => set === one).length).sort((a, b) => a - b)

    expect(counts[2]! / documents.length).toBeCloseTo(2 / 3, 1)
    expect(counts[0]!).toBeGreaterThan(0)
  })

  it('gives sets that only support a third of the draws at most', () => {
    const sets = [setOf(1, 4), setOf(2, 40, { supports: true })]
    const support = Array.from({ length: 300 }, (_, step) => draw(sets, step).queries[0]! >= 200).filter(Boolean).length

    expect(support).toBeGreaterThan(60)
    expect(support).toBeLessThan(140)
  })
})
