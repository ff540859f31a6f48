import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { makeEncoder } from '../../../models/encoders/architecture.ts'
import { shapes, type ShapeName } from '../../../models/encoders/shapes.ts'
import { styles, type StyleName } from '../../../models/encoders/styles.ts'
import { linearLayers } from '../../../src/encoder/lora/linear-layers.ts'
import { branchInputs, withSideBranches } from '../../../src/encoder/lora/side-branches.ts'
import { targetLayers } from '../../../src/encoder/lora/targets.ts'
import type { OnnxModel } from '../../../src/onnx/model.ts'
import { quantizeDynamic } from '../../../src/onnx/quantize.ts'
import { plainGraph } from '../../../src/train/gradients/plain.ts'
import type { Feeds } from '../../../src/train/gradients/probe.ts'
import { heads, withContrastiveLoss, withVectors } from '../../../src/train/gradients/training-graph.ts'
import { random } from '../../../src/train/random.ts'
import { asInputs, compare, type Parameters } from './central-differences.ts'

const tiny = (Object.keys(shapes) as ShapeName[]).filter((shape) => shape.endsWith('-tiny'))
const supported = (Object.keys(styles) as StyleName[]).filter((style) => style !== 'fused-attention')

/** The contrastive loss on top of an encoder. */
function withLoss(model: OnnxModel, dimensions: number, double = false): OnnxModel {
  const head = { output: { name: 'last_hidden_state', of: 'tokens' as const }, dimensions, double }
  return withContrastiveLoss(withVectors(model, head), dimensions, double)
}

/** Texts of several lengths, documents, and which answers which. */
function feedsFor(model: OnnxModel, dimensions: number, [rows, length, columns]: readonly [number, number, number], double = false): Feeds {
  const generator = random(5, rows)
  const numbers = (count: number, make: (i: number) => number, sides: number[]): ort.Tensor =>
    double
      ? new ort.Tensor(
          'float64',
          Float64Array.from({ length: count }, (_, i) => make(i)),
          sides,
        )
      : new ort.Tensor(
          'float32',
          Float32Array.from({ length: count }, (_, i) => make(i)),
          sides,
        )
  const whole = (make: (row: number, place: number) => number): ort.Tensor =>
    new ort.Tensor(
      'int64',
      BigInt64Array.from({ length: rows * length }, (_, i) => BigInt(make(Math.floor(i / length), i % length))),
      [rows, length],
    )
  const read = (row: number): number => length - (row % 3)
  const all: Feeds = {
    input_ids: whole((row, place) => (place < read(row) ? 5 + generator.below(200) : 1)),
    attention_mask: whole((row, place) => (place < read(row) ? 1 : 0)),
    token_type_ids: whole(() => 0),
    [heads.pooling]: numbers(rows * length, (i) => (i % length < read(Math.floor(i / length)) ? 1 / read(Math.floor(i / length)) : 0), [
      rows,
      length,
    ]),
    [heads.documents]: numbers(columns * dimensions, () => generator.normal() / Math.sqrt(dimensions), [columns, dimensions]),
    [heads.sharpness]: numbers(1, () => 8, []),
    [heads.targets]: numbers(rows * columns, (i) => (i % columns === Math.floor(i / columns) ? 1 : 0), [rows, columns]),
    [heads.mask]: numbers(rows * columns, (i) => (i === columns - 1 ? -1e4 : 0), [rows, columns]),
  }
  const wanted = new Set(model.graph.input.map(({ name }) => name))
  return Object.fromEntries(Object.entries(all).filter(([name]) => wanted.has(name)))
}

/** LoRA branches on all layers, with numbers in both matrices. */
function withLora(model: OnnxModel, rank: number): { model: OnnxModel; parameters: Parameters } {
  const plain = plainGraph(model)
  const layers = targetLayers(linearLayers(plain), 'all-linear')
  const generator = random(9)
  const draw = (count: number): Float32Array => Float32Array.from({ length: count }, () => 0.3 * generator.normal())
  const parameters: Parameters = new Map()
  for (const layer of layers) {
    const { a, b } = branchInputs(layer)
    parameters.set(a, { sides: [layer.inputs, rank], values: draw(layer.inputs * rank) })
    parameters.set(b, { sides: [rank, layer.outputs], values: draw(rank * layer.outputs) })
  }
  return { model: withSideBranches(plain, layers, 'shared'), parameters }
}

describe('gradients of whole encoders', () => {
  it.each(tiny)('%s in float64: every weight and bias agrees with central differences', async (shape) => {
    const dimensions = shapes[shape].width
    // Tables are looked up by ids, which has no gradient here: LoRA leaves them as they are.
    const isWeight = (name: string, sides: readonly number[]): boolean =>
      !/embeddings|relative_attention_bias/.test(name) && sides.some((side) => side > 1)
    const { model, parameters } = asInputs(plainGraph(makeEncoder(shape, { double: true, layers: 1 })), isWeight)
    const graph = withLoss(model, dimensions, true)
    const feeds = [feedsFor(graph, dimensions, [4, 6, 8], true), feedsFor(graph, dimensions, [3, 9, 5], true)] as const
    const comparisons = await compare(graph, heads.loss, parameters, feeds, { h: 1e-5, elements: 6 })
    expect(comparisons.size).toBeGreaterThanOrEqual(16)
    for (const [name, { worst }] of comparisons) expect(worst, name).toBeLessThan(1e-6)
  })

  const forms = tiny.flatMap((shape) => supported.flatMap((style) => [false, true].map((int8) => ({ shape, style, int8 }))))
  it.each(forms)('$shape as $style, int8 $int8: LoRA matrices agree with central differences', async ({ shape, style, int8 }) => {
    const made = makeEncoder(shape, { style, layers: 1 })
    const dimensions = shapes[shape].width
    const { model, parameters } = withLora(int8 ? quantizeDynamic(made) : made, 3)
    const graph = withLoss(model, dimensions)
    const feeds = [feedsFor(graph, dimensions, [4, 6, 8]), feedsFor(graph, dimensions, [3, 9, 5])] as const
    const comparisons = await compare(graph, heads.loss, parameters, feeds, { elements: 2 })
    expect(comparisons.size).toBe(12)
    for (const [name, { worst, largest }] of comparisons) {
      expect(largest, name).toBeGreaterThan(1e-3)
      expect(worst, name).toBeLessThan(2e-3)
    }
  })

  it('of the MiniLM shape agree with central differences, spot by spot', async () => {
    const made = makeEncoder('minilm-l6', { vocabularySize: 300 })
    const { model, parameters } = withLora(made, 4)
    for (const { values } of parameters.values()) for (let i = 0; i < values.length; i++) values[i]! *= 0.2
    const graph = withLoss(model, 384)
    const feeds = [feedsFor(graph, 384, [4, 6, 8]), feedsFor(graph, 384, [3, 9, 5])] as const
    const spots = new Map([...parameters].filter(([name]) => /layer\.(0|5)\..*(query|output\.dense)\.lora_/.test(name)))
    const rest = [...parameters].filter(([name]) => !spots.has(name))
    const fixed = Object.fromEntries(
      rest.map(([name, { values, sides }]) => [name, new ort.Tensor('float32', values as Float32Array, sides)]),
    )
    const comparisons = await compare(
      graph,
      heads.loss,
      spots,
      [
        { ...feeds[0], ...fixed },
        { ...feeds[1], ...fixed },
      ],
      { elements: 2, h: 2e-2 },
    )
    expect(comparisons.size).toBe(12)
    for (const [name, { worst, largest }] of comparisons) {
      expect(largest, name).toBeGreaterThan(1e-4)
      expect(worst, name).toBeLessThan(1e-3)
    }
  })

  it('are refused where a node joins what LoRA would change, by its name', () => {
    expect(() => withLora(makeEncoder('bert-tiny', { style: 'fused-attention' }), 2)).toThrow(/Attention/)
  })
})
