import { describe, expect, it } from 'vitest'
import { trainExpert, type StaticBase, type TrainingPair, type TrainingSet } from '../../src/train/index.ts'
import { random } from '../../src/train/random.ts'
import { normalize, type Vector } from '../../src/vector.ts'

const dimensions = 16
const words = new Map<string, number>()
const rowOf = (word: string): number => words.get(word) ?? words.set(word, words.size).get(word)!
const generator = random(11)

/** A base that knows every word and nothing about how words belong together. */
const base: StaticBase = {
  id: 'toy',
  dimensions,
  table: Float32Array.from({ length: 400 * dimensions }, () => generator.normal()),
  tokenize: (text) => text.split(' ').filter(Boolean).map(rowOf),
}

const encoder = {
  id: 'toy',
  dimensions,
  close: async () => {},
  encode: async (texts: readonly string[]): Promise<Vector[]> =>
    texts.map((text) => {
      const vector = new Float32Array(dimensions)
      for (const row of Array.from(base.tokenize(text)))
        for (let d = 0; d < dimensions; d++) vector[d]! += base.table[row * dimensions + d]!
      return normalize(vector)
    }),
}

/** Slang on the query side stands for a word on the document side. */
const pairs: TrainingPair[] = Array.from({ length: 300 }, (_, i) => ({
  query: `please q${i % 10} with r${i % 7} ${['now', 'then', 'soon', 'later'][i % 4]}`,
  document: `word${i % 10} thing${i % 7}`,
}))
const options = { name: 'slang', pairs, rates: [0.05], steps: 80, batchSize: 64, seed: 2 }

describe('trainExpert', () => {
  it('learns a table that finds what the base cannot, and says by how much', async () => {
    const expert = await trainExpert({ ...options, base, method: 'table' })

    expect(expert.heldOut.general).toBeLessThan(0.4)
    expect(expert.heldOut.expert).toBeGreaterThan(0.9)
    expect(expert.base).toBe('toy')
  })

  it('changes only rows of tokens that queries use, in ascending order', async () => {
    const { changes } = await trainExpert({ ...options, base, method: 'table' })

    const used = new Set(pairs.flatMap(({ query }) => Array.from(base.tokenize(query))))
    expect([...changes.rows].every((row) => used.has(row))).toBe(true)
    expect([...changes.rows]).toEqual([...changes.rows].sort((a, b) => a - b))
    expect(changes.deltas).toHaveLength(changes.rows.length * dimensions)
  })

  it('learns an adapter on any encoder', async () => {
    const expert = await trainExpert({ ...options, base: encoder, method: 'adapter', rank: 8 })

    expect(expert.heldOut.expert).toBeGreaterThan(expert.heldOut.general + 0.2)
    expect(expert.changes.down).toHaveLength(8 * dimensions)
  })

  it('gives the same expert for the same seed', async () => {
    const once = await trainExpert({ ...options, base, method: 'table', hardNegatives: 1, foreign: ['other words', 'more of them'] })
    const again = await trainExpert({ ...options, base, method: 'table', hardNegatives: 1, foreign: ['other words', 'more of them'] })

    expect(again).toEqual(once)
  })

  it('keeps the learning rate that does best on held-out queries', async () => {
    const expert = await trainExpert({ ...options, base, method: 'table', rates: [1e-6, 0.05] })

    expect(expert.rate).toBe(0.05)
  })

  describe('with nothing to learn', () => {
    const solved: TrainingSet = {
      documents: Array.from({ length: 40 }, (_, i) => `only${i}`),
      queries: Array.from({ length: 40 }, (_, i) => ({ text: `only${i}`, positives: [i] })),
    }

    it('refuses an expert that does not beat the base, with the figures', async () => {
      const training = trainExpert({ ...options, pairs: [solved], base, method: 'table' })

      await expect(training).rejects.toMatchObject({ code: 'TRAINING_REFUSED', expert: 'slang', scores: { general: 1, expert: 1 } })
    })

    it('gives it all the same when told to', async () => {
      const expert = await trainExpert({ ...options, pairs: [solved], base, method: 'table', force: true })

      expect(expert.heldOut).toEqual({ general: 1, expert: 1 })
    })
  })

  it('stops when it is told to', async () => {
    const abort = new AbortController()
    const training = trainExpert({
      ...options,
      base,
      method: 'table',
      signal: abort.signal,
      onProgress: () => abort.abort(new Error('enough')),
    })

    await expect(training).rejects.toThrow('enough')
  })

  it.each([
    ['too few pairs', pairs.slice(0, 3)],
    ['an empty query', [{ query: ' ', document: 'x' }, ...pairs]],
    ['an answer that is not there', [{ documents: ['a'], queries: [{ text: 'q', positives: [1] }] }]],
  ])('refuses %s', async (_, wrong) => {
    const training = trainExpert({ ...options, base, method: 'table', pairs: wrong as TrainingPair[] })

    await expect(training).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})
