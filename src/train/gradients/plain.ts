import { attribute, graphBuilder, type GraphBuilder } from '../../onnx/builder.ts'
import type { OnnxModel, OnnxNode, OnnxTensor } from '../../onnx/model.ts'
import { message } from '../../onnx/protobuf.ts'
import { sidesOf, tensor, valuesOf } from '../../onnx/tensor.ts'
import { withGelus } from './gelus.ts'
import { needed } from './reading.ts'
import { withLayerNormalizations } from './layer-normalizations.ts'

/** Nodes that stand for one node. The builder's names are new to the graph. */
type Rewrite = (node: OnnxNode, build: GraphBuilder) => void

/**
 * The same graph in operators that can be differentiated: joined ones (`SkipLayerNormalization`, `BiasGelu` …) are taken apart, dynamic
 * int8 products become products with the weights they stand for, and operators from before opset 13 take the form they have since.
 */
export function plainGraph(model: OnnxModel): OnnxModel {
  const floats = withGelus(withLayerNormalizations(withFloatProducts(model)))
  const build = graphBuilder('plain/')
  for (const node of floats.graph.node) {
    const rewrite = node.domain === 'com.microsoft' ? joined[node.opType] : opsetOf(model) < 13 ? outdated[node.opType] : undefined
    if (rewrite) rewrite(node, build)
    else build.nodes.push(node)
  }
  const { graph } = floats
  return {
    ...floats,
    opsetImport: floats.opsetImport.map((each) =>
      each.domain === '' && each.version < 13n
        ? message<OnnxModel['opsetImport'][number]>('OperatorSet', { domain: '', version: 13n })
        : each,
    ),
    graph: { ...graph, node: build.nodes, initializer: [...graph.initializer, ...build.constants] },
  }
}

/** Version of ONNX's own operators that a model uses. */
export function opsetOf({ opsetImport }: Pick<OnnxModel, 'opsetImport'>): number {
  return Number(opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 1n)
}

const joined: Readonly<Record<string, Rewrite>> = {
  BiasGelu({ name, input: [x, bias], output: [y] }, build) {
    const sum = build.node('Add', [x!, bias!], { name: `${name}/bias` })
    build.node('Gelu', [sum], { name, domain: 'com.microsoft', output: y! })
  },
  FastGelu(node, build) {
    const {
      name,
      input: [x, bias],
      output: [y],
    } = node
    if (!bias) return void build.nodes.push(node)
    const sum = build.node('Add', [x!, bias], { name: `${name}/bias` })
    build.node('FastGelu', [sum], { name, domain: 'com.microsoft', output: y! })
  },
  SkipLayerNormalization(node, build) {
    const {
      name,
      input: [x, skip, gamma, beta, bias],
      output: [y, , , sum],
    } = node
    const biased = bias ? build.node('Add', [x!, bias], { name: `${name}/bias` }) : x!
    const added = build.node('Add', [biased, skip!], { name: `${name}/skip`, ...(sum && { output: sum }) })
    const epsilon = attribute(node, 'epsilon') as number | undefined
    build.node('LayerNormalization', [added, gamma!, ...(beta ? [beta] : [])], {
      name,
      output: y!,
      attributes: { axis: -1, ...(epsilon !== undefined && { epsilon: { float: epsilon } }) },
    })
  },
  FusedMatMul(node, build) {
    const {
      name,
      input: [a, b],
      output: [y],
    } = node
    // Only the last two sides are swapped; encoders' products have four sides, or two.
    if (attribute(node, 'transBatchA') || attribute(node, 'transBatchB')) return void build.nodes.push(node)
    const turn = (value: string, whether: unknown): string =>
      whether ? build.node('Transpose', [value], { attributes: { perm: [0, 1, 3, 2] }, name: `${value}/transpose` }) : value
    const alpha = (attribute(node, 'alpha') as number | undefined) ?? 1
    const inputs = [turn(a!, attribute(node, 'transA')), turn(b!, attribute(node, 'transB'))]
    if (alpha === 1) return void build.node('MatMul', inputs, { name, output: y! })
    const product = build.node('MatMul', inputs, { name })
    build.node('Mul', [product, build.scalar(alpha)], { name: `${name}/scale`, output: y! })
  },
}

/** Sides as an input, where they were an attribute before opset 13. */
const sidesAsInput: Rewrite = (node, build) => {
  const axes = attribute(node, 'axes') as readonly number[] | undefined
  if (!axes) return void build.nodes.push(node)
  build.nodes.push({
    ...node,
    input: [node.input[0]!, build.integers(...axes)],
    attribute: node.attribute.filter(({ name }) => name !== 'axes'),
  })
}

/** Along side 1 unless told: only the last one means the same since. */
const alongSide: Rewrite = (node, build) => {
  const axis = (attribute(node, 'axis') as number | undefined) ?? 1
  build.node(node.opType, node.input, { name: node.name, output: node.output[0]!, attributes: { axis } })
}

const outdated: Readonly<Record<string, Rewrite>> = {
  Squeeze: sidesAsInput,
  Unsqueeze: sidesAsInput,
  ReduceSum: sidesAsInput,
  Softmax: alongSide,
  LogSoftmax: alongSide,
}

/** Products of dynamic int8 quantisation (quantise, multiply whole numbers, cast, scale) as products of floats. */
function withFloatProducts(model: OnnxModel): OnnxModel {
  const { graph } = model
  if (!graph.node.some(({ opType }) => opType === 'MatMulInteger')) return model
  const makerOf = new Map(graph.node.flatMap((node) => node.output.map((output) => [output, node] as const)))
  const constants = new Map(graph.initializer.map((each) => [each.name, each]))
  const added: OnnxTensor[] = []
  const replaced = new Map<OnnxNode, OnnxNode>()
  for (const product of graph.node) {
    const found = scaledProduct(product, makerOf, constants)
    if (!found) continue
    const { weight, zero, scales, cast } = found
    const name = `${weight.name} as floats`
    if (!added.some((each) => each.name === name)) added.push(tensor(name, sidesOf(weight), floatsOf(weight, zero, scales)))
    const whole = makerOf.get(product.input[0]!)!
    replaced.set(
      cast.node,
      message<OnnxNode>('NodeProto', { name: product.name, opType: 'MatMul', input: [whole.input[0]!, name], output: cast.node.output }),
    )
  }
  return {
    ...model,
    graph: {
      ...graph,
      node: needed(
        graph.node.map((node) => replaced.get(node) ?? node),
        graph.output,
      ),
      initializer: [...graph.initializer, ...added],
    },
  }
}

/** What a product of whole numbers stands for: `cast` is the node that gives the scaled result. */
function scaledProduct(product: OnnxNode, makerOf: ReadonlyMap<string, OnnxNode>, constants: ReadonlyMap<string, OnnxTensor>) {
  if (product.opType !== 'MatMulInteger') return undefined
  const weight = constants.get(product.input[1]!)
  const quantize = makerOf.get(product.input[0]!)
  if (!weight || quantize?.opType !== 'DynamicQuantizeLinear') return undefined
  const users = (value: string): OnnxNode[] => [...new Set(makerOf.values())].filter(({ input }) => input.includes(value))
  const cast = users(product.output[0]!).find(({ opType }) => opType === 'Cast')
  const scaled = cast && users(cast.output[0]!).find(({ opType }) => opType === 'Mul')
  if (!scaled) return undefined
  const both = makerOf.get(scaled.input.find((name) => name !== cast.output[0])!)
  const scales = both?.opType === 'Mul' ? both.input.map((name) => constants.get(name)).find(Boolean) : undefined
  return scales && { weight, scales, zero: constants.get(product.input[3] ?? ''), cast: { node: scaled } }
}

/** The numbers that int8 weights [in, out] stand for; scales and zero points are one for all or one per column. */
function floatsOf(weight: OnnxTensor, zero: OnnxTensor | undefined, scale: OnnxTensor): Float32Array {
  const values = valuesOf(weight) as Int8Array | Uint8Array
  const scales = valuesOf(scale) as Float32Array
  const zeros = zero ? (valuesOf(zero) as Int8Array | Uint8Array) : new Int8Array(1)
  const columns = sidesOf(weight).at(-1)!
  return Float32Array.from(
    values,
    (value, i) => (value - zeros[zeros.length === 1 ? 0 : i % columns]!) * scales[scales.length === 1 ? 0 : i % columns]!,
  )
}
