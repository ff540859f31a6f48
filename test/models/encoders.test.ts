import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { makeEncoder } from '../../models/encoders/architecture.ts'
import { parameters } from '../../models/encoders/parameters.ts'
import { shapes, type ShapeName } from '../../models/encoders/shapes.ts'
import { styles, type StyleName } from '../../models/encoders/styles.ts'
import { InvalidArgumentError } from '../../src/errors.ts'
import { writeOnnx } from '../../src/onnx/protobuf.ts'
import { valuesOf } from '../../src/onnx/tensor.ts'
import { largestDifference, meanOf, runEncoder, twoTexts } from './runs.ts'

const tiny = ['bert-tiny', 'distilbert-tiny', 'mpnet-tiny', 'roberta-tiny'] as const
const others = (Object.keys(styles) as StyleName[]).filter((style) => style !== 'torchscript')
/** Mean token vectors of `twoTexts`, from transformers 5.18 on PyTorch 2.13 with the weights of seed 1. */
const fromPyTorch = JSON.parse(readFileSync(new URL('pytorch-vectors.json', import.meta.url), 'utf8')) as Record<string, number[][]>

describe('makeEncoder', () => {
  it.each(tiny)('gives what PyTorch gives with the same weights: %s', async (shape) => {
    const { texts } = await runEncoder(makeEncoder(shape), twoTexts, shapes[shape])

    texts.forEach((text, i) => expect(largestDifference(meanOf(text, 32), fromPyTorch[shape]![i]!)).toBeLessThan(2e-6))
  })

  it.each(tiny.flatMap((shape) => others.map((style) => [shape, style] as const)))(
    'gives the same vectors in every style: %s as %s',
    async (shape, style) => {
      const expected = await runEncoder(makeEncoder(shape), twoTexts, shapes[shape])

      const actual = await runEncoder(makeEncoder(shape, { style }), twoTexts, shapes[shape])

      expect(actual.finite).toBe(true)
      actual.texts.forEach((text, i) => expect(largestDifference(text, expected.texts[i]!)).toBeLessThan(1e-5))
    },
  )

  it.each(tiny.flatMap((shape) => (Object.keys(styles) as StyleName[]).map((style) => [shape, style] as const)))(
    'gives a text the same vectors however it is padded: %s as %s',
    async (shape, style) => {
      const model = makeEncoder(shape, { style })

      const [alone, padded] = [
        await runEncoder(model, [twoTexts[1]!], shapes[shape]),
        await runEncoder(model, [twoTexts[1]!], { ...shapes[shape], padTo: 50 }),
      ]

      expect(largestDifference(alone.texts[0]!, padded.texts[0]!)).toBeLessThan(1e-5)
    },
  )

  it.each(tiny.flatMap((shape) => (['torchscript', ...others] as const).map((style) => [shape, style] as const)))(
    'knows GELU by tanh: %s as %s',
    async (shape, style) => {
      const expected = await runEncoder(makeEncoder(shape, { double: true }), twoTexts, shapes[shape])

      const { texts } = await runEncoder(makeEncoder(shape, { style, activation: 'gelu_tanh' }), twoTexts, shapes[shape])

      texts.forEach((text, i) => expect(largestDifference(text, expected.texts[i]!)).toBeLessThan(1e-5))
    },
  )

  it('computes in float64 where asked to, to more digits', async () => {
    const run = async (style: StyleName) =>
      (await runEncoder(makeEncoder('bert-tiny', { style, double: true }), twoTexts, shapes['bert-tiny'])).texts[0]!

    const [parts, one] = [await run('torchscript'), await run('dynamo-folded')]

    expect(parts).toBeInstanceOf(Float64Array)
    expect(largestDifference(parts, one)).toBeLessThan(1e-7)
  })

  it('depends on the seed alone', () => {
    const bytes = (seed: number): string => Buffer.from(writeOnnx(makeEncoder('bert-tiny', { seed }))).toString('base64')

    expect(bytes(1)).toBe(bytes(1))
    expect(bytes(1)).not.toBe(bytes(2))
  })

  it('keeps activations in a realistic range', async () => {
    const { texts } = await runEncoder(makeEncoder('minilm-l6', { vocabularySize: 320, layers: 2 }), twoTexts, shapes['minilm-l6'])

    const values = Array.from(texts[0]!)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)

    expect(deviation).toBeGreaterThan(0.8)
    expect(deviation).toBeLessThan(1.2)
  })

  it('refuses what there is not, and says what there is', () => {
    expect(() => makeEncoder('bert' as ShapeName)).toThrow(/bert-base, minilm-l6/)
    expect(() => makeEncoder('bert-tiny', { style: 'onnx' as StyleName })).toThrow(/torchscript/)
    expect(() => makeEncoder('bert-tiny', { style: 'fused', double: true })).toThrow(InvalidArgumentError)
    expect(() => makeEncoder('bert-tiny', { activation: 'gelu', double: true })).toThrow(/gelu_tanh/)
  })
})

describe('the marks of exporters', () => {
  const names = (style: StyleName): { weights: string[]; nodes: string[]; kinds: Set<string> } => {
    const { graph } = makeEncoder('bert-tiny', { style })
    return {
      weights: graph.initializer.map(({ name }) => name),
      nodes: graph.node.map(({ name }) => name),
      kinds: new Set(graph.node.map(({ opType }) => opType)),
    }
  }

  it('without dynamo: weights are renamed, biases are not, nodes are named by modules, equal biases are stored once', () => {
    const { weights, nodes, kinds } = names('torchscript')
    const { graph } = makeEncoder('bert-tiny')

    expect(weights).toContain('encoder.layer.0.attention.self.query.bias')
    expect(weights).not.toContain('encoder.layer.0.attention.self.query.weight')
    expect(weights.filter((name) => name.startsWith('onnx::MatMul_'))).toHaveLength(12)
    expect(nodes).toContain('/encoder/layer.1/attention/self/query/MatMul')
    expect(kinds).toContain('Constant')
    expect(graph.node.find(({ opType }) => opType === 'Identity')).toMatchObject({
      input: ['encoder.layer.0.attention.self.key.bias'],
      output: ['encoder.layer.1.attention.self.key.bias'],
    })
    for (const kind of ['LayerNormalization', 'Gelu', 'SkipLayerNormalization']) expect(kinds).not.toContain(kind)
  })

  it('with dynamo: weights are turned in the graph under their names, or have lost them', () => {
    expect(names('dynamo').weights).toContain('encoder.layer.0.attention.self.query.weight')
    expect(names('dynamo').kinds).toContain('Gelu')
    expect(names('dynamo-folded').weights.filter((name) => name.endsWith('dense.weight'))).toEqual([])
    for (const style of ['dynamo', 'dynamo-folded'] as const) {
      expect(names(style).weights).toContain('encoder.layer.0.attention.self.query.bias')
      expect(names(style).kinds).toContain('IsNaN')
    }
  })

  it("onnxruntime's optimiser: sums and biases are inside its nodes, attention too where it was found", () => {
    const [fused, attention] = [names('fused').kinds, names('fused-attention').kinds]

    for (const kind of ['SkipLayerNormalization', 'BiasGelu']) expect(fused).toContain(kind)
    expect(fused).not.toContain('Attention')
    for (const kind of ['Attention', 'EmbedLayerNormalization']) expect(attention).toContain(kind)
  })
})

describe('published shapes', () => {
  // As PyTorch counts the modules of transformers without their pooling layers.
  it.each<[ShapeName, number]>([
    ['bert-base', 108891648],
    ['minilm-l6', 22565376],
    ['minilm-l12', 33212160],
    ['distilbert-base', 66362880],
    ['mpnet-base', 108895872],
    ['roberta-base', 124055040],
    ['xlm-r-base', 277453056],
  ])('have as many weights as their models: %s', (shape, count) => {
    const { names, sides } = parameters(shapes[shape], 1)

    expect(names.reduce((sum, name) => sum + sides(name).reduce((product, side) => product * side, 1), 0)).toBe(count)
  })

  it('may be cut to fewer layers and tokens', () => {
    const { graph } = makeEncoder('bert-base', { layers: 1, vocabularySize: 200 })

    expect(graph.initializer.find(({ name }) => name === 'embeddings.word_embeddings.weight')!.dims).toEqual([200n, 768n])
    expect(graph.node.filter(({ opType }) => opType === 'Softmax')).toHaveLength(1)
  })

  it('have weights of the deviation they say', () => {
    const { graph } = makeEncoder('minilm-l6', { layers: 1, vocabularySize: 320 })
    const weight = valuesOf(graph.initializer.find(({ name }) => name === 'onnx::MatMul_700')!) as Float32Array

    expect(Math.sqrt(weight.reduce((sum, value) => sum + value ** 2, 0) / weight.length)).toBeCloseTo(0.02, 3)
  })
})
