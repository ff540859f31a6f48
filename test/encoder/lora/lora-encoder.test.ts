import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { makeEncoder } from '../../../models/encoders/architecture.ts'
import { writeEncoder } from '../../../models/encoders/files.ts'
import type { StyleName } from '../../../models/encoders/styles.ts'
import { adaptedEncoder, lowRankAdapter } from '../../../src/encoder/adapted.ts'
import type { Encoder } from '../../../src/encoder/encoder.ts'
import { loraEncoder } from '../../../src/encoder/lora.ts'
import { linearLayers, type LinearLayer } from '../../../src/encoder/lora/linear-layers.ts'
import { targetLayers } from '../../../src/encoder/lora/targets.ts'
import type { LoraWeights } from '../../../src/encoder/lora/weights.ts'
import { onnxEncoder } from '../../../src/encoder/onnx.ts'
import { AdapterMismatchError, ClosedError, InvalidArgumentError, InvalidModelError, UnsupportedGraphError } from '../../../src/errors.ts'
import type { OnnxModel, OnnxTensor } from '../../../src/onnx/model.ts'
import { message, writeOnnx } from '../../../src/onnx/protobuf.ts'
import { dot, type Vector } from '../../../src/vector.ts'
import { describeEncoder, expectClose } from '../../conformance/encoder.ts'
import { temporaryDirectory } from '../models.ts'
import { changesOf, merge, weightsOf } from './merged.ts'

const shape = 'bert-tiny'
const model = makeEncoder(shape)
const layers = targetLayers(linearLayers(model), 'all-linear')
const queryAndValue = targetLayers(layers, ['query', 'value'])
const text = 'what is the law of payment for a loan'
const texts = [text, 'code', 'find the first file in a table and process it by code']

/** A directory of a tiny encoder with these weights. */
function directoryOf(own: OnnxModel = model, int8 = false): string {
  const directory = temporaryDirectory()
  writeEncoder(directory, shape, { model: own, int8 })
  return directory
}

/** Closed after the test. */
async function kept(opening: Promise<Encoder>): Promise<Encoder> {
  const encoder = await opening
  onTestFinished(() => encoder.close())
  return encoder
}

const open = (directory: string): Promise<Encoder> => kept(onnxEncoder(directory))
const expertOf = (base: Encoder, of: readonly LinearLayer[], seed: number): Promise<Encoder> =>
  kept(loraEncoder(base, weightsOf(of, changesOf(of, seed))))
/** What an encoder gives whose weights have the change in them. */
async function mergedVectors(of: readonly LinearLayer[], seed: number): Promise<Vector[]> {
  return (await open(directoryOf(merge(model, of, changesOf(of, seed))))).encode(texts)
}
const expectAll = (actual: readonly Vector[], expected: readonly Vector[]): void => {
  expect(actual).toHaveLength(expected.length)
  actual.forEach((vector, i) => expectClose(vector, expected[i]!))
}

describe('loraEncoder', () => {
  let directory: string
  let shared: Encoder
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pilotfish-'))
    writeEncoder(directory, shape, { model })
    shared = await onnxEncoder(directory)
  })
  afterAll(async () => {
    await shared.close()
    rmSync(directory, { recursive: true, force: true })
  })

  describeEncoder('as an encoder', () => loraEncoder(shared, weightsOf(layers, changesOf(layers, 7))), {
    zeros: false,
    words: ['code', 'law', 'loan', 'people', 'process', 'table', 'test', 'time', 'word', 'year'],
  })

  it('gives what the model with the change merged into its weights gives', async () => {
    const expert = await expertOf(shared, layers, 1)

    expectAll(await expert.encode(texts), await mergedVectors(layers, 1))
  })

  it('gives the base and experts of other layers and ranks their own vectors when they are asked at once', async () => {
    const before = await shared.encode(texts)
    const some = await expertOf(shared, queryAndValue, 2)
    const every = await expertOf(shared, layers, 3)
    const narrow = weightsOf(layers.slice(0, 1), changesOf(layers.slice(0, 1), 4))
    const wide = { ...narrow, modules: narrow.modules.map((module) => ({ ...module, ...widened(module, 5) })) }
    const widest = await kept(loraEncoder(shared, wide))

    const [base, one, two, three] = await Promise.all([shared, some, every, widest].map((encoder) => encoder.encode(texts)))

    expectAll(base!, before)
    expectAll(one!, await mergedVectors(queryAndValue, 2))
    expectAll(two!, await mergedVectors(layers, 3))
    expectAll(three!, await mergedVectors(layers.slice(0, 1), 4))
    expect(dot(one![0]!, two![0]!)).toBeLessThan(0.999)
  })

  it('gives long lists of the base and of experts their own vectors, whichever sessions are there by then', async () => {
    const expert = await expertOf(shared, layers, 6)
    const [base, changed] = [await shared.encode(texts), await expert.encode(texts)]
    const list = Array.from({ length: 300 }, () => texts).flat()

    for (let round = 0; round < 3; round++) {
      const [one, other] = await Promise.all([shared.encode(list), expert.encode(list)])
      one.forEach((vector, i) => expectClose(vector, base[i % texts.length]!))
      other.forEach((vector, i) => expectClose(vector, changed[i % texts.length]!))
    }
  })

  it('frees its place when it is closed, and leaves the base and the others as they are', async () => {
    const [first, second] = [await expertOf(shared, layers, 1), await expertOf(shared, layers, 2)]
    const [base, expected] = [await shared.encode(texts), await second.encode(texts)]

    await first.close()

    await expect(first.encode(texts)).rejects.toBeInstanceOf(ClosedError)
    expectAll(await second.encode(texts), expected)
    expectAll(await shared.encode(texts), base)
    const third = await expertOf(shared, layers, 3)
    expectAll(await second.encode(texts), expected)
    expectAll(await third.encode(texts), await mergedVectors(layers, 3))
  })

  it('finishes what was asked before it is closed', async () => {
    const expert = await expertOf(shared, layers, 1)
    const expected = await expert.encode(texts)

    const answer = expert.encode(texts)
    await expert.close()

    expectAll(await answer, expected)
  })

  it('outlives its base', async () => {
    const base = await onnxEncoder(directory, { prompt: 'find ' })
    const expert = await expertOf(base, layers, 1)
    const expected = await expert.encode(texts)

    await base.close()

    expectAll(await expert.encode(texts), expected)
    await expect(loraEncoder(base, weightsOf(layers, changesOf(layers, 1)))).rejects.toBeInstanceOf(ClosedError)
  })

  it('reads texts as its base does', async () => {
    const base = await kept(onnxEncoder(directory, { prompt: 'find ', maxTokens: 8 }))
    const expert = await expertOf(base, layers, 1)
    const plain = await expertOf(await kept(onnxEncoder(directory, { maxTokens: 8 })), layers, 1)
    const cut: number[] = []

    const vectors = await expert.encode(texts, { onTruncated: ({ index }) => cut.push(index) })

    expectAll(vectors, await plain.encode(texts.map((own) => `find ${own}`)))
    expect(cut.sort()).toEqual([0, 2])
  })

  it('has an id that follows its base and its weights, not their order', async () => {
    const weights = weightsOf(queryAndValue, changesOf(queryAndValue, 1))
    const ids = async (base: Encoder, own: LoraWeights): Promise<string> => (await kept(loraEncoder(base, own))).id
    const prompted = await kept(onnxEncoder(directory, { prompt: 'find ' }))

    const id = await ids(shared, weights)

    expect(await ids(shared, { ...weights, modules: weights.modules.toReversed() })).toBe(id)
    const others = [
      await ids(shared, { ...weights, scaling: 3 }),
      await ids(shared, weightsOf(queryAndValue, changesOf(queryAndValue, 2))),
      await ids(shared, { ...weights, modules: weights.modules.slice(1) }),
      await ids(prompted, weights),
      shared.id,
    ]
    expect(new Set([id, ...others]).size).toBe(6)
  })

  it('fails alone where its weights make numbers that are none', async () => {
    const sound = await expertOf(shared, layers, 1)
    const expected = await sound.encode(texts)
    const { scaling, modules } = weightsOf(layers, changesOf(layers, 1))
    const mad = await kept(loraEncoder(shared, { scaling, modules: modules.map((own) => ({ ...own, b: own.b.map(() => 3e38) })) }))

    const [failed, answer] = await Promise.allSettled([mad.encode(texts), sound.encode(texts)])

    expect(failed).toMatchObject({ status: 'rejected', reason: expect.any(InvalidModelError) })
    expectAll((answer as PromiseFulfilledResult<Vector[]>).value, expected)
  })

  it('is refused with weights of other layers, of other sizes, of no layers and without numbers, and the base goes on', async () => {
    const expected = await shared.encode(texts)
    const [module] = weightsOf(layers, changesOf(layers, 1)).modules
    const attempt = (change: object): Promise<Encoder> => loraEncoder(shared, { scaling: 1, modules: [{ ...module!, ...change }] })

    await expect(attempt({ module: 'encoder.layer.9.attention.self.query' })).rejects.toBeInstanceOf(AdapterMismatchError)
    await expect(attempt({ outputs: 8, b: module!.b.slice(0, 24) })).rejects.toBeInstanceOf(AdapterMismatchError)
    await expect(attempt({ a: module!.a.map(() => Number.NaN) })).rejects.toThrow(/not a finite number, in encoder\.layer\.0/)
    await expect(attempt({ rank: 4 })).rejects.toBeInstanceOf(InvalidArgumentError)
    await expect(loraEncoder(shared, { scaling: 1, modules: [] })).rejects.toBeInstanceOf(InvalidArgumentError)
    expectAll(await shared.encode(texts), expected)
  })

  it('is refused on an encoder that is no ONNX model', async () => {
    const adapter = lowRankAdapter({ down: new Float32Array(32), up: new Float32Array(32), rank: 1, dimensions: 32, id: 'a' })
    const weights = weightsOf(layers, changesOf(layers, 1))

    await expect(loraEncoder(adaptedEncoder(shared, adapter), weights)).rejects.toMatchObject({ argument: 'base' })
  })
})

/** The same change in a higher rank, filled with zeros. */
function widened({ a, b, inputs, outputs, rank }: LoraWeights['modules'][number], to: number): object {
  const wideA = new Float32Array(to * inputs)
  wideA.set(a)
  const wideB = Float32Array.from({ length: outputs * to }, (_, i) => (i % to < rank ? b[Math.floor(i / to) * rank + (i % to)]! : 0))
  return { rank: to, a: wideA, b: wideB }
}

describe('loraEncoder of other graphs', () => {
  it.each<StyleName>(['dynamo', 'fused', 'sdpa'])('equals merged weights on %s', async (style) => {
    const own = makeEncoder(shape, { style })
    const found = targetLayers(linearLayers(own), 'all-linear')
    const changes = changesOf(found, 1)

    const expert = await kept(loraEncoder(await open(directoryOf(own)), weightsOf(found, changes)))

    expectAll(await expert.encode(texts), await (await open(directoryOf(merge(own, found, changes)))).encode(texts))
  })

  it('changes an int8 model as it changes the model it was made from', async () => {
    const base = await kept(onnxEncoder(directoryOf(model, true), { dtype: 'int8' }))
    const [plain, expert] = [await base.encode(texts), await expertOf(base, layers, 1)]

    const vectors = await expert.encode(texts)

    const exact = await mergedVectors(layers, 1)
    vectors.forEach((vector, i) => {
      expect(dot(vector, exact[i]!)).toBeGreaterThan(0.995)
      expect(dot(vector, exact[i]!)).toBeGreaterThan(dot(plain[i]!, exact[i]!))
    })
    // In any company, as for the base.
    const [[alone]] = await Promise.all([expert.encode([text]), base.encode(texts)])
    expect(alone).toEqual(vectors[0])
  })

  it('works where the weights lie in a file of their own', async () => {
    const directory = directoryOf()
    const { graph, data } = apart(model)
    writeFileSync(join(directory, 'onnx/model.onnx'), writeOnnx(graph))
    writeFileSync(join(directory, 'onnx/model.onnx_data'), data)

    const expert = await expertOf(await open(directory), layers, 1)

    expectAll(await expert.encode(texts), await mergedVectors(layers, 1))
  })

  it('is refused where a layer it changes is merged with others, and the base goes on', async () => {
    const base = await open(directoryOf(makeEncoder(shape, { style: 'fused-attention' })))
    const expected = await base.encode(texts)

    await expect(expertOf(base, queryAndValue, 1)).rejects.toBeInstanceOf(UnsupportedGraphError)

    expectAll(await base.encode(texts), expected)
    expect(await expertOf(base, targetLayers(layers, ['output.dense']), 1)).toMatchObject({ dimensions: base.dimensions })
  })

  it('is refused when the model was replaced meanwhile', async () => {
    const directory = directoryOf()
    const base = await open(directory)
    const other = readFileSync(join(directoryOf(makeEncoder(shape, { seed: 2 })), 'onnx/model.onnx'))
    rmSync(join(directory, 'onnx/model.onnx'))
    mkdirSync(join(directory, 'onnx'), { recursive: true })
    writeFileSync(join(directory, 'onnx/model.onnx'), other)

    await expect(expertOf(base, layers, 1)).rejects.toThrow(/was changed since it was opened/)

    expect(await base.encode(texts)).toHaveLength(3)
  })
})

/** A model as exporters write large ones: tensors in a second file. */
function apart({ graph, ...rest }: OnnxModel): { graph: OnnxModel; data: Uint8Array } {
  let offset = 0
  const parts: Uint8Array[] = []
  const initializer = graph.initializer.map((tensor): OnnxTensor => {
    if (tensor.rawData.length < 1_024) return tensor
    const { name, dims, dataType, rawData } = tensor
    const place = { location: 'model.onnx_data', offset, length: rawData.length }
    parts.push(rawData)
    offset += rawData.length
    const externalData = Object.entries(place).map(([key, value]) => message<object>('Entry', { key, value: String(value) }))
    return message<OnnxTensor>('TensorProto', { name, dims, dataType, dataLocation: 1, externalData })
  })
  return { graph: { ...rest, graph: { ...graph, initializer } }, data: Buffer.concat(parts) }
}
