import { describe, expect, it } from 'vitest'
import type { ExpertCheckpoint } from '../../src/train/expert/checkpoint.ts'
import type { ExpertOptions } from '../../src/train/expert/expert.ts'
import { gatherSets } from '../../src/train/expert/pairs.ts'
import { trainExpert, type StaticBase, type TrainingPair, type TrainingProgress, type TrainingSet } from '../../src/train/index.ts'
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

/** As a file would keep it; the arrays of a checkpoint are live. */
const copyOf = (checkpoint: ExpertCheckpoint): ExpertCheckpoint => ({
  ...checkpoint,
  arrays: Object.fromEntries(Object.entries(checkpoint.arrays).map(([name, values]) => [name, values.slice()])),
})

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

  it.each(['embed', 'train'])('stops within a step of being told to while it is at %s', async (stage) => {
    const abort = new AbortController()
    let since = 0
    const training = trainExpert({
      ...options,
      base,
      method: 'table',
      signal: abort.signal,
      onProgress: (progress) => {
        if (abort.signal.aborted) since++
        else if (progress.stage === stage) abort.abort(new Error('enough'))
      },
    })

    await expect(training).rejects.toThrow('enough')
    expect(since).toBeLessThanOrEqual(1)
  })

  it('tells how far it is and how long it takes: first texts, then steps', async () => {
    const seen: TrainingProgress[] = []
    await trainExpert({ ...options, base, method: 'table', folds: 2, steps: 10, onProgress: (progress) => seen.push(progress) })

    expect([...new Set(seen.map(({ stage }) => stage))]).toEqual(['embed', 'train'])
    for (const stage of ['embed', 'train']) {
      const part = seen.filter((progress) => progress.stage === stage)
      expect(part.map(({ done }) => done)).toEqual(part.map(({ done }) => done).sort((a, b) => a - b))
      expect(part.every(({ done, total, eta }) => done <= total && eta! >= 0)).toBe(true)
    }
    // One rate, two parts, and all of them.
    expect(seen.at(-1)!.total).toBe(30)
  })

  describe('cut off and resumed', () => {
    const foreign = ['other words', 'more of them']
    const settings = [
      { title: 'among the parts', training: { ...options, base, foreign, method: 'table', folds: 3, steps: 12, dropout: 0.3 } },
      { title: 'between rates', training: { ...options, base, foreign, method: 'table', folds: 0, steps: 20, rates: [0.05, 0.02, 0.01] } },
      { title: 'on an adapter', training: { ...options, base: encoder, method: 'adapter', rank: 4, folds: 2, steps: 12 } },
    ] as const

    it.each(settings)('gives what it would have given, $title', async ({ training }) => {
      const train = (more: Partial<ExpertOptions>) =>
        training.method === 'table' ? trainExpert({ ...training, ...more }) : trainExpert({ ...training, ...more })
      const checkpoints: ExpertCheckpoint[] = []
      const whole = await train({ checkpointEvery: 7, onCheckpoint: (checkpoint) => void checkpoints.push(copyOf(checkpoint)) })

      expect(checkpoints.length).toBeGreaterThan(3)
      for (const resume of checkpoints) {
        const steps: number[] = []
        const resumed = await train({ resume, onProgress: ({ stage, done }) => void (stage === 'train' && steps.push(done)) })

        expect(resumed).toEqual(whole)
        expect(steps.every((step) => step > resume.step)).toBe(true)
      }
    })

    it('refuses the checkpoint of another training', async () => {
      let resume: ExpertCheckpoint | undefined
      await trainExpert({ ...settings[0].training, checkpointEvery: 5, onCheckpoint: (checkpoint) => void (resume ??= copyOf(checkpoint)) })
      const training = trainExpert({ ...settings[0].training, seed: 3, resume: resume! })

      await expect(training).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    })
  })

  describe('with few queries', () => {
    it('lets parts of them judge each other, and trains on all', async () => {
      const some = pairs.slice(0, 60)
      const expert = await trainExpert({ ...options, pairs: some, base, method: 'table', pull: 0 })

      const used = new Set(some.flatMap(({ query }) => Array.from(base.tokenize(query))))
      expect([...expert.changes.rows]).toEqual([...used].sort((a, b) => a - b))
      expect(expert.heldOut.expert).toBeGreaterThan(expert.heldOut.general + 0.2)
    })

    it('never learns from queries held out by hand, which only judge', async () => {
      const gathered = gatherSets(pairs)[0]!
      const heldOut = [{ text: 'please unheard', positives: [0] }]
      const one = await trainExpert({ ...options, pairs: [{ ...gathered, heldOut }], base, method: 'table', pull: 0, force: true })

      expect([...one.changes.rows]).not.toContain(rowOf('unheard'))
    })

    it('lets made-up questions support real ones without judging', async () => {
      const gathered = gatherSets(pairs.slice(0, 60))[0]!
      const { heldOut: _, ...support } = { ...gatherSets(pairs.map(({ document }) => ({ query: `made ${document}`, document })))[0]! }
      const expert = await trainExpert({ ...options, pairs: [gathered, { ...support, madeUp: true }], base, method: 'table', pull: 0 })
      const alone = await trainExpert({ ...options, pairs: [gathered], base, method: 'table', pull: 0 })

      expect(expert.heldOut.general).toBe(alone.heldOut.general)
      expect([...expert.changes.rows]).toContain(rowOf('made'))
    })
  })

  it('goes carefully where all questions are made up', async () => {
    const made = { ...gatherSets(pairs)[0]!, madeUp: true }
    const { pull, rate, steps } = await trainExpert({ name: 'made', pairs: [made], base, method: 'table' })

    expect({ pull, rate }).toEqual({ pull: 2, rate: 5e-3 })
    expect(steps).toBeLessThanOrEqual(60)
  })

  describe('the pull of documents', () => {
    const topics = Array.from({ length: 200 }, (_, i) => `common common topic${i % 20} filler${i % 9} filler${i % 5}`)
    const asked: TrainingSet = {
      documents: topics,
      queries: Array.from({ length: 40 }, (_, i) => ({
        text: `common filler${i % 9} topic${i % 20}`,
        positives: topics.flatMap((text, place) => (text.includes(`topic${i % 20} `) ? [place] : [])),
      })),
    }

    it('finds more without learning from any question', async () => {
      const expert = await trainExpert({ ...options, pairs: [asked], base, method: 'table', rates: [1e-9], steps: 1, force: true })

      expect(expert.pull).toBeGreaterThan(0)
      expect(expert.heldOut.expert).toBeGreaterThan(expert.heldOut.general + 0.05)
    })

    it('moves tokens that no question uses, unless it is told not to', async () => {
      const rows = async (pull: number) =>
        (
          await trainExpert({
            ...options,
            pairs: [asked, { documents: ['unasked word', ...topics], queries: [], heldOut: [] }],
            base,
            method: 'table',
            pull,
            steps: 5,
            force: true,
          })
        ).changes.rows

      expect([...(await rows(1))]).toContain(rowOf('unasked'))
      expect([...(await rows(0))]).not.toContain(rowOf('unasked'))
    })
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
