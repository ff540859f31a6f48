import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeEncoder } from '../../models/encoders/files.ts'
import type { Encoder } from '../../src/encoder/encoder.ts'
import { onnxEncoder } from '../../src/encoder/onnx.ts'
import { fitBytes, fitQuerySide, fitRoom, type FitOptions, type FitSet } from '../../src/train/expert/fit.ts'
import type { QuerySide } from '../../src/train/expert/query-side.ts'
import { trainExpert, type StaticBase, type TrainingLogEntry, type TrainingSet } from '../../src/train/index.ts'
import { releasedRecipes } from '../../src/train/losses/loss.ts'
import { random } from '../../src/train/random.ts'
import { bytesFor, workspace } from '../../src/train/simd/workspace.ts'
import { normalize, type Vector } from '../../src/vector.ts'

const dimensions = 16
const words = new Map<string, number>()
const rowOf = (word: string): number => words.get(word) ?? words.set(word, words.size).get(word)!
const generator = random(5)
const table: StaticBase = {
  id: 'toy',
  dimensions,
  table: Float32Array.from({ length: 400 * dimensions }, () => generator.normal()),
  tokenize: (text) => text.split(' ').filter(Boolean).map(rowOf),
}
const vectorOf = (text: string): Vector => {
  const vector = new Float32Array(dimensions)
  for (const row of Array.from(table.tokenize(text))) for (let d = 0; d < dimensions; d++) vector[d]! += table.table[row * dimensions + d]!
  return normalize(vector)
}
const encoder: Encoder = { id: 'toy', dimensions, close: async () => {}, encode: async (texts) => texts.map(vectorOf) }

/** A teacher who knows that a query with `q3` is helped by documents with `word3`, and half as much by those of the neighbouring word. */
function taught(task: string, queries: number, more: Partial<TrainingSet> & { shuffle?: boolean } = {}): TrainingSet {
  const { shuffle, ...rest } = more
  const draw = random(9, queries)
  const documents = Array.from({ length: 200 }, (_, i) => `${task} word${i % 20} thing${i >> 3}`)
  const list = Array.from({ length: queries }, (_, i) => {
    const kind = i % 20
    // Two that fit, two that nearly do, and six others.
    const near = [0, 0, 1, 1].map((off) => ((kind + off) % 20) + 20 * Math.floor(10 * draw.next()))
    const places = [...near, ...Array.from({ length: 6 }, () => Math.floor(200 * draw.next()))].filter((p, j, all) => all.indexOf(p) === j)
    const exact = places.map((place): number => (place % 20 === kind ? 4 : place % 20 === (kind + 1) % 20 ? 2 : 0))
    const values = shuffle ? exact.map((_, j) => exact[(j + 1 + Math.floor(draw.next() * exact.length)) % exact.length]!) : exact
    return {
      text: `${task} please q${kind} r${i % 7} now${i % 5}`,
      positives: [places[values.indexOf(Math.max(...values))]!],
      rewards: { places, values },
    }
  })
  return { task, documents, queries: list.slice(0, -40), heldOut: list.slice(-40), ...rest }
}

const options = {
  name: 'taught',
  folds: 0,
  rates: [0.02],
  steps: 100,
  batchSize: 32,
  seed: 2,
  dropout: 0,
  negatives: 0,
  force: true,
} as const
const gradedLoss = releasedRecipes.qa.loss
const klLoss = { contrastive: 0, distillation: { kind: 'kl', temperature: 0.5 } } as const

describe('training from rewards', () => {
  it.each([
    ['graded distillation', gradedLoss],
    ['KL', klLoss],
    ['contrast of the best candidate', {}],
  ])('finds what a teacher prefers: %s', async (_, loss) => {
    const { heldOut } = await trainExpert({ ...options, method: 'table', base: table, pull: 0, pairs: [taught('a', 240, { loss })] })

    expect(heldOut.expert).toBeGreaterThan(heldOut.general + 0.08)
  })

  it('learns nothing from rewards that were shuffled', async () => {
    const real = taught('a', 240, { loss: gradedLoss })
    const shuffled = { ...taught('a', 240, { loss: gradedLoss, shuffle: true }), heldOut: real.heldOut! }
    const [one, other] = await Promise.all(
      [real, shuffled].map((set) => trainExpert({ ...options, method: 'table', base: table, pull: 0, pairs: [set] })),
    )

    expect(one!.heldOut.expert).toBeGreaterThan(other!.heldOut.expert + 0.05)
  })

  it('keeps what training has done to it where it may not stop early', async () => {
    const set = taught('a', 240, { loss: klLoss })
    const wrong = set.queries.map((query) => ({
      ...query,
      rewards: { ...query.rewards!, values: query.rewards!.values.map((value) => -value) },
    }))
    const train = (earlyStopping: boolean) =>
      trainExpert({ ...options, method: 'table', base: table, pull: 0, pairs: [{ ...set, queries: wrong }], steps: 40, earlyStopping })
    const [stopped, went] = await Promise.all([train(true), train(false)])

    expect(stopped.heldOut.expert).toBe(stopped.heldOut.general)
    expect(went.steps).toBe(40)
    expect(went.heldOut.expert).toBeLessThan(stopped.heldOut.expert)
  })

  it('works for adapters, and for both sides where documents learn as well', async () => {
    const pairs = [taught('a', 240, { loss: gradedLoss })]
    const [one, tied] = await Promise.all(
      [false, true].map((both) =>
        trainExpert({ ...options, method: 'adapter', base: encoder, rank: 16, rates: [2e-2], pairs, tied: both }),
      ),
    )

    expect(one!.heldOut.expert).toBeGreaterThan(one!.heldOut.general + 0.02)
    expect(tied!.heldOut.expert).toBeGreaterThan(tied!.heldOut.general + 0.02)
    expect([one!.tied, tied!.tied]).toEqual([false, true])
  })

  it('refuses to tie the documents of a table, and rewards that are no numbers', async () => {
    const pairs = [taught('a', 60)]
    await expect(trainExpert({ ...options, method: 'table', base: table, pairs, tied: true })).rejects.toThrow(
      'tied is for documents that learn',
    )
    const broken = { ...pairs[0]!, queries: [{ text: 'q', positives: [0], rewards: { places: [0, 1], values: [1, Number.NaN] } }] }
    await expect(trainExpert({ ...options, method: 'table', base: table, pairs: [broken] })).rejects.toThrow('not a finite number: "q"')
    const short = { ...pairs[0]!, queries: [{ text: 'q', positives: [0], rewards: { places: [0, 1], values: [1] } }] }
    await expect(trainExpert({ ...options, method: 'table', base: table, pairs: [short] })).rejects.toThrow(
      '2 candidates and 1 rewards: "q"',
    )
  })

  it('puts an instruction before queries and documents, for each set its own', async () => {
    const seen: string[] = []
    const listening: Encoder = { ...encoder, encode: async (texts) => (seen.push(...texts), texts.map(vectorOf)) }
    const instruction = { query: 'find: ', document: 'key: ' }
    await trainExpert({
      ...options,
      method: 'adapter',
      base: listening,
      steps: 1,
      pairs: [taught('a', 60, { instruction }), taught('b', 60)],
    })

    expect(seen.filter((text) => text.startsWith('find: a please'))).toHaveLength(60)
    expect(seen.filter((text) => text.startsWith('key: a word'))).toHaveLength(200)
    expect(seen.filter((text) => text.startsWith('b '))).toHaveLength(260)
  })
})

describe('the training log', () => {
  const loss = { contrastive: 0, distillation: { kind: 'graded', studentTemperature: 0.05 } } as const
  const both = [taught('easy', 200, { loss }), taught('hard', 200, { loss, shuffle: true })]
  const logOf = async (more: { homogeneous?: boolean; selfPaced?: boolean }): Promise<TrainingLogEntry[]> => {
    const log: TrainingLogEntry[] = []
    await trainExpert({ ...options, ...more, method: 'table', base: table, pull: 0, pairs: both, onLog: (entry) => log.push(entry) })
    return log
  }

  it('shows batches of one task each, unless tasks are mixed', async () => {
    const tasksOf = (log: TrainingLogEntry[]): number[] => log.map(({ queries }) => Object.keys(queries).length)
    const homogeneous = await logOf({})
    const mixed = await logOf({ homogeneous: false })

    expect(new Set(tasksOf(homogeneous))).toEqual(new Set([1]))
    expect(new Set(homogeneous.flatMap(({ queries }) => Object.keys(queries)))).toEqual(new Set(['easy', 'hard']))
    expect(tasksOf(mixed).filter((tasks) => tasks === 2).length).toBeGreaterThan(0.9 * mixed.length)
    expect(Object.values(mixed[0]!.queries).reduce((sum, count) => sum + count, 0)).toBe(32)
  })

  it('shows larger steps for the task whose loss stays high', async () => {
    const log = await logOf({ selfPaced: true })
    const mean = (task: string): number => {
      const late = log.slice(40).filter(({ queries }) => queries[task])
      return late.reduce((sum, { pace }) => sum + pace, 0) / late.length
    }

    expect(mean('hard')).toBeGreaterThan(1.1 * mean('easy'))
    expect((await logOf({})).every(({ pace }) => pace === 1)).toBe(true)
    expect(log.every(({ rate, pace }) => rate <= 0.05 * pace + 1e-12)).toBe(true)
  })
})

describe('the gradient of a step', () => {
  /** A side whose vectors are its own state, so that a central difference can move each number of them. */
  const texts = 24
  const room = (batchSize: number) => {
    const sizes = { batchSize, hardNegatives: 0, negatives: 4, candidates: 3, pool: 16 }
    const space = workspace(bytesFor(32 * 4) + fitBytes(4, 32, sizes))
    return { documents: space.floats(32 * 4), room: fitRoom(space, 4, 32, sizes), sizes }
  }

  it.each([
    ['contrast', undefined, false],
    ['graded distillation', gradedLoss, true],
    ['KL', klLoss, true],
    ['contrast', undefined, true],
  ] as const)('of both sides is what central differences find: %s', async (_, loss, rewarded) => {
    const { documents, room: space, sizes } = room(4)
    const draw = random(3)
    const vectors = Float32Array.from({ length: texts * 4 }, () => 0.4 * draw.normal())
    const set: FitSet = {
      documents,
      count: 16,
      queries: Array.from({ length: 8 }, (_, query) => ({
        query,
        positives: [query],
        ...(rewarded && { rewards: { places: [query, query + 4, query + 8], values: [1, 0.2 * query, -1] } }),
      })),
      heldOut: [],
      supports: false,
      firstText: 8,
      pool: [],
      ...(loss && { loss }),
    }
    let asked: readonly number[] = []
    let upstream = new Float32Array(0)
    const side = {
      dimensions: 4,
      state: {},
      forward(numbers: readonly number[], out: Float32Array) {
        asked = numbers
        numbers.forEach((number, i) => out.set(vectors.subarray(number * 4, number * 4 + 4), i * 4))
      },
      reset() {},
      keep() {},
      restore() {},
      learning: { learn: (slopes: Float32Array) => void (upstream = slopes.slice()) },
    } satisfies QuerySide
    const lossNow = async (): Promise<number> => {
      let seen = Number.NaN
      const how: FitOptions = {
        ...sizes,
        steps: 1,
        rate: 1,
        temperature: 0.5,
        dropout: 0,
        seed: 1,
        foreign: new Float32Array(0),
        foreignText: 0,
        foreignSets: false,
        homogeneous: true,
        selfPaced: false,
        lookEvery: 0,
        patience: Infinity,
        signal: undefined,
        onStep: (_, step) => void (seen = step.loss),
      }
      await fitQuerySide(side, [set], space, how)
      return seen
    }
    await lossNow()
    const gradient = new Float64Array(vectors.length)
    asked.forEach((number, i) => {
      for (let d = 0; d < 4; d++) gradient[number * 4 + d]! += upstream[i * 4 + d]!
    })
    expect(asked.some((number) => number >= 8)).toBe(true)
    for (let i = 0; i < vectors.length; i++) {
      const [value, h] = [vectors[i]!, 1e-2]
      vectors[i] = value + h
      const above = await lossNow()
      vectors[i] = value - h
      const below = await lossNow()
      vectors[i] = value
      expect(gradient[i]).toBeCloseTo((above - below) / (2 * h), 3)
    }
  })
})

describe('LoRA from rewards', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pilotfish-graded-'))
  let base: Encoder
  beforeAll(async () => {
    writeEncoder(directory, 'bert-tiny')
    base = await onnxEncoder(directory, { threads: 1 })
  })
  afterAll(async () => {
    await base.close()
    rmSync(directory, { recursive: true })
  })
  const lora = { ...options, method: 'lora', rates: [1e-2], steps: 60, batchSize: 16, rank: 4, threads: 1 } as const

  it.each([
    ['graded distillation, queries alone', gradedLoss, false],
    ['graded distillation, both sides', gradedLoss, true],
    ['KL, queries alone', klLoss, false],
    ['KL, both sides', klLoss, true],
  ] as const)('learns what a teacher prefers: %s', async (_, loss, tied) => {
    const { heldOut } = await trainExpert({ ...lora, base, tied, pairs: [taught('a', 160, { loss })] })

    expect(heldOut.expert).toBeGreaterThan(heldOut.general + 0.03)
  })

  it('takes the same step from vectors as at once', async () => {
    const set = taught('a', 100)
    const plain = { ...set, queries: set.queries.map(({ text, positives }) => ({ text, positives })) }
    const short = { ...lora, base, steps: 3 }
    const atOnce = await trainExpert({ ...short, pairs: [plain] })
    // With a loss of its own the set's gradient comes by way of the vectors.
    const fromVectors = await trainExpert({ ...short, pairs: [{ ...plain, loss: { contrastive: 1 } }] })
    const [one, other] = [atOnce, fromVectors].map(({ changes }) => changes.modules.flatMap(({ a, b }) => [...a, ...b]))

    expect(Math.max(...one!.map((value, i) => Math.abs(value - other![i]!)))).toBeLessThan(2e-4)
    expect(one!.some((value, i) => Math.abs(value) > 1e-3 && value === other![i])).toBe(true)
  })
})
