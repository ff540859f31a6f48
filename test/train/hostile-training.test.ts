import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeEncoder } from '../../models/encoders/files.ts'
import type { Encoder } from '../../src/encoder/encoder.ts'
import { onnxEncoder } from '../../src/encoder/onnx.ts'
import type { AdapterExpertOptions } from '../../src/train/expert/expert.ts'
import { releasedRecipes, trainExpert, type ExpertCheckpoint, type TrainingLogEntry, type TrainingSet } from '../../src/train/index.ts'
import { random } from '../../src/train/random.ts'
import { normalize, type Vector } from '../../src/vector.ts'

const dimensions = 16
const words = new Map<string, Float32Array>()
const generator = random(5)
const wordVector = (word: string): Float32Array => {
  if (!words.has(word))
    words.set(
      word,
      Float32Array.from({ length: dimensions }, () => generator.normal()),
    )
  return words.get(word)!
}
const vectorOf = (text: string): Vector => {
  const vector = new Float32Array(dimensions)
  for (const word of text.split(' ')) wordVector(word).forEach((value, d) => (vector[d]! += value))
  return normalize(vector)
}
const base: Encoder = { id: 'toy', dimensions, close: async () => {}, encode: async (texts) => texts.map(vectorOf) }

/** Each query with ten documents of its own, of which the first helps most. */
function setOf(task: string, count: number, more: Partial<TrainingSet> & { scored?: boolean } = {}): TrainingSet {
  const { scored = true, ...rest } = more
  const documents: string[] = []
  const queries = Array.from({ length: count }, (_, i) => {
    const places = Array.from({ length: 10 }, (__, j) => documents.push(`${task} word${(i + j) % 20} d${i}x${j}`) - 1)
    const candidates = scored ? { rewards: { places, values: places.map((___, j) => 10 - j) } } : { negatives: places.slice(1) }
    return { text: `${task} q${i % 20} r${i % 7} now${i % 5}`, positives: [places[0]!], ...candidates }
  })
  return { task, documents, queries: queries.slice(0, -20), heldOut: queries.slice(-20), ...rest }
}

const graded = releasedRecipes.qa.loss
const options = { name: 'odd', method: 'adapter', base, folds: 0, rates: [0.02], steps: 3, rank: 4, seed: 2, force: true } as const
const train = (more: Partial<AdapterExpertOptions>) => trainExpert({ ...options, pairs: [setOf('qa', 60, { loss: graded })], ...more })
const copyOf = (checkpoint: ExpertCheckpoint): ExpertCheckpoint => ({
  ...checkpoint,
  arrays: Object.fromEntries(Object.entries(checkpoint.arrays).map(([name, values]) => [name, values.slice()])),
})

describe('training with options at their ends', () => {
  it.each([
    ['scored and unscored tasks side by side', [setOf('qa', 200, { loss: graded }), setOf('tool', 200, { scored: false })]],
    ['scored queries with hard negatives', [setOf('qa', 200, { loss: graded }), setOf('chat', 200)]],
  ])('holds batches with all that they may bring: %s', async (_, pairs) => {
    const { heldOut } = await train({ pairs, batchSize: 180, hardNegatives: 7, negatives: 0, foreignSets: true })

    expect(heldOut.expert).toBeGreaterThan(0)
  })

  it('takes a batch for no larger than the queries there are', async () => {
    const [huge, all] = [await train({ batchSize: 1_000_000 }), await train({ batchSize: 40 })]

    expect(huge.changes).toEqual(all.changes)
  })

  it.each([
    [{ method: 'tables' as never }, 'method is "tables". There are table, adapter and lora'],
    [{ batchSize: 0 }, 'batchSize is 0'],
    [{ batchSize: 1.5 }, 'batchSize is 1.5'],
    [{ steps: Number.NaN }, 'steps is NaN'],
    [{ candidates: -1 }, 'candidates is -1'],
    [{ negatives: 0.5 }, 'negatives is 0.5'],
    [{ hardNegatives: Infinity }, 'hardNegatives is Infinity'],
    [{ rank: 0 }, 'rank is 0'],
    [{ checkpointEvery: 0 }, 'checkpointEvery is 0'],
    [{ temperature: 0 }, 'temperature is 0, not a number from 0.003'],
    [{ temperature: Number.NaN }, 'temperature is NaN'],
    [{ dropout: 1 }, 'dropout is 1'],
    [{ seed: 0.5 }, 'seed is 0.5'],
    [{ rates: [0] }, 'rates must hold positive numbers'],
  ] as [Partial<AdapterExpertOptions>, string][])('names what means nothing: %j', async (more, message) => {
    await expect(train(more)).rejects.toThrow(message)
  })

  it.each([
    [
      'a temperature that no cosine survives',
      { loss: { distillation: { kind: 'kl', studentTemperature: 0.001 } } },
      'studentTemperature is 0.001',
    ],
    ['queries that only judge', { queries: [] }, 'no queries to learn from'],
    ['a place between two documents', { queries: [{ text: 'x', positives: [0.5] }] }, 'without an answer among the documents: "x"'],
    [
      'rewards whose differences are no numbers',
      { queries: [{ text: 'x', positives: [0], rewards: { places: [0, 1], values: [1e308, -1e308] } }] },
      'a reward beyond 1e+30: "x"',
    ],
    [
      'a teacher who likes all alike',
      { heldOut: [{ text: 'x', positives: [0], rewards: { places: [0, 1], values: [2, 2] } }] },
      'no query whose rewards differ',
    ],
  ] as [string, Partial<TrainingSet>, string][])('names sets that cannot be learned from or judged by: %s', async (_, more, message) => {
    await expect(train({ pairs: [setOf('qa', 60, more)], force: false })).rejects.toThrow(message)
  })

  it('never takes an expert for good whose numbers are none', async () => {
    const broken: Encoder = { ...base, encode: async (texts) => texts.map(() => new Float32Array(dimensions).fill(Number.NaN)) }

    await expect(train({ base: broken })).rejects.toThrow('make the loss NaN at step 1')
  })
})

describe('training of several tasks, cut off and resumed', () => {
  const pairs = [
    setOf('qa', 60, { loss: graded }),
    setOf('chat', 50, { loss: releasedRecipes.chat.loss }),
    setOf('tool', 45, { scored: false }),
  ]
  const long = { pairs, steps: 16, batchSize: 12, negatives: 8, selfPaced: true, tied: true } as const
  const directory = mkdtempSync(join(tmpdir(), 'pilotfish-resume-'))
  let transformer: Encoder
  beforeAll(async () => {
    writeEncoder(directory, 'bert-tiny')
    transformer = await onnxEncoder(directory, { threads: 1 })
  })
  afterAll(async () => {
    await transformer.close()
    rmSync(directory, { recursive: true })
  })

  it.each(['adapter', 'lora'] as const)(
    'gives the same weights, bit for bit, with self-paced steps and tied documents: %s',
    async (method) => {
      const run = (more: Partial<AdapterExpertOptions>) =>
        method === 'adapter'
          ? train({ ...long, ...more })
          : trainExpert({ ...options, ...long, ...more, method, base: transformer, threads: 1, steps: 6, batchSize: 6, negatives: 0 })
      const kept: ExpertCheckpoint[] = []
      const log: TrainingLogEntry[] = []
      const whole = await run({
        checkpointEvery: method === 'adapter' ? 5 : 3,
        onCheckpoint: (checkpoint) => void kept.push(copyOf(checkpoint)),
        onLog: (entry) => void log.push(entry),
      })

      expect(kept.length).toBeGreaterThan(1)
      expect(log.some(({ pace }) => pace !== 1)).toBe(true)
      for (const resume of kept) {
        const again: TrainingLogEntry[] = []
        const resumed = await run({ resume, onLog: (entry) => void again.push(entry) })

        expect(resumed).toEqual(whole)
        expect(again).toEqual(log.slice(resume.step))
      }
    },
  )

  it.each([
    ['other documents', { documents: pairs[0]!.documents.map((text) => `${text} changed`) }],
    ['another instruction before documents', { instruction: { document: 'Passage: ' } }],
  ])('refuses a checkpoint of %s', async (_, more) => {
    let resume: ExpertCheckpoint | undefined
    await train({ ...long, checkpointEvery: 4, onCheckpoint: (checkpoint) => void (resume ??= copyOf(checkpoint)) })

    await expect(train({ ...long, pairs: [{ ...pairs[0]!, ...more }, ...pairs.slice(1)], resume: resume! })).rejects.toThrow(
      'the checkpoint of another training',
    )
  })
})
