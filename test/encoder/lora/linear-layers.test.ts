import { describe, expect, it } from 'vitest'
import { linearLayers } from '../../../src/encoder/lora/linear-layers.ts'
import { targetLayers } from '../../../src/encoder/lora/targets.ts'
import { UnsupportedGraphError } from '../../../src/errors.ts'
import { numbers, smallGraph } from './named-layers.ts'

const query = 'encoder.layer.0.attention.self.query'

describe('linearLayers', () => {
  it('names a layer after its bias where the exporter numbered its weight', () => {
    const graph = smallGraph((g, x) => {
      const product = g.node('MatMul', [x, g.constant(numbers(16), [4, 4], 'onnx::MatMul_218')], { output: 'product' })
      return g.node('Add', [g.constant(numbers(4), [4], `${query}.bias`), product])
    })

    expect(linearLayers(graph)).toEqual([{ module: query, inputs: 4, outputs: 4, x: 'x', y: 'product' }])
  })

  it('takes a bias that a constant node holds and an identity hands on', () => {
    const graph = smallGraph((g, x) => {
      const held = smallGraph((inner) => inner.constant(numbers(4), [4], 'held')).graph.initializer[0]!
      g.node('Constant', [], { output: 'encoder.layer.0.output.dense.bias', attributes: { value: held } })
      g.node('Identity', ['encoder.layer.0.output.dense.bias'], { output: 'encoder.layer.1.output.dense.bias' })
      const product = g.node('Identity', [g.node('MatMul', [x, g.constant(numbers(16), [4, 4])])])
      return g.node('Add', [product, 'encoder.layer.1.output.dense.bias'])
    })

    expect(linearLayers(graph).map(({ module }) => module)).toEqual(['encoder.layer.1.output.dense'])
  })

  it('names a layer after its weight, also a transposed one, where it has no bias', () => {
    const graph = smallGraph((g, x) => {
      g.constant(numbers(24), [6, 4], `0.auto_model.${query}.weight`)
      const turned = g.node('Transpose', [`0.auto_model.${query}.weight`], { attributes: { perm: [1, 0] } })
      return g.node('MatMul', [g.node('MatMul', [x, turned]), g.constant(numbers(24), [6, 4])])
    })

    expect(linearLayers(graph)).toMatchObject([{ module: query, inputs: 4, outputs: 6 }])
  })

  it('names a layer after its node where nothing else has a name', () => {
    const graph = smallGraph((g, x) =>
      g.node('MatMul', [x, g.constant(numbers(16), [4, 4])], { name: '/encoder/layer.0/attention/self/query/MatMul' }),
    )

    expect(linearLayers(graph).map(({ module }) => module)).toEqual([query])
  })

  it('tells layers apart whose equal biases were stored once', () => {
    const graph = smallGraph((g, x) => {
      g.constant(numbers(4), [4], 'encoder.layer.0.attention.self.key.bias')
      return [0, 1].reduce((value, layer) => {
        const name = `/encoder/layer.${layer}/attention/self/key/MatMul`
        const product = g.node('MatMul', [value, g.constant(numbers(16), [4, 4])], { name })
        return g.node('Add', [product, 'encoder.layer.0.attention.self.key.bias'])
      }, x)
    })

    expect(linearLayers(graph).map(({ module }) => module)).toEqual([
      'encoder.layer.0.attention.self.key',
      'encoder.layer.1.attention.self.key',
    ])
  })

  it.each(['BiasGelu', 'FastGelu', 'SkipLayerNormalization'])('finds the bias inside %s', (operator) => {
    const graph = smallGraph((g, x) => {
      const product = g.node('FusedMatMul', [x, g.constant(numbers(16), [4, 4])], { domain: 'com.microsoft', output: 'product' })
      const bias = g.constant(numbers(4), [4], 'encoder.layer.3.output.dense.bias')
      const scales = ['gamma', 'beta'].map((name) => g.constant(numbers(4), [4], name))
      const inputs = operator === 'SkipLayerNormalization' ? [product, x, ...scales, bias] : [product, bias]
      return g.node(operator, inputs, { domain: 'com.microsoft' })
    })

    expect(linearLayers(graph)).toMatchObject([{ module: 'encoder.layer.3.output.dense', x: 'x', y: 'product' }])
  })

  it('follows dynamic int8 to where it becomes real numbers again', () => {
    const graph = smallGraph((g, x) => {
      // As onnxruntime's own quantiser names things.
      g.nodes.push(...smallGraph((inner) => inner.node('DynamicQuantizeLinear', ['x'])).graph.node.slice(0, 1))
      g.nodes[0]!.output = ['x_quantized', 'x_scale', 'x_zero_point']
      g.constant(new Int8Array(16), [4, 4], 'onnx::MatMul_218_quantized')
      g.constant(Float32Array.of(0.1), [1], 'onnx::MatMul_218_scale')
      g.constant(Int8Array.of(0), [1], 'onnx::MatMul_218_zero_point')
      const inputs = ['x_quantized', 'onnx::MatMul_218_quantized', 'x_zero_point', 'onnx::MatMul_218_zero_point']
      const whole = g.node('MatMulInteger', inputs, { name: '/encoder/layer.0/attention/self/query/MatMul_quant' })
      const cast = g.node('Cast', [whole], { attributes: { to: 1 } })
      const scale = g.node('Mul', ['x_scale', 'onnx::MatMul_218_scale'], { output: 'scales_mul' })
      const product = g.node('Mul', [cast, scale], { output: 'product' })
      void x
      return g.node('Add', [g.constant(numbers(4), [4], `${query}.bias`), product])
    })

    expect(linearLayers(graph)).toEqual([{ module: query, inputs: 4, outputs: 4, x: 'x', y: 'product' }])
  })

  it('leaves products without a name and products of two values alone', () => {
    const graph = smallGraph((g, x) => g.node('MatMul', [g.node('MatMul', [x, g.constant(numbers(16), [4, 4])]), x]))

    expect(linearLayers(graph)).toEqual([])
  })
})

describe('targetLayers', () => {
  const layers = [
    'encoder.layer.0.attention.self.query',
    'encoder.layer.1.attention.self.query',
    'encoder.layer.1.output.dense',
    'pooler.dense',
  ].map((module) => ({ module, inputs: 4, outputs: 4, x: 'x', y: module }))
  const names = (targets: readonly string[] | 'all-linear'): string[] => targetLayers(layers, targets).map(({ module }) => module)

  it('matches the end of a path by whole parts', () => {
    expect(names(['query'])).toHaveLength(2)
    expect(names(['1.attention.self.query'])).toEqual(['encoder.layer.1.attention.self.query'])
    expect(names(['dense'])).toEqual(['encoder.layer.1.output.dense', 'pooler.dense'])
    expect(() => names(['uery'])).toThrow('names "uery"')
  })

  it('takes every layer of the blocks and no other for all-linear', () => {
    expect(names('all-linear')).toEqual(layers.slice(0, 3).map(({ module }) => module))
  })

  it('lists the kinds of layers when one is not there', () => {
    expect(() => names(['q_lin'])).toThrow('There are attention.self.query (2), output.dense (1), pooler.dense (1).')
    expect(() => names([])).toThrow('targets names no layer')
  })

  it('refuses a merged attention only when it is meant, and names its node', () => {
    const graph = smallGraph((g, x) => {
      const weights = [g.constant(numbers(48), [4, 12]), g.constant(numbers(12), [12])]
      const mixed = g.node('Attention', [x, ...weights], { domain: 'com.microsoft', name: 'Attention_0', attributes: { num_heads: 2 } })
      const product = g.node('MatMul', [mixed, g.constant(numbers(16), [4, 4])])
      return g.node('Add', [product, g.constant(numbers(4), [4], 'encoder.layer.0.attention.output.dense.bias')])
    })
    const found = linearLayers(graph)

    expect(targetLayers(found, ['output.dense'])).toHaveLength(1)
    const refused = (): unknown => targetLayers(found, ['query'])
    expect(refused).toThrow(UnsupportedGraphError)
    expect(refused).toThrow('"Attention_0" (Attention)')
  })

  it('refuses a product of a matrix only when it is meant', () => {
    const graph = smallGraph(
      (g, x) => g.node('Gemm', [x, g.constant(numbers(16), [4, 4]), g.constant(numbers(4), [4], 'pooler.dense.bias')], { name: 'gemm' }),
      { rank: 2 },
    )

    expect(() => targetLayers(linearLayers(graph), ['dense'])).toThrow('"gemm" (Gemm)')
  })
})
