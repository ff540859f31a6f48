import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { makeEncoder } from '../../../models/encoders/architecture.ts'
import { layerNames } from '../../../models/encoders/parameters.ts'
import { shapes, type ShapeName } from '../../../models/encoders/shapes.ts'
import { styles, type StyleName } from '../../../models/encoders/styles.ts'
import { linearLayers, type LinearLayer } from '../../../src/encoder/lora/linear-layers.ts'
import { adapterIds, branchInputs, withSideBranches } from '../../../src/encoder/lora/side-branches.ts'
import { targetLayers } from '../../../src/encoder/lora/targets.ts'
import { valueInfo } from '../../../src/onnx/builder.ts'
import type { OnnxModel } from '../../../src/onnx/model.ts'
import { writeOnnx } from '../../../src/onnx/protobuf.ts'
import { quantizeDynamic } from '../../../src/onnx/quantize.ts'
import { changesOf, merge, rank, type Changes } from './merged.ts'

const families = ['bert-tiny', 'distilbert-tiny', 'mpnet-tiny', 'roberta-tiny'] as const satisfies readonly ShapeName[]
const plain = (Object.keys(styles) as StyleName[]).filter((style) => style !== 'fused-attention')
const all = families.flatMap((shape) => plain.map((style) => [shape, style] as const))
const texts = [
  [2, 17, 42, 5, 3],
  [2, 99, 3],
  [2, 7, 200, 31, 3],
]
const width = 5

async function outputs(model: OnnxModel, feeds: Record<string, Tensor> = {}): Promise<Record<string, Float32Array>> {
  const session = await InferenceSession.create(writeOnnx(model), { logSeverityLevel: 4 })
  const matrix = (value: (ids: readonly number[], i: number) => number): Tensor =>
    new Tensor('int64', BigInt64Array.from(texts.flatMap((ids) => Array.from({ length: width }, (_, i) => BigInt(value(ids, i))))), [
      3,
      width,
    ])
  const ids = {
    input_ids: matrix((text, i) => text[i] ?? 0),
    attention_mask: matrix((text, i) => (i < text.length ? 1 : 0)),
    token_type_ids: matrix(() => 0),
  }
  try {
    const result = await session.run({ ...ids, ...feeds })
    return Object.fromEntries(Object.entries(result).map(([name, value]) => [name, value.data as Float32Array]))
  } finally {
    await session.release()
  }
}

/** Feeds of a bank whose rows are `changes`, and of which row each text is for. */
function bankFeeds(layers: readonly LinearLayer[], rows: readonly (Changes | undefined)[], ids: readonly number[]): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = { [adapterIds]: new Tensor('int64', BigInt64Array.from(ids, BigInt), [ids.length]) }
  for (const { module, inputs, outputs: outs } of layers) {
    const stack = (part: 'a' | 'b', size: number): Float32Array =>
      Float32Array.from(rows.flatMap((row) => [...(row?.get(module)?.[part] ?? new Float32Array(size))]))
    const names = branchInputs({ module })
    feeds[names.a] = new Tensor('float32', stack('a', inputs * rank), [rows.length, inputs, rank])
    feeds[names.b] = new Tensor('float32', stack('b', rank * outs), [rows.length, rank, outs])
  }
  return feeds
}

const largestGap = (one: Float32Array, other: Float32Array): number =>
  one.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i]!)), 0)

describe('linear layers of exported encoders', () => {
  it.each(all)('are found under the names they have in PyTorch: %s as %s', (shape, style) => {
    const { family, layers } = shapes[shape]
    const { list, query, key, value, output, up, down } = layerNames[family]
    const expected = Array.from({ length: layers }, (_, i) =>
      [query, key, value, output, up, down].map((part) => `${list}.${i}.${part}`),
    ).flat()

    const found = targetLayers(linearLayers(makeEncoder(shape, { style })), 'all-linear')

    expect(found.map(({ module }) => module).toSorted()).toEqual(expected.toSorted())
    const inner = found.find(({ module }) => module.endsWith(up))!
    expect([inner.inputs, inner.outputs]).toEqual([shapes[shape].width, shapes[shape].inner])
  })

  it.each(families)('stay what they are in int8: %s', (shape) => {
    const model = makeEncoder(shape)
    const describeLayers = (of: OnnxModel): object[] =>
      linearLayers(of).map(({ module, inputs, outputs, x }) => ({ module, inputs, outputs, x }))

    expect(describeLayers(quantizeDynamic(model))).toEqual(describeLayers(model))
  })

  it('are refused where query, key and value are one node, but only as targets', () => {
    const found = linearLayers(makeEncoder('bert-tiny', { style: 'fused-attention' }))

    expect(targetLayers(found, ['output.dense', 'intermediate.dense'])).toHaveLength(6)
    expect(() => targetLayers(found, ['query'])).toThrow(/"[^"]*" \(Attention\).*encoder\.layer\.0\.attention\.self\.query/)
  })
})

describe('side branches of exported encoders', () => {
  it.each(all)('give each text what merging its weights gives, within 1e-4: %s as %s', async (shape, style) => {
    const model = makeEncoder(shape, { style })
    const layers = targetLayers(linearLayers(model), 'all-linear')
    const [first, second] = [changesOf(layers, 1), changesOf(layers, 2)]

    const batch = (await outputs(withSideBranches(model, layers, 'bank'), bankFeeds(layers, [undefined, first, second], [2, 0, 1])))
      .last_hidden_state!

    const alone = [merge(model, layers, second), model, merge(model, layers, first)]
    const size = batch.length / texts.length
    for (const [text, expected] of alone.entries()) {
      const vectors = (await outputs(expected)).last_hidden_state!
      const length = texts[text]!.length * (size / width)
      const own = (values: Float32Array): Float32Array => values.subarray(text * size, text * size + length)
      expect(largestGap(own(batch), own(vectors))).toBeLessThan(1e-4)
      // The changes are large enough to be seen.
      if (text !== 1) expect(largestGap(own(batch), own((await outputs(model)).last_hidden_state!))).toBeGreaterThan(0.1)
    }
  })

  it.each(families)('add the exact product to an int8 layer: %s', async (shape) => {
    const model = quantizeDynamic(makeEncoder(shape))
    const layers = targetLayers(linearLayers(model), 'all-linear')
    const changes = changesOf(layers, 1)
    const branched = withSideBranches(model, layers, 'bank')
    const values = layers.flatMap(({ module, x, y }) => [x, y, `${module}.lora_base`])
    const output = [...branched.graph.output, ...[...new Set(values)].map((name) => valueInfo(name, 'float32', ['a', 'b', name]))]

    const found = await outputs({ ...branched, graph: { ...branched.graph, output } }, bankFeeds(layers, [undefined, changes], [1, 1, 0]))

    for (const { module, x, y, inputs, outputs: outs } of layers) {
      const { a, b } = changes.get(module)!
      const expected = found[`${module}.lora_base`]!.map((base, at) => {
        const [row, o] = [Math.floor(at / outs), at % outs]
        if (row >= 2 * width) return base
        let sum = base
        for (let r = 0; r < rank; r++) {
          let inside = 0
          for (let i = 0; i < inputs; i++) inside += found[x]![row * inputs + i]! * a[i * rank + r]!
          sum += inside * b[r * outs + o]!
        }
        return sum
      })
      expect(largestGap(found[y]!, expected)).toBeLessThan(1e-4)
    }
  })
})
