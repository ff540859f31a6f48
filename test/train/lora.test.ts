import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeEncoder } from '../../models/encoders/files.ts'
import type { Encoder } from '../../src/encoder/encoder.ts'
import { onnxEncoder } from '../../src/encoder/onnx.ts'
import type { ExpertCheckpoint } from '../../src/train/expert/checkpoint.ts'
import { trainExpert, type TrainingPair, type TrainingProgress } from '../../src/train/index.ts'

const directory = mkdtempSync(join(tmpdir(), 'pilotfish-lora-'))
let base: Encoder

beforeAll(async () => {
  writeEncoder(directory, 'bert-tiny')
  base = await onnxEncoder(directory, { threads: 1 })
})
afterAll(async () => {
  await base.close()
  rmSync(directory, { recursive: true })
})

const places = ['garden', 'river', 'tower', 'market', 'bridge', 'school', 'harbour', 'forest']
const slang = ['zub', 'kel', 'mov', 'tir', 'pag', 'nox', 'wem', 'dil']
/** What people call a place says nothing of it to a model that has not learned from them. */
const pairs: TrainingPair[] = Array.from({ length: 160 }, (_, i) => ({
  query: `${['where is', 'show me', 'take us to', 'we want'][i % 4]} ${slang[i % 8]} ${['now', 'today', 'soon', 'please', 'again'][i % 5]}`,
  document: `the ${places[i % 8]} of the town`,
}))
const options = {
  name: 'slang',
  method: 'lora',
  pairs,
  folds: 0,
  rates: [1e-2],
  steps: 60,
  batchSize: 16,
  rank: 4,
  threads: 1,
  seed: 3,
} as const

/** As a file would keep it; the arrays of a checkpoint are live. */
const copyOf = (checkpoint: ExpertCheckpoint): ExpertCheckpoint => ({
  ...checkpoint,
  arrays: Object.fromEntries(Object.entries(checkpoint.arrays).map(([name, values]) => [name, Float32Array.from(values)])),
})

describe('LoRA training', () => {
  it('learns what the base cannot know, in the layers it was asked to change', async () => {
    const { heldOut, changes, base: id } = await trainExpert({ ...options, base, steps: 150, targets: ['query', 'value', 'output.dense'] })
    expect(heldOut.general).toBeLessThan(0.6)
    expect(heldOut.expert).toBeGreaterThan(0.8)
    expect(id).toBe(base.id)
    expect(changes.scaling).toBe(4)
    expect(
      changes.modules
        .map(({ module, rank, inputs, outputs }) => [module.replace(/^.*layer\.\d+\./, ''), rank, inputs, outputs])
        .slice(0, 4),
    ).toEqual([
      ['attention.self.query', 4, 32, 32],
      ['attention.self.value', 4, 32, 32],
      ['attention.output.dense', 4, 32, 32],
      ['output.dense', 4, 64, 32],
    ])
    for (const { a, b } of changes.modules) {
      expect(a).toHaveLength(4 * changes.modules.find((each) => each.a === a)!.inputs)
      expect([...a, ...b].every(Number.isFinite)).toBe(true)
      expect(b.some((value) => value !== 0)).toBe(true)
    }
  })

  it('starts as the base: an expert of no step finds what the general one finds', async () => {
    const { heldOut, changes } = await trainExpert({ ...options, base, force: true, rates: [1e-12], steps: 1 })
    expect(heldOut.expert).toBe(heldOut.general)
    expect(changes.modules.every(({ b }) => b.every((value) => Math.abs(value) < 1e-9))).toBe(true)
  })

  it('gives the same weights, bit for bit, wherever it was cut off', async () => {
    const short = { ...options, base, steps: 12, checkpointEvery: 1, force: true }
    const kept: ExpertCheckpoint[] = []
    const whole = await trainExpert({ ...short, onCheckpoint: (checkpoint) => void kept.push(copyOf(checkpoint)) })
    for (const resume of [kept[0]!, kept[6]!, kept.at(-1)!]) {
      const resumed = await trainExpert({ ...short, resume })
      expect(resumed.heldOut).toEqual(whole.heldOut)
      expect(resumed.changes).toEqual(whole.changes)
    }
    const other = await trainExpert({ ...short, seed: 4 })
    expect(other.changes).not.toEqual(whole.changes)
  })

  it('refuses a checkpoint of other settings', async () => {
    let kept: ExpertCheckpoint | undefined
    await trainExpert({ ...options, base, steps: 2, checkpointEvery: 1, force: true, onCheckpoint: (each) => void (kept = copyOf(each)) })
    await expect(trainExpert({ ...options, base, steps: 2, alpha: 2, resume: kept! })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('reports loss, pace and score, and stops when told', async () => {
    const seen: TrainingProgress[] = []
    const controller = new AbortController()
    const stopped = trainExpert({
      ...options,
      base,
      signal: controller.signal,
      onProgress(progress) {
        seen.push(progress)
        if (progress.stage === 'train' && progress.done === 3) controller.abort(new Error('enough'))
      },
    })
    await expect(stopped).rejects.toThrow('enough')
    const steps = seen.filter(({ stage }) => stage === 'train')
    expect(steps.map(({ done }) => done)).toEqual([1, 2, 3])
    for (const { loss, total, eta } of steps) {
      expect(loss).toBeGreaterThan(0)
      expect(total).toBe(60)
      expect(eta).toBeGreaterThan(0)
    }
  })

  it('refuses what it cannot change: by the name of what is missing', async () => {
    await expect(trainExpert({ ...options, base, targets: ['c_attn'] })).rejects.toThrow(/"c_attn".*attention\.self\.query \(2\)/s)
    const foreign: Encoder = { ...base, encode: (texts) => base.encode(texts) }
    await expect(trainExpert({ ...options, base: foreign })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'base' })
    await expect(trainExpert({ ...options, base, rank: 0 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'rank' })
  })
})
