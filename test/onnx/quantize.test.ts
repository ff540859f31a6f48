import { describe, expect, it } from 'vitest'
import { makeEncoder } from '../../models/encoders/architecture.ts'
import { shapes } from '../../models/encoders/shapes.ts'
import { styles, type StyleName } from '../../models/encoders/styles.ts'
import { model, node, valueInfo } from '../../src/onnx/builder.ts'
import type { OnnxModel } from '../../src/onnx/model.ts'
import { readOnnx, writeOnnx } from '../../src/onnx/protobuf.ts'
import { quantizeDynamic } from '../../src/onnx/quantize.ts'
import { tensor, valuesOf } from '../../src/onnx/tensor.ts'
import { cosine, largestDifference, runEncoder, twoTexts } from '../models/runs.ts'

const tiny = ['bert-tiny', 'distilbert-tiny', 'mpnet-tiny', 'roberta-tiny'] as const
const count = ({ graph }: OnnxModel, opType: string): number => graph.node.filter((one) => one.opType === opType).length
const valuesNamed = ({ graph }: OnnxModel, name: string) => valuesOf(graph.initializer.find((one) => one.name === name)!)

describe('quantizeDynamic', () => {
  it.each(tiny.flatMap((shape) => (Object.keys(styles) as StyleName[]).map((style) => [shape, style] as const)))(
    'keeps vectors close to those of float32, cosine 0.99 and more: %s as %s',
    async (shape, style) => {
      const made = makeEncoder(shape, { style })
      const expected = await runEncoder(made, twoTexts, shapes[shape])

      const actual = await runEncoder(readOnnx(writeOnnx(quantizeDynamic(made))), twoTexts, shapes[shape])

      expect(actual.finite).toBe(true)
      actual.texts.forEach((text, i) => {
        expect(cosine(text, expected.texts[i]!)).toBeGreaterThan(0.99)
        expect(largestDifference(text, expected.texts[i]!)).toBeGreaterThan(0)
      })
    },
  )

  it('turns every product with a weight, and quantises each value once', () => {
    const whole = quantizeDynamic(makeEncoder('bert-tiny'))

    // Six linear layers in each of two; attention's two products have no weights. Query, key and value share their input.
    expect(count(whole, 'MatMulInteger')).toBe(12)
    expect(count(whole, 'MatMul')).toBe(4)
    expect(count(whole, 'DynamicQuantizeLinear')).toBe(8)
  })

  it('keeps the names of values, so that layers are found by their biases', () => {
    const [before, after] = [makeEncoder('bert-tiny'), quantizeDynamic(makeEncoder('bert-tiny'))]
    const adders = ({ graph }: OnnxModel) => graph.node.filter(({ opType }) => opType === 'Add')

    expect(adders(after)).toEqual(adders(before))
  })

  it('makes a model a quarter as large', () => {
    const shape = { ...shapes['minilm-l6'], layers: 1, vocabularySize: 2000 }

    const [before, after] = [makeEncoder(shape), makeEncoder(shape)].map(
      (made, i) => writeOnnx(i === 0 ? made : quantizeDynamic(made)).length,
    )

    expect(after! / before!).toBeLessThan(0.27)
  })

  it('leaves the given model as it was', () => {
    const made = makeEncoder('bert-tiny')
    const before = writeOnnx(made)

    quantizeDynamic(made)

    expect(Buffer.compare(writeOnnx(made), before)).toBe(0)
  })

  it('rounds each output of a layer to a scale of its own, the largest weight to 127', () => {
    const made = makeEncoder('bert-tiny')
    const weight = valuesNamed(made, 'onnx::MatMul_700') as Float32Array

    const after = quantizeDynamic(made)

    const [whole, scales] = [
      valuesNamed(after, 'onnx::MatMul_700_quantized') as Int8Array,
      valuesNamed(after, 'onnx::MatMul_700_scale') as Float32Array,
    ]
    expect(scales).toHaveLength(32)
    for (let column = 0; column < 32; column++) {
      const rows = Array.from({ length: 32 }, (_, row) => row * 32 + column)
      expect(Math.max(...rows.map((i) => Math.abs(whole[i]!)))).toBe(127)
      for (const i of rows) expect(Math.abs(whole[i]! * scales[column]! - weight[i]!)).toBeLessThanOrEqual(scales[column]! * 0.5001)
    }
  })

  it('stays within 7 bits where asked to', async () => {
    const made = makeEncoder('bert-tiny')

    const narrow = quantizeDynamic(made, { bits: 7 })

    expect(Math.max(...(valuesNamed(narrow, 'onnx::MatMul_700_quantized') as Int8Array).map(Math.abs))).toBe(63)
    const [expected, actual] = [await runEncoder(made, twoTexts, { padId: 0 }), await runEncoder(narrow, twoTexts, { padId: 0 })]
    expect(cosine(actual.texts[0]!, expected.texts[0]!)).toBeGreaterThan(0.99)
  })

  it('leaves tables alone where asked to, and small ones always', () => {
    const tables = (whole: OnnxModel): string[] =>
      whole.graph.initializer.map(({ name }) => name).filter((name) => name.startsWith('embeddings.') && name.includes('_embeddings'))

    expect(tables(quantizeDynamic(makeEncoder('bert-tiny'), { embeddings: false }))).toContain('embeddings.word_embeddings.weight')
    const quantized = tables(quantizeDynamic(makeEncoder('bert-tiny')))
    expect(quantized).toContain('embeddings.word_embeddings.weight_rows_quantized')
    expect(quantized).not.toContain('embeddings.word_embeddings.weight')
    expect(quantized).toContain('embeddings.token_type_embeddings.weight')
  })

  it('computes one matrix that is a table of rows in one place and turned into a product in another', async () => {
    const table = tensor(
      'tied',
      [300, 32],
      Float32Array.from({ length: 9600 }, (_, i) => Math.sin(i)),
    )
    const tied = model(
      {
        nodes: [
          node('Gather', ['tied', 'input_ids'], ['rows']),
          node('Transpose', ['tied'], ['turned'], { attributes: { perm: [1, 0] } }),
          node('MatMul', ['rows', 'turned'], ['last_hidden_state']),
        ],
        constants: [table],
      },
      [valueInfo('input_ids', 'int64', ['batch', 'sequence'])],
      [valueInfo('last_hidden_state', 'float32', ['batch', 'sequence', 300])],
    )

    const whole = quantizeDynamic(tied)

    expect(count(whole, 'Transpose')).toBe(0)
    const [expected, actual] = [await runEncoder(tied, twoTexts, { padId: 0 }), await runEncoder(whole, twoTexts, { padId: 0 })]
    expect(cosine(actual.texts[0]!, expected.texts[0]!)).toBeGreaterThan(0.999)
  })

  it('gives zeros for a weight of zeros', async () => {
    const silent = model(
      {
        nodes: [
          node('Cast', ['input_ids'], ['x'], { attributes: { to: 1 } }),
          node('MatMul', ['x', 'w'], ['y']),
          node('Unsqueeze', ['y', 'one'], ['last_hidden_state']),
        ],
        constants: [tensor('w', [7, 3], new Float32Array(21)), tensor('one', [1], BigInt64Array.of(1n))],
      },
      [valueInfo('input_ids', 'int64', ['batch', 7])],
      [valueInfo('last_hidden_state', 'float32', ['batch', 1, 3])],
    )

    const { texts } = await runEncoder(quantizeDynamic(silent), [twoTexts[1]!], { padId: 0 })

    expect([...texts[0]!]).toEqual([0, 0, 0])
  })

  it('refuses float64, which its operators do not know', () => {
    expect(() => quantizeDynamic(makeEncoder('bert-tiny', { double: true }))).toThrow(/float64/)
  })
})
