import { graphBuilder, valueInfo } from '../../onnx/builder.ts'
import type { OnnxModel } from '../../onnx/model.ts'

/** How an encoder's graph ends and what is asked of it. */
export interface HeadOptions {
  /** The output to learn on: one vector per token, or per text. */
  readonly output: { readonly name: string; readonly of: 'tokens' | 'texts' }
  readonly dimensions: number
  /** Vectors of unit length. @default true */
  readonly normalize?: boolean
  readonly double?: boolean
}

/** Names of what a head adds to a graph. */
export const heads = {
  /** Input [batch, sequence]: what each token's vector counts for its text's; only with vectors per token. */
  pooling: 'pooling weights',
  /** Output [batch, dimensions]: the texts' vectors. */
  vectors: 'vectors',
  /** Input [columns, dimensions]: unit vectors of documents, which stay as they are. */
  documents: 'documents',
  /** Input []: 1 / temperature. */
  sharpness: 'sharpness',
  /** Input [batch, columns]: what the softmax over documents should give, as numbers that sum to 1 along each row. */
  targets: 'targets',
  /** Input [batch, columns]: added to the scores; −10⁴ where a document must not count as a negative. */
  mask: 'mask',
  /** Input [batch, dimensions]: the gradient of some loss with respect to the vectors. */
  upstream: 'upstream',
  /** Output []: mean over the batch, in nats. */
  loss: 'loss',
} as const

/** The graph with one more output: the vector of each text, pooled as inputs say. Its other outputs are gone. */
export function withVectors(model: OnnxModel, { output, dimensions, normalize = true, double = false }: HeadOptions): OnnxModel {
  const { graph } = model
  const { node, nodes, constants, scalar, integers } = graphBuilder('head/', { double })
  const type = double ? 'float64' : 'float32'
  const pooled =
    output.of === 'texts'
      ? output.name
      : node('Squeeze', [node('MatMul', [node('Unsqueeze', [heads.pooling, integers(1)]), output.name]), integers(1)])
  const square = (): string => node('ReduceSum', [node('Mul', [pooled, pooled]), integers(-1)], { attributes: { keepdims: 1 } })
  if (normalize) node('Div', [pooled, node('Sqrt', [node('Add', [square(), scalar(1e-12)])])], { output: heads.vectors })
  else node('Identity', [pooled], { output: heads.vectors })
  const input = output.of === 'texts' ? graph.input : [...graph.input, valueInfo(heads.pooling, type, ['batch', 'sequence'])]
  return {
    ...model,
    graph: {
      ...graph,
      node: [...graph.node, ...nodes],
      initializer: [...graph.initializer, ...constants],
      input,
      output: [valueInfo(heads.vectors, type, ['batch', dimensions])],
    },
  }
}

/**
 * Adds the contrastive loss: cross-entropy between targets and the softmax over cosines · sharpness (van den Oord et al. 2018, eq. 4, for
 * targets that are one document each; for others the distillation of a teacher's distribution).
 */
export function withContrastiveLoss(model: OnnxModel, dimensions: number, double = false): OnnxModel {
  const { node, nodes, constants, integers } = graphBuilder('loss/', { double })
  const type = double ? 'float64' : 'float32'
  const cosines = node('MatMul', [heads.vectors, node('Transpose', [heads.documents], { attributes: { perm: [1, 0] } })])
  const logits = node('Add', [node('Mul', [cosines, heads.sharpness]), heads.mask])
  const likelihoods = node('LogSoftmax', [logits], { attributes: { axis: -1 } })
  const rows = node('ReduceSum', [node('Mul', [heads.targets, likelihoods]), integers(1)], { attributes: { keepdims: 0 } })
  node('Neg', [node('ReduceMean', [rows], { attributes: { keepdims: 0 } })], { output: heads.loss })
  return added(
    model,
    { nodes, constants },
    [
      valueInfo(heads.documents, type, ['columns', dimensions]),
      valueInfo(heads.sharpness, type, []),
      valueInfo(heads.targets, type, ['batch', 'columns']),
      valueInfo(heads.mask, type, ['batch', 'columns']),
    ],
    type,
  )
}

/** Adds the sum of vectors · upstream, whose gradient is that of whatever loss `upstream` belongs to. */
export function withUpstream(model: OnnxModel, dimensions: number, double = false): OnnxModel {
  const { node, nodes, constants } = graphBuilder('loss/', { double })
  const type = double ? 'float64' : 'float32'
  node('ReduceSum', [node('Mul', [heads.vectors, heads.upstream])], { attributes: { keepdims: 0 }, output: heads.loss })
  return added(model, { nodes, constants }, [valueInfo(heads.upstream, type, ['batch', dimensions])], type)
}

function added(
  model: OnnxModel,
  { nodes, constants }: Pick<ReturnType<typeof graphBuilder>, 'nodes' | 'constants'>,
  inputs: readonly ReturnType<typeof valueInfo>[],
  type: 'float32' | 'float64',
): OnnxModel {
  const { graph } = model
  return {
    ...model,
    graph: {
      ...graph,
      node: [...graph.node, ...nodes],
      initializer: [...graph.initializer, ...constants],
      input: [...graph.input, ...inputs],
      output: [...graph.output, valueInfo(heads.loss, type, [])],
    },
  }
}
