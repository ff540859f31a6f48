import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ShapeName } from '../../../models/encoders/shapes.ts'
import type { Encoder } from '../../../src/encoder/encoder.ts'
import { onnxEncoder, type OnnxEncoderOptions } from '../../../src/encoder/onnx.ts'
import { sourceOf } from '../../../src/encoder/onnx/source.ts'
import { OfflineError } from '../../../src/errors.ts'
import { readOnnx, writeOnnx } from '../../../src/onnx/protobuf.ts'
import { quantizeDynamic } from '../../../src/onnx/quantize.ts'
import type { Tensor } from '../../../src/safetensors.ts'
import { dot, type Vector } from '../../../src/vector.ts'
import { expectClose } from '../../conformance/encoder.ts'
import { fakeHub } from '../fake-hub.ts'
import { temporaryDirectory } from '../models.ts'
import { configure, savedEncoder, shard, widened, writeWeights, type WeightsOptions } from './weights.ts'

const families = ['bert-tiny', 'distilbert-tiny', 'mpnet-tiny', 'roberta-tiny'] as const
const texts = ['what is the law of payment for a loan', 'code', 'find the first file in a table and process it by code']

async function open(source: string, options: OnnxEncoderOptions = { cacheDirectory: temporaryDirectory() }): Promise<Encoder> {
  const encoder = await onnxEncoder(source, options)
  onTestFinished(() => encoder.close())
  return encoder
}
const expectAll = (actual: readonly Vector[], expected: readonly Vector[]): void =>
  actual.forEach((vector, i) => expectClose(vector, expected[i]!))
async function expectSame(encoder: Encoder, exported: string): Promise<void> {
  expectAll(await encoder.encode(texts), await (await open(exported)).encode(texts))
}

describe('an encoder from safetensors weights', () => {
  it.each(families.flatMap((shape) => [1, 2].map((seed) => [shape, seed] as const)))(
    'gives what the exported one gives: %s of seed %d',
    async (shape, seed) => {
      const { weights, exported } = savedEncoder(shape, { seed })

      await expectSame(await open(weights), exported)
    },
  )

  it.each<[string, ShapeName, WeightsOptions]>([
    ['under the prefix of a model with a head', 'bert-tiny', { prefix: 'bert.' }],
    ['under the prefix of its family', 'distilbert-tiny', { prefix: 'distilbert.' }],
    ['inside a sentence-transformers model', 'mpnet-tiny', { prefix: '0.auto_model.' }],
    [
      'by the old names of LayerNorm',
      'bert-tiny',
      { change: (name, tensor) => ({ [name.replace('Norm.weight', 'Norm.gamma').replace('Norm.bias', 'Norm.beta')]: tensor }) },
    ],
    ['with GELU by tanh', 'bert-tiny', { activation: 'gelu_tanh' }],
    ['with more layers than are wanted', 'bert-tiny', { change: (name, tensor) => ({ [name]: tensor, 'encoder.layer.2.more': tensor }) }],
  ])('is read %s', async (_, shape, options) => {
    const { weights, exported } = savedEncoder(shape, options)

    await expectSame(await open(weights), exported)
  })

  it.each(['F16', 'BF16'] as const)('computes with the numbers that %s weights stand for', async (dtype) => {
    const { weights, exported } = savedEncoder('bert-tiny', { dtype })
    const half = await open(weights)
    const vectors = await half.encode(texts)
    const wide = temporaryDirectory()
    cpSync(weights, wide, { recursive: true })
    widened(wide)

    expectAll(vectors, await (await open(wide)).encode(texts))
    const whole = await (await open(exported)).encode(texts)
    vectors.forEach((vector, i) => expect(dot(vector, whole[i]!)).toBeGreaterThan(0.999))
    expect(vectors).not.toEqual(whole)
  })

  it('is read from several files, with the same id', async () => {
    const { weights, exported } = savedEncoder('bert-tiny')
    const one = await open(weights)
    const { id } = one
    await expectSame(one, exported)
    shard(weights)

    const several = await open(weights)

    expect(several.id).toBe(id)
    await expectSame(several, exported)
  })

  it('goes by the activation and the epsilon of its settings', async () => {
    const { weights } = savedEncoder('bert-tiny')
    const plain = await (await open(weights)).encode(texts)
    const changes = [{ hidden_act: 'relu' }, { layer_norm_eps: 0.1 }, { hidden_act: 'gelu_new' }]
    const similarities: number[] = []
    for (const change of changes) {
      const other = temporaryDirectory()
      cpSync(weights, other, { recursive: true })
      configure(other, change)
      similarities.push(dot((await (await open(other)).encode(texts))[0]!, plain[0]!))
    }

    expect(similarities[0]).toBeLessThan(0.999)
    expect(similarities[1]).toBeLessThan(0.99999)
    expect(similarities[2]).toBeGreaterThan(0.999)
  })

  it('has an id that depends on its weights and not on where they lie', async () => {
    const [first, second, other] = [savedEncoder('bert-tiny'), savedEncoder('bert-tiny'), savedEncoder('bert-tiny', { seed: 2 })]
    const ids = await Promise.all([first, second, other].map(async ({ weights }) => (await open(weights)).id))

    expect(ids[1]).toBe(ids[0])
    expect(ids[2]).not.toBe(ids[0])
  })

  it('can be quantised like an exported one', async () => {
    const { weights } = savedEncoder('bert-tiny')
    const encoder = await open(weights)
    const { path } = sourceOf(encoder)!
    mkdirSync(join(weights, 'onnx'))
    writeFileSync(join(weights, 'onnx', 'model_int8.onnx'), writeOnnx(quantizeDynamic(readOnnx(readFileSync(path)))))

    const whole = await open(weights, { dtype: 'int8' })

    const [exact, rounded] = [await encoder.encode(texts), await whole.encode(texts)]
    rounded.forEach((vector, i) => expect(dot(vector, exact[i]!)).toBeGreaterThan(0.99))
  })
})

describe('where the graph is kept', () => {
  const foldersOf = (cache: string): string[] => readdirSync(join(cache, 'from-weights'))

  it('leaves the directory as it is, and writes the graph once for all that hold the same weights', async () => {
    const cacheDirectory = temporaryDirectory()
    const [first, second] = [savedEncoder('bert-tiny').weights, savedEncoder('bert-tiny').weights]
    const before = readdirSync(first)
    const { path } = sourceOf(await open(first, { cacheDirectory }))!
    const written = statSync(path).mtimeMs

    const again = sourceOf(await open(second, { cacheDirectory }))!

    expect(again.path).toBe(path)
    expect(statSync(path).mtimeMs).toBe(written)
    expect(readdirSync(first)).toEqual(before)
    expect(foldersOf(cacheDirectory)).toHaveLength(1)
  })

  it('writes another for other weights and for other settings', async () => {
    const cacheDirectory = temporaryDirectory()
    const { weights } = savedEncoder('bert-tiny')
    await open(weights, { cacheDirectory })
    configure(weights, { hidden_act: 'relu' })
    await open(weights, { cacheDirectory })
    writeWeights(weights, 'bert-tiny', { seed: 2 })

    await open(weights, { cacheDirectory })

    expect(foldersOf(cacheDirectory)).toHaveLength(3)
  })

  it('lets several write it at once, and clears away what one left that is gone', async () => {
    const cacheDirectory = temporaryDirectory()
    const { weights, exported } = savedEncoder('bert-tiny')
    const { path } = sourceOf(await open(weights, { cacheDirectory }))!
    const folder = join(path, '..')
    rmSync(folder, { recursive: true })
    // No process has this number: it is above the largest.
    mkdirSync(`${folder}.part-${hostname()}-99999999-x`)

    const encoders = await Promise.all([1, 2, 3].map((threads) => open(weights, { cacheDirectory, threads })))

    for (const encoder of encoders) await expectSame(encoder, exported)
    expect(foldersOf(cacheDirectory)).toHaveLength(1)
  })

  it('says what to do where it cannot be written', async () => {
    const cacheDirectory = join(temporaryDirectory(), 'file')
    writeFileSync(cacheDirectory, '')

    const opened = onnxEncoder(savedEncoder('bert-tiny').weights, { cacheDirectory })

    await expect(opened).rejects.toMatchObject({ code: 'UNSUPPORTED', message: expect.stringMatching(/ENOTDIR|EEXIST/) })
    await expect(opened).rejects.toThrow(/give another `cacheDirectory`/)
  })

  it('takes an exported graph over weights', async () => {
    const { exported } = savedEncoder('bert-tiny')
    writeWeights(exported, 'bert-tiny', { seed: 2 })

    const { path } = sourceOf(await open(exported))!

    expect(path).toBe(join(exported, 'onnx', 'model.onnx'))
  })
})

describe('weights of a hub repository', () => {
  it('are fetched once, with their progress; the graph lies in the cache and needs no network and no weights again', async () => {
    const { weights, exported } = savedEncoder('bert-tiny')
    const { url, requests } = await fakeHub(weights)
    const cacheDirectory = temporaryDirectory()
    const files = new Set<string>()
    const online = { hubUrl: url, cacheDirectory, onProgress: ({ file }: { file: string }) => void files.add(file) }

    const first = await open('tiny/model', online)
    await expectSame(first, exported)
    const { path } = sourceOf(first)!
    const asked = requests.length
    rmSync(join(path, '..', '..', 'model.safetensors'))
    const again = await open('tiny/model', { ...online, offline: true })

    expect(files).toContain('model.safetensors')
    expect(path.startsWith(cacheDirectory)).toBe(true)
    expect(requests).toHaveLength(asked)
    expect(again.id).toBe(first.id)
    expect((await open(weights)).id).toBe(first.id)
  })

  it('are fetched again where the graph is gone too, unless the network is forbidden', async () => {
    const { weights } = savedEncoder('roberta-tiny')
    shard(weights)
    const { url } = await fakeHub(weights)
    const options = { hubUrl: url, cacheDirectory: temporaryDirectory() }
    const { path } = sourceOf(await open('tiny/model', options))!
    rmSync(join(path, '..'), { recursive: true })
    rmSync(join(path, '..', '..', 'model-00002-of-00002.safetensors'))

    await expect(onnxEncoder('tiny/model', { ...options, offline: true })).rejects.toBeInstanceOf(OfflineError)
    expect(sourceOf(await open('tiny/model', options))!.path).toBe(path)
  })

  it('are not fetched of an architecture that no graph is written for', async () => {
    const { weights } = savedEncoder('bert-tiny')
    configure(weights, { model_type: 'gpt2', architectures: ['GPT2Model'] })
    const { url, requests } = await fakeHub(weights)

    const opened = onnxEncoder('tiny/model', { hubUrl: url, cacheDirectory: temporaryDirectory() })

    await expect(opened).rejects.toThrow(
      /weights are of the architecture "gpt2" \(GPT2Model\), .*bert, .* export it \(optimum-cli .*tiny\/model/,
    )
    expect(requests.filter(({ path }) => path.includes('safetensors'))).toEqual([])
  })

  it('can be stopped on their way', async () => {
    const { weights } = savedEncoder('bert-tiny')
    const { url } = await fakeHub(weights)
    const stop = new AbortController()
    const onProgress = ({ file }: { file: string }): void => {
      if (file === 'model.safetensors') stop.abort()
    }

    const opened = onnxEncoder('tiny/model', { hubUrl: url, cacheDirectory: temporaryDirectory(), signal: stop.signal, onProgress })

    await expect(opened).rejects.toMatchObject({ name: 'AbortError' })
  })

  it.each(['hub', 'directory'])('are asked for where there are only those of PyTorch: %s', async (place) => {
    const { weights } = savedEncoder('bert-tiny')
    rmSync(join(weights, 'model.safetensors'))
    writeFileSync(join(weights, 'pytorch_model.bin'), 'pickled')
    const options = { hubUrl: (await fakeHub(weights)).url, cacheDirectory: temporaryDirectory() }

    const opened = onnxEncoder(place === 'hub' ? 'tiny/model' : weights, options)

    await expect(opened).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
    await expect(opened).rejects.toThrow(/only pytorch_model\.bin\. .*`revision` of it, with model\.safetensors .* export it/)
  })

  it('are what int8 is made of too, once', async () => {
    const { weights } = savedEncoder('bert-tiny')
    const { url } = await fakeHub(weights)

    for (const source of [weights, 'tiny/model']) {
      const options = { hubUrl: url, cacheDirectory: temporaryDirectory(), dtype: 'int8', pooling: 'mean' } as const
      const first = await onnxEncoder(source, options)
      const [vector] = await first.encode(['a loan'])
      await first.close()
      const again = await onnxEncoder(source, options)

      expect(again.id).toBe(first.id)
      expect((await again.encode(['a loan']))[0]).toEqual(vector)
      await again.close()
    }
  })

  it('are no substitute for another variant than these', async () => {
    const { weights } = savedEncoder('bert-tiny')
    const { url } = await fakeHub(weights)

    for (const source of [weights, 'tiny/model'])
      await expect(onnxEncoder(source, { hubUrl: url, cacheDirectory: temporaryDirectory(), dtype: 'fp16' })).rejects.toMatchObject({
        code: 'MODEL_NOT_FOUND',
      })
  })
})

describe('what is wrong with weights', () => {
  const key = 'encoder.layer.1.attention.self.key.weight'
  const instead =
    (tensor: (found: Tensor) => Tensor | undefined): WeightsOptions['change'] =>
    (name, found) => {
      const given = name === key ? tensor(found) : found
      return given && { [name]: given }
    }
  const nan = new Float32Array(1024).fill(Number.NaN)

  it.each<[string, WeightsOptions['change'], RegExp]>([
    ['is missing', instead(() => undefined), /has no tensor "encoder\.layer\.1\.attention\.self\.key\.weight"/],
    ['has other sides', instead((found) => ({ ...found, shape: [16, 64] })), /key\.weight" in the shape \[16, 64\], .* \[32, 32\]/],
    [
      'holds whole numbers',
      instead(() => ({ dtype: 'I32', shape: [32, 32], data: new Uint8Array(4096) })),
      /key\.weight" of type I32, where floating-point/,
    ],
    [
      'holds what is no number',
      instead((found) => ({ ...found, data: new Uint8Array(nan.buffer) })),
      /key\.weight" with values that are no/,
    ],
    [
      'is there under two names',
      (name, found) => ({ [name]: found, [name.replace('LayerNorm.weight', 'LayerNorm.gamma')]: found }),
      /has both ".*LayerNorm\.(weight|gamma)" and ".*LayerNorm\.(weight|gamma)"/,
    ],
    [
      'is none that the architecture knows',
      (name, found) => ({ [name]: found, ...(name === key && { 'encoder.layer.1.adapter.weight': found }) }),
      /"encoder\.layer\.1\.adapter\.weight", which is no part of the architecture "bert"/,
    ],
    ['is that of two encoders', (name, found) => ({ [`a.${name}`]: found, [`b.${name}`]: found }), /several encoders: "a\.", "b\."/],
    [
      'is that of none',
      (name, found) => ({ [name.replace('embeddings', 'rows')]: found }),
      /no tensor "embeddings\.word_embeddings\.weight"/,
    ],
  ])('is named: a tensor that %s', async (_, change, message) => {
    const { weights } = savedEncoder('bert-tiny', { ...(change && { change }) })
    const cacheDirectory = temporaryDirectory()

    const opened = onnxEncoder(weights, { cacheDirectory })

    await expect(opened).rejects.toMatchObject({ code: 'INVALID_MODEL' })
    await expect(opened).rejects.toThrow(message)
    // Nothing unfinished is left to be taken for a graph.
    expect(readdirSync(cacheDirectory, { recursive: true, encoding: 'utf8' }).filter((name) => /onnx|part/.test(name))).toEqual([])
  })

  it.each<[Record<string, unknown>, string, RegExp]>([
    [{ model_type: undefined, architectures: undefined }, 'MODEL_NOT_FOUND', /of the architecture "unknown"/],
    [{ model_type: 'toString' }, 'MODEL_NOT_FOUND', /of the architecture "toString" \(BertModel\)/],
    [{ position_embedding_type: 'alibi' }, 'MODEL_NOT_FOUND', /"bert" \(BertModel\) with "alibi" positions/],
    [{ auto_map: { AutoModel: 'own--code.Model' } }, 'MODEL_NOT_FOUND', /with code of its own/],
    [{ is_decoder: true }, 'MODEL_NOT_FOUND', /as a decoder/],
    [{ hidden_act: 'swish' }, 'MODEL_NOT_FOUND', /with the activation "swish"/],
    [{ hidden_size: undefined }, 'INVALID_MODEL', /config\.json has no "hidden_size"/],
    [{ num_hidden_layers: 'two' }, 'INVALID_MODEL', /has "two" for "num_hidden_layers"/],
    [{ num_attention_heads: 5 }, 'INVALID_MODEL', /5 attention heads, which do not divide/],
    [{ layer_norm_eps: -1 }, 'INVALID_MODEL', /-1 for "layer_norm_eps"/],
    [{ vocab_size: 321 }, 'INVALID_MODEL', /word_embeddings\.weight" in the shape \[320, 32\], .* \[321, 32\]/],
    [{ num_hidden_layers: 3 }, 'INVALID_MODEL', /has no tensor "encoder\.layer\.2\./],
  ])('is named: settings with %o', async (changes, code, message) => {
    const { weights } = savedEncoder('bert-tiny')
    configure(weights, changes)

    const opened = onnxEncoder(weights, { cacheDirectory: temporaryDirectory() })

    await expect(opened).rejects.toMatchObject({ code })
    await expect(opened).rejects.toThrow(message)
  })

  it.each<[string, (directory: string) => void, RegExp]>([
    [
      'a file that is cut off',
      (at) => writeFileSync(join(at, 'model.safetensors'), readFileSync(join(at, 'model.safetensors')).subarray(0, 9000)),
      /do not fit/,
    ],
    ['an empty file', (at) => writeFileSync(join(at, 'model.safetensors'), ''), /too short to be a safetensors file/],
    [
      'a part that is missing',
      (at) => (shard(at), rmSync(join(at, 'model-00002-of-00002.safetensors'))),
      /00002-of-00002\.safetensors is missing/,
    ],
    [
      'an index that leads elsewhere',
      (at) => (
        shard(at),
        writeFileSync(join(at, 'model.safetensors.index.json'), JSON.stringify({ weight_map: { a: '../a.safetensors' } }))
      ),
      /names "\.\.\/a\.safetensors", which is no safetensors file beside it/,
    ],
    ['an index of nothing', (at) => (shard(at), writeFileSync(join(at, 'model.safetensors.index.json'), '{}')), /names no files/],
  ])('is named: %s', async (_, spoil, message) => {
    const { weights } = savedEncoder('bert-tiny')
    spoil(weights)

    const opened = onnxEncoder(weights, { cacheDirectory: temporaryDirectory() })

    await expect(opened).rejects.toMatchObject({ code: 'INVALID_MODEL' })
    await expect(opened).rejects.toThrow(message)
  })
})
