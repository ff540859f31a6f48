import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError, DimensionMismatchError, InvalidModelError, ModelNotFoundError } from '../../src/errors.ts'
import { onnxEncoder } from '../../src/encoder/onnx.ts'
import { loadStaticModel } from '../../src/encoder/static-model.ts'
import { staticEncoder } from '../../src/encoder/static.ts'
import { bytesOf, readSafetensors, writeSafetensors, type Tensor } from '../../src/safetensors.ts'
import { dot, normalize } from '../../src/vector.ts'
import { describeEncoder, expectClose } from '../conformance/encoder.ts'
import { modelWith, sharedModel, tinyStatic, tinyWords } from './models.ts'

describeEncoder('staticEncoder', () => staticEncoder(tinyStatic), { zeros: true, words: tinyWords })

const model = await loadStaticModel(tinyStatic)
const tensors = readSafetensors(readFileSync(join(tinyStatic, 'model.safetensors')), 'model.safetensors').tensors
const texts = ['how to unpack a tar archive', 'fever of a child', 'what is a loan', '', 'ꙮ', 'unpack ꙮ archive', 'tar '.repeat(200)]

function row(word: string): Float32Array {
  const id = model.tokenize(word)[0]!
  return model.table.slice(id * model.dimensions, (id + 1) * model.dimensions)
}

function f32(values: readonly number[], shape: readonly number[]): Tensor {
  return { dtype: 'F32', shape, data: bytesOf(Float32Array.from(values)) }
}

describe('a static model', () => {
  it('gives the unit-length mean of its token rows', async () => {
    const [vector] = await staticEncoder(model).encode(['fever dose'])

    const expected = row('fever').map((value, i) => value + row('dose')[i]!)
    expectClose(vector!, normalize(expected), 1e-6)
  })

  it('gives the plain mean when asked not to normalise', async () => {
    const [vector] = await staticEncoder(model, { normalize: false }).encode(['fever fever'])

    expectClose(vector!, row('fever'), 1e-7)
  })

  it('leaves unknown tokens out of the mean', async () => {
    const [dirty, clean] = await staticEncoder(model).encode(['unpack ꙮ archive', 'unpack archive'])

    expect(dirty).toEqual(clean)
  })

  it('multiplies rows stored as bytes by the weight of their token', () => {
    const stored = new Int8Array(tensors.get('embeddings')!.data)
    const scales = new Float32Array(new Uint8Array(tensors.get('weights')!.data).buffer)

    expect(model.table[5 * 16 + 3]).toBeCloseTo(stored[5 * 16 + 3]! * scales[5]!, 7)
  })

  it('follows a mapping from tokens to shared rows', async () => {
    const { weights, embeddings } = Object.fromEntries(tensors)
    const size = model.vocabularySize
    const mapping: Tensor = { dtype: 'I64', shape: [size], data: bytesOf(BigInt64Array.from({ length: size }, () => 7n)) }
    const directory = modelWith(tinyStatic, {
      'model.safetensors': writeSafetensors(new Map(Object.entries({ mapping, embeddings: embeddings!, weights: weights! }))),
    })

    const [a, b] = await (await staticEncoder(directory)).encode(['fever', 'dose'])

    expectClose(a!, b!, 1e-6)
  })

  it('reads the layout of sentence-transformers, which keeps unknown tokens', async () => {
    const directory = modelWith(tinyStatic, {
      'model.safetensors': writeSafetensors(new Map([['embedding.weight', f32([...model.table], [model.vocabularySize, 16])]])),
    })
    const encoder = await staticEncoder(directory)

    const [fever, unknown] = await encoder.encode(['fever', 'ꙮ'])

    expectClose(fever!, normalize(row('fever')), 1e-6)
    expect(dot(unknown!, unknown!)).toBeCloseTo(1, 5)
  })

  it('equals both of its ONNX forms', async () => {
    const expected = await staticEncoder(model).encode(texts)

    for (const file of ['onnx/model.onnx', 'onnx/model_offsets.onnx']) {
      const onnx = await onnxEncoder(tinyStatic, { file, maxTokens: model.maxTokens })
      const vectors = await onnx.encode(texts)
      vectors.forEach((vector, i) => expectClose(vector, expected[i]!))
      await onnx.close()
    }
  })

  it('reads the number of tokens its settings name, and reports the others', async () => {
    const reported: unknown[] = []

    const [cut, whole] = await staticEncoder(model).encode([`${'tar '.repeat(32)}${'fever '.repeat(8)}`, 'tar '.repeat(32)], {
      onTruncated: (truncation) => reported.push(truncation),
    })

    expect(cut).toEqual(whole)
    expect(reported).toEqual([{ index: 0, tokens: 40, limit: 32 }])
  })

  it('reads fewer tokens when asked, under another id', async () => {
    const encoder = staticEncoder(model, { maxTokens: 1 })

    const [vector] = await encoder.encode(['tar fever'])

    expectClose(vector!, normalize(row('tar')), 1e-6)
    expect(encoder.id).not.toBe(model.id)
    expect(staticEncoder(model, { maxTokens: model.maxTokens }).id).toBe(model.id)
  })

  it('puts a prefix before every text but the one that says nothing', async () => {
    const [prefixed, nothing] = await staticEncoder(model, { prefix: 'query ' }).encode(['fever', 'ꙮ'])

    const [joined] = await staticEncoder(model).encode(['query fever'])
    expectClose(prefixed!, joined!, 1e-6)
    expect(nothing!.every((value) => value === 0)).toBe(true)
    expect(() => staticEncoder(model, { prefix: 'tar '.repeat(40) })).toThrow(InvalidArgumentError)
  })

  it('has an id that follows its content, not its place', async () => {
    const copy = await loadStaticModel(modelWith(tinyStatic, {}))
    const otherTable = await loadStaticModel(
      modelWith(tinyStatic, {
        'model.safetensors': writeSafetensors(new Map([['embeddings', f32([...model.table], [model.vocabularySize, 16])]])),
      }),
    )
    const otherLimit = await loadStaticModel(modelWith(tinyStatic, { 'config.json': { max_length: 8 } }))

    expect(copy.id).toBe(model.id)
    expect(new Set([model.id, otherTable.id, otherLimit.id]).size).toBe(3)
  })
})

describe('changes to a token table', () => {
  const fever = model.tokenize('fever')[0]!
  const changes = { id: 'medical-1', rows: Uint32Array.of(fever), deltas: Float32Array.from({ length: 16 }, (_, i) => i / 10) }

  it('are added to the rows they name and to no others', async () => {
    const [changed, same] = await staticEncoder(model, { changes }).encode(['fever', 'dose'])

    expectClose(changed!, normalize(row('fever').map((value, i) => value + i / 10)), 1e-6)
    expectClose(same!, normalize(row('dose')), 1e-6)
  })

  it('make another id, which follows theirs', () => {
    const id = staticEncoder(model, { changes }).id

    expect(id).not.toBe(model.id)
    expect(staticEncoder(model, { changes: { ...changes } }).id).toBe(id)
    expect(staticEncoder(model, { changes: { ...changes, id: 'medical-2' } }).id).not.toBe(id)
  })

  it.each([
    ['rows out of order', { rows: Uint32Array.of(7, 6), deltas: new Float32Array(32) }, InvalidArgumentError],
    ['a row that is not there', { rows: Uint32Array.of(100_000), deltas: new Float32Array(16) }, InvalidArgumentError],
    ['too few values', { rows: Uint32Array.of(6), deltas: new Float32Array(15) }, DimensionMismatchError],
    ['a value that is not a number', { rows: Uint32Array.of(6), deltas: new Float32Array(16).fill(Number.NaN) }, InvalidArgumentError],
  ])('are refused with %s', (_, wrong, error) => {
    expect(() => staticEncoder(model, { changes: { id: 'x', ...wrong } })).toThrow(error)
  })
})

describe('a static model that cannot be used', () => {
  const file = readFileSync(join(tinyStatic, 'model.safetensors'))
  it.each([
    ['no tokenizer', { 'tokenizer.json': null }, ModelNotFoundError, /tokenizer/],
    ['no table', { 'model.safetensors': null }, ModelNotFoundError, /token table/],
    ['a cut-off table', { 'model.safetensors': file.subarray(0, 1_000) }, InvalidModelError, /model\.safetensors/],
    ['an empty table file', { 'model.safetensors': new Uint8Array() }, InvalidModelError, /too short/],
    ['a tokenizer that is not JSON', { 'tokenizer.json': '{"model"' }, InvalidModelError, /tokenizer\.json is not valid JSON/],
    ['a tokenizer that is none', { 'tokenizer.json': { model: { type: 'Abacus' } } }, InvalidModelError, /not a tokenizer/],
    ['settings that are not JSON', { 'config.json': 'max_length: 3' }, InvalidModelError, /config\.json/],
    ['another tensor', { 'model.safetensors': writeSafetensors(new Map([['weight', f32([1], [1])]])) }, InvalidModelError, /found: weight/],
    [
      'a smaller vocabulary than its tokenizer',
      { 'model.safetensors': writeSafetensors(new Map([['embeddings', f32([1, 2], [2, 1])]])) },
      InvalidModelError,
      /different models/,
    ],
    [
      'NaN in its table',
      {
        'model.safetensors': writeSafetensors(
          new Map([
            [
              'embeddings',
              f32(
                Array.from({ length: model.table.length }, () => Number.NaN),
                [model.vocabularySize, 16],
              ),
            ],
          ]),
        ),
      },
      InvalidModelError,
      /not finite/,
    ],
    [
      'a mapping to rows it lacks',
      {
        'model.safetensors': writeSafetensors(
          new Map([...tensors, ['mapping', { dtype: 'I32', shape: [1], data: bytesOf(Int32Array.of(9_999)) } as Tensor]]),
        ),
      },
      InvalidModelError,
      /row 9999/,
    ],
  ])('is refused by name: %s', async (_, changes, error, message) => {
    const loading = loadStaticModel(modelWith(tinyStatic, changes as Record<string, null>))

    await expect(loading).rejects.toBeInstanceOf(error)
    await expect(loading).rejects.toThrow(message)
  })

  it('is refused when the directory is not there', async () => {
    await expect(loadStaticModel('./no/such/model')).rejects.toBeInstanceOf(ModelNotFoundError)
  })
})

const potion = sharedModel('potion-base-2M')
describe.skipIf(potion.missing)(`potion-base-2M${potion.note}`, () => {
  const real = [
    ...texts,
    'How do I reset my password?',
    'antibiotics or penicillin',
    'Ünïcödé naïve café',
    'the quick brown fox '.repeat(300),
  ]

  it.each(['onnx/model.onnx', 'onnx/model_quantized.onnx', 'onnx/model_offsets.onnx'])('equals its ONNX form %s', async (file) => {
    const expected = await (await staticEncoder(potion.directory)).encode(real)
    const onnx = await onnxEncoder(potion.directory, { file })

    const vectors = await onnx.encode(real)

    vectors.forEach((vector, i) => expectClose(vector, expected[i]!))
    await onnx.close()
  })

  it('finds related texts closer than unrelated ones', async () => {
    const [password, credentials, volcano] = await (
      await staticEncoder(potion.directory)
    ).encode(['reset my password', 'recover login credentials', 'the volcano erupted'])

    expect(dot(password!, credentials!)).toBeGreaterThan(dot(password!, volcano!) + 0.2)
  })
})

const float = sharedModel('m2v-fixture-float32')
describe.skipIf(float.missing)(`Model2Vec's own vectors${float.note}`, () => {
  const expected = (name: string): Float32Array =>
    Float32Array.from((JSON.parse(readFileSync(join(float.directory, name), 'utf8')) as number[][])[0]!)

  it('are met for a short and a long text', async () => {
    const [short, long] = await (await staticEncoder(float.directory)).encode(['hello world', Array(1_000).fill('hello').join(' ')])

    expectClose(short!, expected('expected_embeddings_short.json'), 1e-6)
    expectClose(long!, expected('expected_embeddings_long.json'))
  })

  it('are met but for rounding by the int8 table', async () => {
    const int8 = await staticEncoder(sharedModel('m2v-fixture-int8').directory)

    const [short] = await int8.encode(['hello world'])

    expectClose(short!, expected('expected_embeddings_short.json'), 0.02)
  })
})
