import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { writeEncoder } from '../../../models/encoders/files.ts'
import type { Encoder } from '../../../src/encoder/encoder.ts'
import { buildOnnx } from '../../../src/encoder/from-weights/build.ts'
import { knownEncoder, type KnownEncoder } from '../../../src/encoder/from-weights/config.ts'
import { loraEncoder } from '../../../src/encoder/lora.ts'
import { linearLayers } from '../../../src/encoder/lora/linear-layers.ts'
import { targetLayers } from '../../../src/encoder/lora/targets.ts'
import { onnxEncoder, type OnnxEncoderOptions } from '../../../src/encoder/onnx.ts'
import { sourceOf } from '../../../src/encoder/onnx/source.ts'
import { readOnnx } from '../../../src/onnx/protobuf.ts'
import type { ExpertCheckpoint } from '../../../src/train/expert/checkpoint.ts'
import { trainExpert } from '../../../src/train/index.ts'
import { expectClose } from '../../conformance/encoder.ts'
import { changesOf, merge, weightsOf } from '../lora/merged.ts'
import { temporaryDirectory } from '../models.ts'
import { savedEncoder } from './weights.ts'

const texts = ['what is the law of payment for a loan', 'code']

async function kept(opening: Promise<Encoder>): Promise<Encoder> {
  const encoder = await opening
  onTestFinished(() => encoder.close())
  return encoder
}
const open = (directory: string, options?: OnnxEncoderOptions): Promise<Encoder> => kept(onnxEncoder(directory, options))

describe('LoRA experts of an encoder from weights', () => {
  it.each(['bert-tiny', 'distilbert-tiny', 'mpnet-tiny', 'roberta-tiny'] as const)(
    'are found by the names of the layers, and give what merged weights give: %s',
    async (shape) => {
      const { weights, exported } = savedEncoder(shape)
      const base = await open(weights, { cacheDirectory: temporaryDirectory() })
      const model = readOnnx(readFileSync(join(exported, 'onnx', 'model.onnx')))
      const layers = targetLayers(linearLayers(model), 'all-linear')
      const changes = changesOf(layers, 3)
      const merged = temporaryDirectory()
      writeEncoder(merged, shape, { model: merge(model, layers, changes) })

      const expert = await kept(loraEncoder(base, weightsOf(layers, changes)))

      const built = readOnnx(readFileSync(sourceOf(base)!.path))
      expect(linearLayers(built).map(({ module }) => module)).toEqual(linearLayers(model).map(({ module }) => module))
      const [actual, expected] = [await expert.encode(texts), await (await open(merged)).encode(texts)]
      actual.forEach((vector, i) => expectClose(vector, expected[i]!))
    },
  )

  it('work where the weights lie in a file of their own, as those of large models do', async () => {
    const { weights, exported } = savedEncoder('bert-tiny')
    const config = join(weights, 'config.json')
    const known = knownEncoder(JSON.parse(readFileSync(config, 'utf8')) as Record<string, unknown>, config) as KnownEncoder
    await buildOnnx(join(weights, 'onnx', 'model.onnx'), { ...known, directory: weights }, { mostInside: 1000 })
    const [base, other] = [await open(weights), await open(exported)]
    const layers = targetLayers(linearLayers(readOnnx(readFileSync(sourceOf(other)!.path))), 'all-linear')
    const change = weightsOf(layers, changesOf(layers, 3))

    const [expert, same] = [await kept(loraEncoder(base, change)), await kept(loraEncoder(other, change))]

    expectClose((await base.encode(texts))[0]!, (await other.encode(texts))[0]!)
    expectClose((await expert.encode(texts))[0]!, (await same.encode(texts))[0]!)
  })

  it.each([
    ['inside the graph', undefined],
    ['in a file of their own', { mostInside: 1000 }],
  ])('are trained as over an exported one, its weights %s', async (_, outside) => {
    const { weights, exported } = savedEncoder('bert-tiny')
    if (outside) {
      const config = join(weights, 'config.json')
      const known = knownEncoder(JSON.parse(readFileSync(config, 'utf8')) as Record<string, unknown>, config) as KnownEncoder
      await buildOnnx(join(weights, 'onnx', 'model.onnx'), { ...known, directory: weights }, outside)
    }
    const pairs = Array.from({ length: 40 }, (_, i) => ({
      query: `where is ${'abcdefgh'[i % 8]} ${i}`,
      document: `the place ${'stuvwxyz'[i % 8]} ${i}`,
    }))
    const options = { name: 'places', method: 'lora', pairs, folds: 0, rates: [1e-2], steps: 6, batchSize: 8, rank: 2, seed: 3 } as const
    /** What every step came to, best or not. */
    const train = async (directory: string): Promise<Record<string, Float32Array>[]> => {
      const base = await open(directory, { threads: 1, cacheDirectory: temporaryDirectory() })
      const steps: Record<string, Float32Array>[] = []
      const onCheckpoint = ({ arrays }: ExpertCheckpoint): void =>
        void steps.push(Object.fromEntries(Object.entries(arrays).map(([name, values]) => [name, Float32Array.from(values)])))
      await trainExpert({ ...options, base, threads: 1, force: true, checkpointEvery: 1, onCheckpoint })
      return steps
    }

    const [own, other] = [await train(weights), await train(exported)]

    expect(own).toHaveLength(other.length)
    expect(own.at(-1)).not.toEqual(own[0])
    own.forEach((arrays, step) => {
      expect(Object.keys(arrays)).toEqual(Object.keys(other[step]!))
      for (const [name, values] of Object.entries(arrays)) expectClose(values, other[step]![name]!, 1e-3)
    })
  })
})
