import { attribute } from '../../onnx/builder.ts'
import { elementTypes, type OnnxModel, type OnnxNode, type OnnxTensor } from '../../onnx/model.ts'
import { sidesOf } from '../../onnx/tensor.ts'

/** A constant of a graph, seen through the nodes that only hand it on. */
export interface ConstantView {
  /** Names it goes by, the one that its user sees first. */
  readonly names: readonly string[]
  /** After any transposition. */
  readonly sides: readonly number[]
  readonly dataType: number
}

/** Who makes and who uses the values of a graph. */
export interface GraphView {
  readonly nodes: readonly OnnxNode[]
  producer(value: string): OnnxNode | undefined
  /** Nodes that use a value, also where it is only handed on by `Identity`. */
  consumers(value: string): readonly OnnxNode[]
  /** True when `input` is `value`, perhaps handed on. */
  same(input: string | undefined, value: string): boolean
  constant(value: string | undefined): ConstantView | undefined
  /** Number of sides, where the graph shows it. */
  rank(value: string): number | undefined
}

export function graphView({ graph }: OnnxModel): GraphView {
  const producers = new Map<string, OnnxNode>()
  const users = new Map<string, OnnxNode[]>()
  for (const node of graph.node) {
    for (const output of node.output) if (output !== '') producers.set(output, node)
    for (const input of new Set(node.input)) users.set(input, [...(users.get(input) ?? []), node])
  }
  const tensors = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]))
  for (const node of graph.node) {
    const held = node.opType === 'Constant' ? attribute(node, 'value') : undefined
    if (typeof held === 'object' && 'dataType' in held) tensors.set(node.output[0]!, held)
  }
  const origin = (value: string | undefined): string | undefined => {
    let at = value
    for (let node = producers.get(at ?? ''); node?.opType === 'Identity'; node = producers.get(at ?? '')) at = node.input[0]
    return at
  }
  const view: GraphView = {
    nodes: graph.node,
    producer: (value) => producers.get(value),
    consumers: (value) =>
      (users.get(value) ?? []).flatMap((node) => (node.opType === 'Identity' ? view.consumers(node.output[0]!) : [node])),
    same: (input, value) => input !== undefined && origin(input) === origin(value),
    constant(value) {
      if (value === undefined || value === '') return undefined
      const tensor = tensors.get(value)
      if (tensor) return { names: [value], sides: sidesOf(tensor), dataType: tensor.dataType }
      const node = producers.get(value)
      if (!node || !['Identity', 'Transpose', 'DequantizeLinear', 'Cast'].includes(node.opType)) return undefined
      const behind = view.constant(node.input[0])
      if (!behind) return undefined
      const sides = node.opType === 'Transpose' ? turned(behind.sides, attribute(node, 'perm')) : behind.sides
      const dataType = node.opType === 'DequantizeLinear' ? elementTypes.float32 : Number(attribute(node, 'to') ?? behind.dataType)
      return { names: [value, ...behind.names], sides, dataType }
    },
    rank: (value) => ranks.get(value),
  }
  const ranks = ranksOf({ graph }, tensors)
  return view
}

function turned(sides: readonly number[], order: unknown): number[] {
  return Array.isArray(order) ? (order as number[]).map((side) => sides[side]!) : sides.toReversed()
}

/** Operators whose result has as many sides as their first input. */
const keepRank = new Set(
  `Sqrt Erf Tanh Relu Gelu FastGelu BiasGelu QuickGelu LayerNormalization SimplifiedLayerNormalization SkipLayerNormalization
  Identity Cast Dropout MatMul FusedMatMul MatMulInteger DynamicQuantizeMatMul MatMulIntegerToFloat MatMulNBits DynamicQuantizeLinear
  Softmax Transpose Slice Attention`.split(/\s+/),
)
/** And those with as many as their widest one. */
const broadcasts = new Set(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Where'])

/** Sides of values as far as they are stated or follow at once; nothing here needs more than that. */
function ranksOf({ graph }: Pick<OnnxModel, 'graph'>, tensors: ReadonlyMap<string, OnnxTensor>): Map<string, number> {
  const ranks = new Map([...tensors].map(([name, { dims }]) => [name, dims.length]))
  for (const { name, type } of [...graph.input, ...graph.valueInfo, ...graph.output]) {
    const shape = type?.value.case === 'tensorType' ? type.value.value.shape : undefined
    if (shape) ranks.set(name, shape.dim.length)
  }
  for (const node of graph.node) {
    const { opType, input, output } = node
    if (ranks.has(output[0]!)) continue
    const known = input.map((name) => ranks.get(name) ?? Number.NaN)
    const rank =
      opType === 'Reshape'
        ? Number(tensors.get(input[1]!)?.dims[0] ?? Number.NaN)
        : opType === 'Gather'
          ? known[0]! + known[1]! - 1
          : opType === 'Gemm'
            ? 2
            : broadcasts.has(opType)
              ? Math.max(...known)
              : keepRank.has(opType)
                ? known[0]!
                : Number.NaN
    if (Number.isInteger(rank)) ranks.set(output[0]!, rank)
  }
  return ranks
}
