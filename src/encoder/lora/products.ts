import { attribute } from '../../onnx/builder.ts'
import { elementTypes, type OnnxNode } from '../../onnx/model.ts'
import type { ConstantView, GraphView } from './graph-view.ts'

/** A value times a constant matrix, somewhere in a graph. */
export interface Product {
  /** The node that multiplies. */
  readonly node: OnnxNode
  readonly x: string
  /** The product as a real number, before a bias of its own node if possible. */
  readonly y: string
  readonly inputs: number
  readonly outputs: number
  readonly weight: ConstantView
  /** Names of the bias, where there is one. */
  readonly bias: readonly string[]
  /** What of a merged product this is. */
  readonly part?: 'query' | 'key' | 'value'
  /** Why nothing can be added to it. */
  readonly obstacle?: string
}

/** Products with a constant matrix, in the order of the nodes. */
export function products(view: GraphView): Product[] {
  return view.nodes.flatMap((node) => {
    switch (node.opType) {
      case 'MatMul':
      case 'FusedMatMul':
      case 'TransposeMatMul':
        return one(view, node, { weight: node.input[1], turned: attribute(node, 'transB') === 1, obstacle: turnedObstacle(node) })
      case 'Gemm':
      case 'FusedGemm':
        return one(view, node, {
          weight: node.input[1],
          turned: attribute(node, 'transB') === 1,
          bias: node.input[2],
          obstacle: 'multiplies a matrix in which texts and tokens are no longer told apart',
        })
      case 'GemmFastGelu':
        return one(view, node, { weight: node.input[1], bias: node.input[2], obstacle: 'has its activation inside' })
      case 'DynamicQuantizeMatMul':
        return one(view, node, { weight: node.input[1], bias: node.input[4] })
      case 'MatMulInteger':
        return one(view, node, { weight: node.input[1], ...dequantized(view, node) })
      case 'MatMulIntegerToFloat':
        return one(view, node, { weight: node.input[1], bias: node.input[6], x: quantizedFrom(view, node.input[0]!) ?? node.input[0]! })
      case 'MatMulNBits':
        return packed(view, node)
      case 'Attention':
      case 'QAttention':
        return attention(view, node)
      default:
        return []
    }
  })
}

interface Reading {
  readonly weight: string | undefined
  readonly turned?: boolean
  readonly bias?: string | undefined
  readonly x?: string
  readonly y?: string
  readonly obstacle?: string | undefined
}

function one(
  view: GraphView,
  node: OnnxNode,
  { weight: name, turned = false, bias, x = node.input[0]!, y = node.output[0]!, obstacle }: Reading,
): Product[] {
  const weight = view.constant(name)
  if (weight?.sides.length !== 2) return []
  const [inputs, outputs] = turned ? weight.sides.toReversed() : weight.sides
  const problem =
    obstacle ??
    (weight.dataType === elementTypes.float16
      ? 'multiplies in half precision'
      : view.rank(x) === 2
        ? 'multiplies a matrix in which texts and tokens are no longer told apart'
        : undefined)
  return [
    {
      node,
      x,
      y,
      inputs: inputs!,
      outputs: outputs!,
      weight,
      bias: view.constant(bias)?.names ?? biasOf(view, y, outputs!),
      ...(problem !== undefined && { obstacle: problem }),
    },
  ]
}

function turnedObstacle(node: OnnxNode): string | undefined {
  const turned = ['transA', 'transBatchA', 'transBatchB'].some((name) => attribute(node, name) === 1)
  return turned ? 'turns what it multiplies' : undefined
}

/** What is added to a product: by a node of its own, or inside the one that goes on with it. */
function biasOf(view: GraphView, y: string, outputs: number): readonly string[] {
  for (const node of view.consumers(y)) {
    const candidates =
      node.opType === 'Add'
        ? node.input.filter((input) => !view.same(input, y))
        : node.opType === 'BiasGelu' || node.opType === 'FastGelu'
          ? [node.input[1]]
          : node.opType === 'SkipLayerNormalization'
            ? [node.input[4]]
            : []
    for (const candidate of candidates) {
      const constant = view.constant(candidate)
      if (constant && constant.sides.at(-1) === outputs) return constant.names
    }
  }
  return []
}

/** Where dynamic int8 becomes real numbers again: the product times the step of its input and those of its weights. */
function dequantized(view: GraphView, node: OnnxNode): Pick<Reading, 'x' | 'y' | 'obstacle'> {
  const x = quantizedFrom(view, node.input[0]!)
  let y = node.output[0]!
  // Two steps, multiplied with each other first or one after the other.
  for (let steps = 0; steps < 2;) {
    const next = view.consumers(y).find(({ opType }) => opType === 'Cast' || opType === 'Mul')
    if (!next) return { obstacle: 'multiplies whole numbers whose way back to real ones is not understood' }
    if (next.opType === 'Mul') {
      const other = next.input.find((input) => !view.same(input, y))
      const scale = other === undefined ? undefined : view.producer(other)
      const isProduct = scale?.opType === 'Mul'
      steps += isProduct ? 2 : 1
    }
    y = next.output[0]!
  }
  return { y, ...(x === undefined ? { obstacle: 'multiplies whole numbers that come from elsewhere' } : { x }) }
}

function quantizedFrom(view: GraphView, value: string): string | undefined {
  const node = view.producer(value)
  return node && ['DynamicQuantizeLinear', 'QuantizeLinear'].includes(node.opType) ? node.input[0] : undefined
}

/** Weights of a few bits, packed in blocks. */
function packed(view: GraphView, node: OnnxNode): Product[] {
  const weight = view.constant(node.input[1])
  const [inputs, outputs] = ['K', 'N'].map((name) => Number(attribute(node, name)))
  const [x, y] = [node.input[0]!, node.output[0]!]
  return weight ? [{ node, x, y, inputs: inputs!, outputs: outputs!, weight, bias: biasOf(view, y, outputs!) }] : []
}

/** Three products in one node. */
function attention(view: GraphView, node: OnnxNode): Product[] {
  const weight = view.constant(node.input[1])
  if (weight?.sides.length !== 2) return []
  const [inputs, outputs] = weight.sides
  return (['query', 'key', 'value'] as const).map((part) => ({
    node,
    x: node.input[0]!,
    y: node.output[0]!,
    inputs: inputs!,
    outputs: outputs! / 3,
    weight,
    bias: [],
    part,
    obstacle: 'holds query, key and value in one',
  }))
}
