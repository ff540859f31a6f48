import { execFile } from 'node:child_process'
import { cpSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Tokenizer } from '@huggingface/tokenizers'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Encoder } from '../../src/encoder/encoder.ts'
import { onnxEncoder, type OnnxEncoderOptions } from '../../src/encoder/onnx.ts'
import { sourceOf } from '../../src/encoder/onnx/source.ts'
import { InvalidArgumentError, InvalidModelError, ModelNotFoundError, UnsupportedError } from '../../src/errors.ts'
import { dot, normalize, type Vector } from '../../src/vector.ts'
import { describeEncoder, expectClose } from '../conformance/encoder.ts'
import { graphBuilder } from '../fixtures/models/onnx-writer.ts'
import { modelWith, temporaryDirectory, tinyBert, tinyStatic, tinyWords } from './models.ts'

describeEncoder('onnxEncoder of a BERT-type model', () => onnxEncoder(tinyBert), { zeros: false, words: tinyWords })
describeEncoder(
  'onnxEncoder of a graph with a sentence output',
  () => onnxEncoder(tinyBert, { file: 'onnx/model_sentence.onnx', pooling: 'sentence' }),
  { zeros: false, words: tinyWords },
)
describeEncoder('onnxEncoder of a quantised model', () => onnxEncoder(tinyBert, { dtype: 'q8' }), { zeros: false, words: tinyWords })
describeEncoder('onnxEncoder of a static model', () => onnxEncoder(tinyStatic), { zeros: true, words: tinyWords })
describeEncoder('onnxEncoder of a static model with offsets', () => onnxEncoder(tinyStatic, { file: 'onnx/model_offsets.onnx' }), {
  zeros: true,
  words: tinyWords,
})

/** Opened for one test. */
async function open(directory: string, options?: OnnxEncoderOptions): Promise<Encoder> {
  const encoder = await onnxEncoder(directory, options)
  onTestFinished(() => encoder.close())
  return encoder
}

const read = (name: string): object => JSON.parse(readFileSync(join(tinyBert, name), 'utf8')) as object
const tokenizer = new Tokenizer(read('tokenizer.json'), read('tokenizer_config.json'))
let session: InferenceSession
/** Keeps the model loaded, so that the tests' own encoders of it start at once. */
let kept: Encoder
beforeAll(async () => {
  session = await InferenceSession.create(join(tinyBert, 'onnx/model.onnx'))
  kept = await onnxEncoder(tinyBert)
})
afterAll(async () => {
  await kept.close()
  await session.release()
})

/** The graph's token vectors for these ids alone, without any of our code. */
async function tokenVectors(ids: readonly number[]): Promise<Vector[]> {
  const feed = (values: readonly number[]): Tensor => new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
  const { last_hidden_state } = await session.run({
    input_ids: feed(ids),
    attention_mask: feed(ids.map(() => 1)),
    token_type_ids: feed(ids.map(() => 0)),
  })
  const values = last_hidden_state!.data as Float32Array
  return ids.map((_, i) => values.slice(i * 16, (i + 1) * 16))
}

const mean = (vectors: readonly Vector[]): Vector =>
  Float32Array.from({ length: 16 }, (_, i) => vectors.reduce((sum, vector) => sum + vector[i]!, 0) / vectors.length)
const short = 'fever dose'
const long = 'how to unpack an archive file with the tar command'

describe('pooling', () => {
  it.each([
    ['mean', (tokens: Vector[]) => mean(tokens)],
    ['cls', (tokens: Vector[]) => tokens[0]!],
    ['last', (tokens: Vector[]) => tokens.at(-1)!],
  ] as const)('by %s equals the one computed by hand, also for a padded text', async (pooling, byHand) => {
    const encoder = await open(tinyBert, { pooling })

    const vectors = await encoder.encode([short, long])

    for (const [i, text] of [short, long].entries()) {
      expectClose(vectors[i]!, normalize(byHand(await tokenVectors(tokenizer.encode(text).ids)).slice()))
    }
  })

  it('is what the model says, unless it is set', async () => {
    const cls = modelWith(tinyBert, { '1_Pooling/config.json': { pooling_mode_cls_token: true, pooling_mode_mean_tokens: false } })
    const named = modelWith(tinyBert, { '1_Pooling/config.json': { pooling_mode: 'lasttoken' } })

    const [a, b] = [await open(cls), await open(tinyBert, { pooling: 'cls' })]
    const [c, d] = [await open(named), await open(tinyBert, { pooling: 'last' })]

    expect(a.id).toBe(b.id)
    expect(c.id).toBe(d.id)
    expectClose((await a.encode([long]))[0]!, (await b.encode([long]))[0]!)
  })

  it("takes the graph's own sentence output where the files say nothing", async () => {
    const silent = modelWith(tinyBert, { 'modules.json': null })

    const encoder = await open(silent, { file: 'onnx/model_sentence.onnx' })

    const [vector] = await encoder.encode([long])
    expectClose(vector!, (await (await open(tinyBert)).encode([long]))[0]!)
  })

  it('is asked for, not guessed, where neither files nor graph say', async () => {
    const silent = modelWith(tinyBert, { 'modules.json': null })

    await expect(onnxEncoder(silent)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      argument: 'pooling',
      message: expect.stringContaining('"mean"'),
    })
    expect((await open(silent, { pooling: 'mean' })).id).toBe((await open(tinyBert)).id)
  })

  it('refuses what the graph cannot give', async () => {
    await expect(onnxEncoder(tinyBert, { pooling: 'sentence' })).rejects.toBeInstanceOf(InvalidModelError)
    await expect(onnxEncoder(tinyStatic, { file: 'onnx/model_offsets.onnx', pooling: 'mean' })).rejects.toBeInstanceOf(InvalidModelError)
  })

  it('refuses ways of pooling it does not know', async () => {
    const directory = modelWith(tinyBert, { '1_Pooling/config.json': { pooling_mode_max_tokens: true, pooling_mode_mean_tokens: true } })

    await expect(onnxEncoder(directory)).rejects.toThrow(/max_tokens and mean_tokens/)
    await expect(onnxEncoder(directory)).rejects.toBeInstanceOf(UnsupportedError)
  })

  it('refuses to leave out a further module, unless told to', async () => {
    const modules = [
      ...Object.values(read('modules.json')),
      { idx: 3, name: '3', path: '3_Dense', type: 'sentence_transformers.models.Dense' },
    ]
    const directory = modelWith(tinyBert, { 'modules.json': modules })

    await expect(onnxEncoder(directory)).rejects.toThrow(/Dense/)
    expect((await open(directory, { pooling: 'mean' })).id).toBe((await open(tinyBert)).id)
    expect(await open(directory, { file: 'onnx/model_sentence.onnx' })).toMatchObject({ dimensions: 16 })
  })
})

describe('prompts', () => {
  it('are put before the text, by the name the model gives them or as they are', async () => {
    const [plain, named, literal] = [
      await open(tinyBert),
      await open(tinyBert, { prompt: 'query' }),
      await open(tinyBert, { prompt: 'query: ' }),
    ]

    const [expected] = await plain.encode([`query: ${long}`])

    expectClose((await named.encode([long]))[0]!, expected!)
    expect(literal.id).toBe(named.id)
    expect(named.id).not.toBe(plain.id)
  })

  it('are refused when a name is unknown, with the names there are', async () => {
    await expect(onnxEncoder(tinyBert, { prompt: 'qeury' })).rejects.toMatchObject({
      argument: 'prompt',
      message: expect.stringContaining('query, document'),
    })
  })

  it('include the default one, unless it is set to nothing', async () => {
    const directory = modelWith(tinyBert, {
      'config_sentence_transformers.json': { prompts: { query: 'query: ' }, default_prompt_name: 'query' },
    })

    expect((await open(directory)).id).toBe((await open(tinyBert, { prompt: 'query' })).id)
    expect((await open(directory, { prompt: '' })).id).toBe((await open(tinyBert)).id)
  })

  it('stay out of the mean where the model says so', async () => {
    const directory = modelWith(tinyBert, { '1_Pooling/config.json': { pooling_mode_mean_tokens: true, include_prompt: false } })
    const encoder = await open(directory, { prompt: 'query' })

    const [vector] = await encoder.encode([short])

    // [CLS] query : fever dose [SEP]
    const tokens = await tokenVectors(tokenizer.encode(`query: ${short}`).ids)
    expectClose(vector!, normalize(mean(tokens.slice(3))))
  })
})

describe('length', () => {
  it('is cut in the body, so that the closing token stays', async () => {
    const encoder = await open(tinyBert, { pooling: 'last' })
    const body = Array.from({ length: 60 }, (_, i) => tinyWords[i % tinyWords.length]!).join(' ')

    const [vector] = await encoder.encode([body])

    const ids = tokenizer.encode(body).ids
    const kept = [...ids.slice(0, 31), ids.at(-1)!]
    expectClose(vector!, normalize((await tokenVectors(kept)).at(-1)!.slice()))
  })

  it('is reported with its special tokens', async () => {
    const encoder = await open(tinyBert)
    const reported: unknown[] = []

    await encoder.encode(['tar '.repeat(30), 'tar '.repeat(31)], { onTruncated: (truncation) => reported.push(truncation) })

    expect(reported).toEqual([{ index: 1, tokens: 33, limit: 32 }])
  })

  it('can be set, up to the positions the model has', async () => {
    const encoder = await open(tinyBert, { maxTokens: 48 })
    const reported: unknown[] = []

    await encoder.encode(['tar '.repeat(46)], { onTruncated: (truncation) => reported.push(truncation) })

    expect(reported).toEqual([])
    await expect(onnxEncoder(tinyBert, { maxTokens: 49 })).rejects.toMatchObject({
      argument: 'maxTokens',
      message: expect.stringContaining('48 positions'),
    })
    await expect(onnxEncoder(tinyBert, { maxTokens: 2 })).rejects.toBeInstanceOf(InvalidArgumentError)
  })

  it('comes from the next file where one says nothing', async () => {
    const byTokenizer = modelWith(tinyBert, { 'sentence_bert_config.json': null, 'tokenizer_config.json': { model_max_length: 20 } })
    const byPositions = modelWith(tinyBert, { 'sentence_bert_config.json': null, 'tokenizer_config.json': { model_max_length: 1e30 } })
    const limits: number[] = []

    for (const directory of [byTokenizer, byPositions]) {
      await (await open(directory)).encode(['tar '.repeat(100)], { onTruncated: ({ limit }) => limits.push(limit) })
    }

    expect(limits).toEqual([20, 48])
  })
})

describe('normalisation', () => {
  it('can be turned off', async () => {
    const encoder = await open(tinyBert, { normalize: false })

    const [vector] = await encoder.encode([short])

    expectClose(vector!, mean(await tokenVectors(tokenizer.encode(short).ids)))
    expect(encoder.id).not.toBe((await open(tinyBert)).id)
  })

  it('must be chosen for a model that compares by something else', async () => {
    const directory = modelWith(tinyBert, {
      'modules.json': Object.values(read('modules.json')).slice(0, 2),
      'config_sentence_transformers.json': { similarity_fn_name: 'dot' },
    })

    await expect(onnxEncoder(directory)).rejects.toMatchObject({ argument: 'normalize', message: expect.stringContaining('dot') })
    const [vector] = await (await open(directory, { normalize: true })).encode([long])
    expect(dot(vector!, vector!)).toBeCloseTo(1)
  })
})

describe('an ONNX encoder', () => {
  it('gives a quantised model the same vector in any company', async () => {
    const encoder = await open(tinyBert, { dtype: 'q8' })

    const batch = await encoder.encode([long, short, 'loan'])

    expect(batch[1]).toEqual((await encoder.encode([short]))[0])
  })

  it('has an id that follows content and settings, not place or threads', async () => {
    const ids = new Set<string>()
    for (const options of [
      {},
      { pooling: 'cls' },
      { prompt: 'document' },
      { maxTokens: 16 },
      { normalize: false },
      { dtype: 'q8' },
    ] as const)
      ids.add((await open(tinyBert, options)).id)
    const otherTokens = await open(modelWith(tinyBert, { 'tokenizer_config.json': { ...read('tokenizer_config.json'), added: true } }))

    expect(ids.add(otherTokens.id).size).toBe(7)
    expect(ids).toContain((await open(modelWith(tinyBert, {}), { threads: 2 })).id)
  })

  it('shares its model with another encoder of it, and outlives that one', async () => {
    const query = await onnxEncoder(tinyBert, { prompt: 'query' })
    const document = await open(tinyBert, { prompt: 'document' })
    const [before] = await document.encode([long])

    await query.close()

    expect((await document.encode([long]))[0]).toEqual(before)
  })

  it('answers a query while a long list is under way', async () => {
    const encoder = await open(tinyBert)
    let finished = false
    const all = encoder.encode(Array.from({ length: 5_000 }, (_, i) => `${long} ${i}`)).then(() => (finished = true))

    await encoder.encode([short])

    expect(finished).toBe(false)
    await all
  })

  it('gives a long list the same vectors from one session and from several', async () => {
    const [one, several] = [await open(tinyBert, { threads: 1 }), await open(tinyBert, { threads: 2 })]
    const texts = Array.from({ length: 1_500 }, (_, i) => `${tinyWords.slice(0, 1 + (i % 14)).join(' ')} ${i}`)
    const expected = await one.encode(texts)

    // The others start while the first list is under way.
    for (let round = 0; round < 3; round++) {
      const vectors = await several.encode(texts)
      vectors.forEach((vector, i) => expectClose(vector, expected[i]!))
    }
  })

  it('gives hundreds of single calls what each would get alone', async () => {
    const encoder = await open(tinyBert)
    const texts = Array.from({ length: 300 }, (_, i) => `${tinyWords.slice(0, 1 + (i % 9)).join(' ')} ${i}`)

    const vectors = await Promise.all(texts.map((text) => encoder.encode([text])))

    for (const i of [0, 7, 150, 299]) expectClose(vectors[i]![0]!, (await encoder.encode([texts[i]!]))[0]!)
  })

  it('hands an error of onTruncated to its caller alone', async () => {
    const encoder = await open(tinyBert)
    const problem = new Error('not prepared for this')
    const failing = encoder.encode(['tar '.repeat(100)], {
      onTruncated: () => {
        throw problem
      },
    })

    const other = encoder.encode([short])

    await expect(failing).rejects.toBe(problem)
    expect(await other).toHaveLength(1)
  })

  it('lets the process exit in the middle of a pass', async () => {
    const directory = modelWith(tinyBert, { 'onnx/model.onnx': slowGraph() })
    const script = fileURLToPath(new URL('./exit-while-encoding.ts', import.meta.url))

    const code = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, directory]).then(
      () => 0,
      (error: { code: number }) => error.code,
    )

    expect(code).toBe(3)
  })
})

/** One pass takes about a second: forty products of large matrices, whatever the text. */
function slowGraph(): Uint8Array {
  const g = graphBuilder()
  const ids = g.op('Cast', [g.input('input_ids', 'int64', ['batch', 'sequence'])], { to: 1 })
  const one = g.op('Expand', [g.op('Sigmoid', [g.op('ReduceMean', [ids], { keepdims: 0 })]), g.integers(900, 900)])
  let product = one
  for (let i = 0; i < 40; i++) product = g.op('Sigmoid', [g.op('MatMul', [product, one])])
  g.output('last_hidden_state', g.op('Unsqueeze', [g.op('Add', [ids, g.op('ReduceMean', [product], { keepdims: 0 })]), g.integers(-1)]), [
    'batch',
    'sequence',
    1,
  ])
  return g.finish()
}

describe('int8 of a model that comes without', () => {
  const mean = (directory: string, cacheDirectory: string, dtype: 'int8' | 'fp32' = 'int8'): Promise<Encoder> =>
    open(directory, { dtype, cacheDirectory })

  it('is made once, into the cache, and is close to the model', async () => {
    const [directory, cacheDirectory] = [modelWith(tinyBert, {}), temporaryDirectory()]

    const quantised = await mean(directory, cacheDirectory)

    const { path } = sourceOf(quantised)!
    const written = statSync(path).mtimeMs
    const [vector] = await quantised.encode([long])
    expect(dot(vector!, (await (await mean(directory, cacheDirectory, 'fp32')).encode([long]))[0]!)).toBeGreaterThan(0.99)
    await quantised.close()
    const again = await mean(directory, cacheDirectory)
    expect((await again.encode([long]))[0]).toEqual(vector)
    expect(statSync(path).mtimeMs).toBe(written)
    expect(existsSync(join(directory, 'onnx/model_int8.onnx'))).toBe(false)
  })

  it('has one id wherever it is made, and another than the model', async () => {
    const ids = await Promise.all([1, 2].map(async () => (await mean(modelWith(tinyBert, {}), temporaryDirectory())).id))

    expect(ids[0]).toBe(ids[1])
    expect(ids[0]).not.toBe((await open(tinyBert)).id)
  })

  it('follows the model when that is replaced', async () => {
    const cacheDirectory = temporaryDirectory()
    const directory = modelWith(tinyBert, {})
    const { id } = await mean(directory, cacheDirectory)

    cpSync(join(tinyBert, 'onnx/model_sentence.onnx'), join(directory, 'onnx/model.onnx'))
    const other = await open(directory, { dtype: 'int8', cacheDirectory, pooling: 'sentence' })

    expect(other.id).not.toBe(id)
  })

  it("is the directory's own file where there is one", async () => {
    const directory = modelWith(tinyBert, { 'onnx/model_int8.onnx': readFileSync(join(tinyBert, 'onnx/model_quantized.onnx')) })

    const encoder = await mean(directory, temporaryDirectory())

    expect(sourceOf(encoder)!.path).toBe(join(directory, 'onnx/model_int8.onnx'))
  })

  it('is refused by name where there is nothing to make it of, or nothing that can be read', async () => {
    const nothing = modelWith(tinyBert, { 'onnx/model.onnx': null })
    await expect(mean(nothing, temporaryDirectory())).rejects.toMatchObject({ path: join(nothing, 'onnx/model_int8.onnx') })

    const broken = modelWith(tinyBert, { 'onnx/model.onnx': '<!doctype html>' })
    await expect(mean(broken, temporaryDirectory())).rejects.toMatchObject({ code: 'INVALID_MODEL' })
  })
})

describe('an ONNX model that cannot be used', () => {
  const graph = readFileSync(join(tinyBert, 'onnx/model.onnx'))
  const wrong: [string, Parameters<typeof modelWith>[1], OnnxEncoderOptions, new (...args: never[]) => Error, RegExp][] = [
    [
      'no ONNX file',
      { 'onnx/model.onnx': null, 'onnx/model_quantized.onnx': null, 'onnx/model_sentence.onnx': null },
      {},
      ModelNotFoundError,
      /ONNX model/,
    ],
    ['another variant only', { 'onnx/model.onnx': null }, {}, ModelNotFoundError, /model_quantized\.onnx/],
    ['an unknown dtype', {}, { dtype: 'fp8' as never }, InvalidArgumentError, /fp16/],
    ['a cut-off graph', { 'onnx/model.onnx': graph.subarray(0, graph.length >> 1) }, {}, InvalidModelError, /onnxruntime/],
    ['a graph of other bytes', { 'onnx/model.onnx': Buffer.alloc(9_999, 7) }, {}, InvalidModelError, /onnxruntime/],
    ['an empty file', { 'onnx/model.onnx': '' }, {}, InvalidModelError, /onnxruntime/],
    ['a web page', { 'onnx/model.onnx': '<!doctype html><title>Not found</title>' }, {}, InvalidModelError, /onnxruntime/],
    ['no tokenizer', { 'tokenizer.json': null }, {}, ModelNotFoundError, /tokenizer/],
    ['a broken tokenizer', { 'tokenizer.json': '{' }, {}, InvalidModelError, /tokenizer\.json/],
    ['broken settings', { 'modules.json': '[' }, {}, InvalidModelError, /modules\.json/],
    [
      'a vocabulary larger than the graph',
      { 'tokenizer.json': readFileSync(join(tinyBert, 'tokenizer.json'), 'utf8').replace('"fever": ', '"fever": 9') },
      {},
      InvalidModelError,
      /failed on/,
    ],
  ]
  it.each(wrong)('is refused by name: %s', async (_, changes, options, error, message) => {
    const directory = modelWith(tinyBert, changes)
    const attempt = async (): Promise<unknown> => {
      const encoder = await onnxEncoder(directory, options)
      onTestFinished(() => encoder.close())
      return encoder.encode([short])
    }

    const failed = await attempt().catch((reason: unknown) => reason)

    expect(failed).toBeInstanceOf(error)
    expect((failed as Error).message).toMatch(message)
  })

  it('is refused when its graph reads something else', async () => {
    const g = graphBuilder()
    g.output('embedding', g.op('Abs', [g.input('pixel_values', 'float', ['batch', 16])]), ['batch', 16])
    const directory = modelWith(tinyBert, { 'onnx/model.onnx': g.finish() })

    await expect(onnxEncoder(directory)).rejects.toMatchObject({ code: 'INVALID_MODEL', message: expect.stringContaining('pixel_values') })
  })

  it('is refused when its values are not numbers', async () => {
    const g = graphBuilder()
    const values = g.op('Cast', [g.input('input_ids', 'int64', ['batch', 'sequence'])], { to: 1 })
    // 0 / 0 for every token
    const nothing = g.op('Div', [g.op('Sub', [values, values]), g.op('Sub', [values, values])])
    g.output('last_hidden_state', g.op('Unsqueeze', [nothing, g.integers(-1)]), ['batch', 'sequence', 1])
    const encoder = await open(modelWith(tinyBert, { 'onnx/model.onnx': g.finish() }))

    await expect(encoder.encode([short])).rejects.toMatchObject({ code: 'INVALID_MODEL', message: expect.stringContaining('not finite') })
  })

  it('does not spoil a later attempt with the file put right', async () => {
    const directory = modelWith(tinyBert, { 'onnx/model.onnx': 'broken' })
    await expect(onnxEncoder(directory)).rejects.toBeInstanceOf(InvalidModelError)

    writeFileSync(join(directory, 'onnx/model.onnx'), graph)

    expect(await (await open(directory)).encode([short])).toHaveLength(1)
  })

  it('is refused when the directory is empty or not there', async () => {
    await expect(onnxEncoder(temporaryDirectory())).rejects.toBeInstanceOf(ModelNotFoundError)
    await expect(onnxEncoder('./no/such/model')).rejects.toBeInstanceOf(ModelNotFoundError)
    await expect(onnxEncoder(undefined as unknown as string)).rejects.toBeInstanceOf(InvalidArgumentError)
  })
})
