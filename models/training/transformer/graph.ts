import { graphBuilder, model, valueInfo } from '../../../src/onnx/builder.ts'
import type { OnnxModel } from '../../../src/onnx/model.ts'

/** Sizes of a small encoder. */
export interface TransformerShape {
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  /** Width of the feed-forward layers. */
  readonly intermediate: number
  /** Tokens it reads at most. */
  readonly positions: number
}

/** The encoder that `npm run train:transformer` makes. */
export function smallEncoder(hidden: number): TransformerShape {
  return { hidden, layers: 2, heads: 4, intermediate: 512, positions: 256 }
}

/** A weight matrix or vector: products take it as [in, out]. */
export interface Parameter {
  readonly name: string
  readonly sides: readonly number[]
  /** What it starts as: numbers of this standard deviation, zeros, or ones. */
  readonly start: number | 'zeros' | 'ones'
}

/** Names of inputs; tables are looked up outside, so that their gradients are those of the rows used. */
export const tokenVectors = 'token vectors'

/**
 * All weights but the tables. The two products that lead back into the residual stream start at zero: a fresh encoder is the mean of its
 * token vectors, exactly.
 */
export function parametersOf({ hidden, layers, intermediate }: TransformerShape): Parameter[] {
  const linear = (name: string, from: number, to: number, start: Parameter['start']): Parameter[] => [
    { name: `${name}.weight`, sides: [from, to], start },
    { name: `${name}.bias`, sides: [to], start: 'zeros' },
  ]
  const norm = (name: string): Parameter[] => [
    { name: `${name}.weight`, sides: [hidden], start: 'ones' },
    { name: `${name}.bias`, sides: [hidden], start: 'zeros' },
  ]
  const spread = 1 / Math.sqrt(hidden)
  return Array.from({ length: layers }, (_, i) => `encoder.layer.${i}`).flatMap((layer) => [
    ...norm(`${layer}.attention.LayerNorm`),
    ...['query', 'key', 'value'].flatMap((part) => linear(`${layer}.attention.self.${part}`, hidden, hidden, spread)),
    ...linear(`${layer}.attention.output.dense`, hidden, hidden, 'zeros'),
    ...norm(`${layer}.output.LayerNorm`),
    ...linear(`${layer}.intermediate.dense`, hidden, intermediate, spread),
    ...linear(`${layer}.output.dense`, intermediate, hidden, 'zeros'),
  ])
}

/**
 * The encoder over given token vectors [batch, sequence, hidden]: layers that normalise what they read, not what they give on
 * (Xiong et al. 2020), so that the lengths of token vectors, which say how much a word matters, reach the mean. Weights are inputs.
 */
export function transformerGraph(shape: TransformerShape): OnnxModel {
  const { hidden, layers, heads } = shape
  const width = hidden / heads
  const builder = graphBuilder('body/')
  const { node, integers, scalar } = builder
  const named = (name: string): string => `/${name.replaceAll('.', '/')}`
  const linear = (x: string, name: string): string =>
    node('Add', [node('MatMul', [x, `${name}.weight`], { name: `${named(name)}/MatMul` }), `${name}.bias`], { name: `${named(name)}/Add` })
  const normalized = (x: string, name: string): string =>
    node('LayerNormalization', [x, `${name}.weight`, `${name}.bias`], {
      attributes: { axis: -1, epsilon: 1e-5 },
      name: `${named(name)}/LayerNormalization`,
    })
  const split = (x: string, order: readonly number[]): string =>
    node('Transpose', [node('Reshape', [x, integers(0, 0, heads, width)])], { attributes: { perm: order } })

  const open = node('Cast', [node('Unsqueeze', ['attention_mask', integers(1, 2)])], { attributes: { to: 1 } })
  const mask = node('Mul', [node('Sub', [scalar(1), open]), scalar(-1e4)])
  let stream = tokenVectors
  for (let i = 0; i < layers; i++) {
    const layer = `encoder.layer.${i}`
    const seen = normalized(stream, `${layer}.attention.LayerNorm`)
    const part = (name: string): string => linear(seen, `${layer}.attention.self.${name}`)
    const scores = node('MatMul', [split(part('query'), [0, 2, 1, 3]), split(part('key'), [0, 2, 3, 1])])
    const shares = node('Softmax', [node('Add', [node('Mul', [scores, scalar(1 / Math.sqrt(width))]), mask])], { attributes: { axis: -1 } })
    const mixed = node('Transpose', [node('MatMul', [shares, split(part('value'), [0, 2, 1, 3])])], { attributes: { perm: [0, 2, 1, 3] } })
    const joined = node('Reshape', [mixed, integers(0, 0, hidden)])
    stream = node('Add', [stream, linear(joined, `${layer}.attention.output.dense`)])
    const read = normalized(stream, `${layer}.output.LayerNorm`)
    const inner = node('Gelu', [linear(read, `${layer}.intermediate.dense`)], { name: `${named(layer)}/intermediate/Gelu` })
    stream = node('Add', [stream, linear(inner, `${layer}.output.dense`)])
  }
  node('Identity', [stream], { output: 'last_hidden_state' })
  return model(
    builder,
    [
      valueInfo(tokenVectors, 'float32', ['batch', 'sequence', hidden]),
      valueInfo('attention_mask', 'int64', ['batch', 'sequence']),
      ...parametersOf(shape).map(({ name, sides }) => valueInfo(name, 'float32', sides)),
    ],
    [valueInfo('last_hidden_state', 'float32', ['batch', 'sequence', hidden])],
    { opset: 20 },
  )
}
