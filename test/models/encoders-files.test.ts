import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { makeEncoder } from '../../models/encoders/architecture.ts'
import { writeEncoder, type WriteEncoderOptions } from '../../models/encoders/files.ts'
import { shapes, type ShapeName } from '../../models/encoders/shapes.ts'
import { generateTokenizer } from '../../models/encoders/vocabulary.ts'
import type { Encoder } from '../../src/encoder/encoder.ts'
import { onnxEncoder, type OnnxEncoderOptions } from '../../src/encoder/onnx.ts'
import { loadTokenizer } from '../../src/encoder/tokenizer.ts'
import { dot } from '../../src/vector.ts'
import { temporaryDirectory } from '../encoder/models.ts'

const run = promisify(execFile)
const tiny = ['bert-tiny', 'distilbert-tiny', 'mpnet-tiny', 'roberta-tiny'] as const
const texts = ['What is the dose of ibuprofen for a child?', 'tar -xzf archive.tar.gz', 'a'.repeat(500)]

function written(shape: ShapeName, options?: WriteEncoderOptions): string {
  const directory = temporaryDirectory()
  writeEncoder(directory, shape, options)
  return directory
}

async function open(directory: string, options?: OnnxEncoderOptions): Promise<Encoder> {
  const encoder = await onnxEncoder(directory, options)
  onTestFinished(() => encoder.close())
  return encoder
}

describe('writeEncoder', () => {
  it.each(tiny)('writes a directory that onnxEncoder opens and that encodes plain English: %s', async (shape) => {
    const encoder = await open(written(shape))

    const vectors = await encoder.encode(texts)

    expect(encoder.dimensions).toBe(32)
    for (const vector of vectors) expect(dot(vector, vector)).toBeCloseTo(1)
    expect(dot(vectors[0]!, vectors[1]!)).toBeLessThan(0.999)
  })

  it('writes an int8 variant that gives nearly the same vectors', async () => {
    const directory = written('bert-tiny', { int8: true })
    const [exact, whole] = [await open(directory), await open(directory, { dtype: 'int8' })]

    const [expected, actual] = [await exact.encode(texts), await whole.encode(texts)]

    expect(whole.id).not.toBe(exact.id)
    expected.forEach((vector, i) => expect(dot(vector, actual[i]!)).toBeGreaterThan(0.99))
  })

  it.each(tiny)('gives the tokenizer of a family its own special tokens: %s', async (shape) => {
    const tokenizer = await loadTokenizer(written(shape))

    const special = shape === 'mpnet-tiny' || shape === 'roberta-tiny' ? [0, 2] : [2, 3]
    expect([...tokenizer.opening, ...tokenizer.closing]).toEqual(special)
    expect(tokenizer.vocabularySize).toBe(320)
    // The last text is one word, longer than a word may be.
    expect(texts.slice(0, 2).flatMap((text) => [...tokenizer.tokenize(text)])).not.toContain(tokenizer.unknownId)
  })

  it('says how large its files are', () => {
    const directory = temporaryDirectory()

    const sizes = writeEncoder(directory, 'distilbert-tiny')

    for (const [name, size] of sizes) expect(readFileSync(join(directory, name))).toHaveLength(size)
    expect([...sizes.keys()]).toContain('1_Pooling/config.json')
  })

  it('takes a model and a tokenizer of one’s own', async () => {
    const shape = shapes['bert-tiny']
    const mine = written('bert-tiny', { model: makeEncoder(shape, { seed: 9 }), tokenizer: generateTokenizer(shape) })

    const [own, other] = [await open(mine), await open(written('bert-tiny', { seed: 9 }))]

    expect((await own.encode(texts))[0]).toEqual((await other.encode(texts))[0])
  })
})

describe('generateTokenizer', () => {
  it.each([102, 320, 30_522, 250_002])('has as many tokens as are wanted, all different: %d', (vocabularySize) => {
    const { model } = generateTokenizer({ ...shapes['bert-tiny'], vocabularySize }) as { model: { vocab: Record<string, number> } }

    expect(Object.keys(model.vocab)).toHaveLength(vocabularySize)
    expect(new Set(Object.values(model.vocab)).size).toBe(vocabularySize)
  })

  it('refuses fewer than letters and marks need', () => {
    expect(() => generateTokenizer({ ...shapes['bert-tiny'], vocabularySize: 50 })).toThrow(/fewer than the 102/)
  })
})

describe('npm run make:encoder', () => {
  const make = async (...args: string[]) =>
    run('npx', ['tsx', 'models/encoders/make.ts', ...args], { cwd: fileURLToPath(new URL('../..', import.meta.url)) })

  it('makes an encoder and says where', async () => {
    const directory = temporaryDirectory()

    const { stdout } = await make('--shape', 'mpnet-tiny', '--out', directory, '--style', 'dynamo', '--int8', '--layers', '1')

    expect(stdout).toMatch(/mpnet-tiny.*seed 1.*dynamo/)
    expect(stdout).toMatch(/model_int8\.onnx/)
    expect((await open(directory)).dimensions).toBe(32)
  })

  it('names what it does not know, with the choices', async () => {
    await expect(make('--shape', 'gpt', '--out', temporaryDirectory())).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/"gpt", not one of bert-base/),
    })
    await expect(make('--shape', 'bert-tiny')).rejects.toMatchObject({ stderr: expect.stringMatching(/--out are needed[^]*--style/) })
  })
})
