import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parsePeft, peftFiles, readPeft, writePeft, type PeftConfig } from '../../../src/encoder/lora/peft.ts'
import type { LoraModule, LoraWeights } from '../../../src/encoder/lora/weights.ts'
import { bytesOf, readSafetensors, writeSafetensors, type Tensor } from '../../../src/safetensors.ts'
import { temporaryDirectory } from '../models.ts'

const fixtures = fileURLToPath(new URL('../../fixtures/peft', import.meta.url))
const expected = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as Record<
  string,
  Record<string, { rank: number; inputs: number; outputs: number; added: number[] }>
>
const names = ['single', 'half', 'brain'] as const

/** scaling · B · (A · x) for x = cos 0, cos 1, … */
function added({ a, b, rank, inputs, outputs, scaling }: LoraModule & { scaling: number }): number[] {
  const inner = Array.from({ length: rank }, (_, r) => {
    let sum = 0
    for (let i = 0; i < inputs; i++) sum += a[r * inputs + i]! * Math.cos(i)
    return sum
  })
  return Array.from({ length: outputs }, (_, o) => scaling * inner.reduce((sum, value, r) => sum + b[o * rank + r]! * value, 0))
}

const config: PeftConfig = { peft_type: 'LORA', r: 1, lora_alpha: 2, target_modules: ['query'] }
const query = 'base_model.model.layer.0.query'
const f32 = (shape: number[], values: number[]): Tensor => ({ dtype: 'F32', shape, data: bytesOf(Float32Array.from(values)) })
const good: Readonly<Record<string, Tensor>> = {
  [`${query}.lora_A.weight`]: f32([1, 2], [1, 2]),
  [`${query}.lora_B.weight`]: f32([3, 1], [1, 2, 3]),
}

/** An adapter of one small layer with these changes. */
function small(fields: object = {}, tensors: Readonly<Record<string, Tensor>> = good) {
  return parsePeft(
    { config: Buffer.from(JSON.stringify({ ...config, ...fields })), weights: writeSafetensors(new Map(Object.entries(tensors))) },
    'law',
  )
}

describe('an adapter that another implementation of the format wrote', () => {
  it.each(names)('adds to every layer what its maker computed: %s', async (name) => {
    const { weights } = await readPeft(join(fixtures, name))

    expect(weights.modules.map(({ module }) => module).sort()).toEqual(Object.keys(expected[name]!).sort())
    for (const module of weights.modules) {
      const { added: sums, ...sides } = expected[name]![module.module]!
      expect(module).toMatchObject(sides)
      added({ ...module, scaling: module.scaling ?? weights.scaling }).forEach((value, i) => expect(value).toBeCloseTo(sums[i]!, 5))
    }
  })

  it.each([
    ['single', 'F32', 2],
    ['half', 'F16', 4],
    ['brain', 'BF16', 2],
  ] as const)('is read in its element type, with its scaling: %s', async (name, dtype, scaling) => {
    const adapter = await readPeft(join(fixtures, name))

    expect(adapter.dtype).toBe(dtype)
    expect(adapter.weights.scaling).toBe(scaling)
    expect(adapter.config.auto_mapping).toEqual({
      base_model_class: 'BertModel',
      parent_library: 'transformers.models.bert.modeling_bert',
    })
  })

  it('may give some layers a rank and a scaling of their own', async () => {
    const { weights } = await readPeft(join(fixtures, 'brain'))

    expect(weights.modules.map(({ module, rank, scaling }) => [module.split('.').at(-1), rank, scaling])).toEqual([
      ['query', 4, undefined],
      ['value', 2, 1.5],
    ])
  })

  it.each(['single', 'half'] as const)('is written again byte for byte: %s', async (name) => {
    const { weights, config: fields, dtype } = await readPeft(join(fixtures, name))
    const directory = temporaryDirectory()

    await writePeft(directory, weights, fields, { dtype })

    const [file, own] = ['adapter_model.safetensors', 'adapter_config.json']
    expect(readFileSync(join(directory, file))).toEqual(readFileSync(join(fixtures, name, file)))
    expect(JSON.parse(readFileSync(join(directory, own), 'utf8'))).toEqual(JSON.parse(readFileSync(join(fixtures, name, own), 'utf8')))
  })

  it('keeps its values, patterns and unknown fields where its keys are put into their usual form', async () => {
    const { weights, config: fields, dtype } = await readPeft(join(fixtures, 'brain'))
    const directory = temporaryDirectory()

    await writePeft(directory, weights, { ...fields, of_next_year: [1] }, { dtype })

    const again = await readPeft(directory)
    expect(again).toEqual({ weights, config: { ...fields, of_next_year: [1] }, dtype })
    const tensors = (path: string) => [...readSafetensors(readFileSync(join(path, 'adapter_model.safetensors')), path).tensors.entries()]
    expect(tensors(directory).map(([name, { data }]) => [name, Buffer.from(data).toString('hex')])).toEqual(
      tensors(join(fixtures, 'brain')).map(([name, { data }]) => [name.replace('.law.', '.'), Buffer.from(data).toString('hex')]),
    )
  })
})

describe('an adapter of our own', () => {
  const module = (path: string, rank: number, scaling?: number): LoraModule => ({
    module: path,
    rank,
    inputs: 3,
    outputs: 2,
    a: Float32Array.from({ length: 3 * rank }, (_, i) => Math.sin(i) / 3),
    b: Float32Array.from({ length: 2 * rank }, (_, i) => Math.cos(i) / 7),
    ...(scaling !== undefined && { scaling }),
  })
  const weights: LoraWeights = {
    scaling: 16 / 3,
    modules: [module('layer.0.key', 3), module('layer.1.key', 3), module('layer.1.out', 2, 0.7)],
  }

  it('comes back bit by bit, with all that PEFT wants to know', async () => {
    const directory = temporaryDirectory()

    await writePeft(directory, weights, { base_model_name_or_path: 'our/base' })

    const again = await readPeft(directory)
    expect(again.weights).toEqual(weights)
    expect(again.config).toMatchObject({
      peft_type: 'LORA',
      task_type: 'FEATURE_EXTRACTION',
      base_model_name_or_path: 'our/base',
      r: 3,
      lora_alpha: 16,
      bias: 'none',
      target_modules: ['layer.0.key', 'layer.1.key', 'layer.1.out'],
      rank_pattern: { 'layer\\.1\\.out': 2 },
      alpha_pattern: { 'layer\\.1\\.out': 1.4 },
    })
  })

  it('may name its targets shortly, or scale by the root of its rank', () => {
    const files = peftFiles(
      { scaling: 4 / Math.sqrt(3), modules: weights.modules.slice(0, 2) },
      { use_rslora: true, target_modules: ['key'] },
    )

    expect(JSON.parse(Buffer.from(files.get('adapter_config.json')!).toString())).toMatchObject({ lora_alpha: 4, target_modules: ['key'] })
  })

  it.each([
    [{ r: 5, rank_pattern: {} }, /rank 5 and scaling .* for layer\.0\.key, whose weights have rank 3/],
    [{ lora_alpha: 1, alpha_pattern: {} }, /scaling 0\.333.* for layer\.0\.key/],
    [{ target_modules: ['key'] }, /no change for layer\.1\.out/],
    [{ use_dora: true }, /DoRA/],
  ])('is not written under a configuration that says otherwise: %j', (fields, problem) => {
    expect(() => peftFiles(weights, fields)).toThrow(problem)
    expect(() => peftFiles({ scaling: 1, modules: [] })).toThrow(/change no module/)
  })
})

describe('an adapter that is refused', () => {
  it('says what it has beside low-rank weights', () => {
    expect(small().weights.modules).toHaveLength(1)
    expect(() => small({ peft_type: 'IA3' })).toThrow(/of the type IA3.*Only LoRA/)
    for (const [fields, problem] of [
      [{ bias: 'all' }, /biases too.*\(bias\)/],
      [{ bias: 'lora_only' }, /biases too.*\(bias\)/],
      [{ use_dora: true }, /DoRA.*\(use_dora\)/],
      [{ lora_bias: true }, /lora_bias/],
      [{ modules_to_save: ['classifier'] }, /layers of its own \(modules_to_save\)/],
      [{ init_lora_weights: 'pissa_niter_4' }, /a changed model \(init_lora_weights\)/],
      [{ layer_replication: [[0, 2]] }, /layer_replication/],
    ] as const)
      expect(() => small(fields), JSON.stringify(fields)).toThrow(problem)
    expect(small({ modules_to_save: [], init_lora_weights: 'gaussian', trainable_token_indices: null }).weights.modules).toHaveLength(1)
  })

  it.each([
    ['lora_embedding_A', /embedding table/],
    ['lora_magnitude_vector.weight', /DoRA/],
    ['lora_B.bias', /bias of a branch/],
    ['weight', /no low-rank weight/],
  ])('names the tensor that is none of its own: %s', (key, problem) => {
    const change = (): unknown => small({}, { ...good, [`${query}.${key}`]: f32([1], [1]) })

    expect(change).toThrow(problem)
    expect(change).toThrow(`${query}.${key}`)
    expect(change).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
  })

  it.each([
    ['r', { r: 0 }],
    ['r', { r: 1.5 }],
    ['lora_alpha', { lora_alpha: 'all' }],
    ['lora_alpha', { lora_alpha: 0 }],
    ['rank_pattern', { rank_pattern: { query: 2.5 } }],
    ['alpha_pattern', { alpha_pattern: [1] }],
    ['target_modules', { target_modules: [1] }],
  ])('names the field that means nothing: %s', (field, fields) => {
    expect(() => small(fields)).toThrow(new RegExp(`law/adapter_config\\.json has .* for "${field}"`))
  })

  it('names the module whose sides, ranks, values or targets are wrong', () => {
    const [A, B] = [`${query}.lora_A.weight`, `${query}.lora_B.weight`]
    for (const [tensors, problem] of [
      [{ ...good, [B]: f32([1, 3], [1, 2, 3]) }, /lora_A of 1 × 2 for layer\.0\.query, and a lora_B of 1 × 3/],
      [{ ...good, [A]: f32([1, 2, 1], [1, 2]) }, /lora_A of 1 × 2 × 1 for layer\.0\.query, which is no linear layer/],
      [{ [A]: good[A]! }, /lacks lora_B of layer\.0\.query/],
      [{ ...good, [A]: f32([1, 2], [Number.NaN, 2]) }, /not finite numbers in lora_A of layer\.0\.query/],
      [{ ...good, [B]: { dtype: 'F16', shape: [3, 1], data: bytesOf(Uint16Array.of(0x7c00, 0, 0)) } }, /not finite numbers in lora_B/],
      [{ ...good, [B]: { dtype: 'I8', shape: [3, 1], data: bytesOf(Int8Array.of(1, 2, 3)) } }, /I8 values in lora_B of layer\.0\.query/],
      [{ ...good, 'layer.0.query.lora_A.second.weight': f32([1, 2], [1, 2]) }, /several adapters: default, second/],
      [{}, /holds no LoRA weights/],
    ] as const)
      expect(() => small({}, tensors as Record<string, Tensor>)).toThrow(problem)
    expect(() => small({ r: 2 })).toThrow(/rank 1 for layer\.0\.query, where its configuration says 2/)
    expect(() => small({ target_modules: ['value'] })).toThrow(/changes layer\.0\.query, which the target_modules/)
    expect(() => small({ target_modules: 'layer\\.1.*' })).toThrow(/changes layer\.0\.query/)
    expect(() => small({ target_modules: '(' })).toThrow(/no regular expression/)
  })

  it('names the file that is missing, and a pickle that is in its place', async () => {
    const directory = temporaryDirectory()
    await expect(readPeft(directory)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND', message: expect.stringContaining(directory) })

    writeFileSync(join(directory, 'adapter_config.json'), JSON.stringify(config))
    writeFileSync(join(directory, 'adapter_model.bin'), 'pickle')

    await expect(readPeft(directory)).rejects.toThrow(/adapter_model\.bin, a pickle.*safe_serialization=True/)
  })
})
