import { node as makeNode } from '../../onnx/builder.ts'
import { elementTypes, type OnnxModel, type OnnxNode } from '../../onnx/model.ts'
import { message } from '../../onnx/protobuf.ts'
import { valuesOf } from '../../onnx/tensor.ts'
import { namedConstants, needed } from './reading.ts'

/** Puts together what older exports write as five nodes, x · (1 + erf(x / √2)) · ½: the widest values of an encoder are passed over once. */
export function withGelus(model: OnnxModel): OnnxModel {
  const { graph } = model
  const makerOf = new Map(graph.node.flatMap((node) => node.output.map((output) => [output, node] as const)))
  const constants = namedConstants(graph.initializer, graph.node)
  const isNumber = (name: string | undefined, value: number): boolean => {
    const tensor = name === undefined ? undefined : constants.get(name)
    if (tensor?.dataType !== elementTypes.float32 || tensor.dims.some((side) => side !== 1n)) return false
    return Math.abs((valuesOf(tensor) as Float32Array)[0]! - value) < 1e-6
  }
  /** The other factor of a product, or part of a sum, one of which is `name`. */
  const beside = ({ input }: OnnxNode, name: string): string | undefined =>
    input[0] === name ? input[1] : input[1] === name ? input[0] : undefined
  const users = new Map<string, OnnxNode[]>()
  for (const node of graph.node) for (const name of node.input) users.set(name, [...(users.get(name) ?? []), node])
  const next = (value: string, opType: string): OnnxNode | undefined => {
    const found = users.get(value) ?? []
    return found.length === 1 && found[0]!.opType === opType ? found[0] : undefined
  }

  const replaced = new Map<OnnxNode, OnnxNode>()
  for (const erf of graph.node) {
    const scaled = erf.opType === 'Erf' ? makerOf.get(erf.input[0]!) : undefined
    if (scaled?.opType !== 'Div' || !isNumber(scaled.input[1], Math.SQRT2)) continue
    const x = scaled.input[0]!
    const sum = next(erf.output[0]!, 'Add')
    if (!sum || !isNumber(beside(sum, erf.output[0]!), 1)) continue
    const product = next(sum.output[0]!, 'Mul')
    if (!product || beside(product, sum.output[0]!) !== x) continue
    const half = next(product.output[0]!, 'Mul')
    if (!half || !isNumber(beside(half, product.output[0]!), 0.5)) continue
    replaced.set(half, makeNode('Gelu', [x], half.output, { name: half.name, domain: 'com.microsoft' }))
  }
  if (replaced.size === 0) return model
  const known = model.opsetImport.some(({ domain }) => domain === 'com.microsoft')
  const opsetImport = known
    ? model.opsetImport
    : [...model.opsetImport, message<OnnxModel['opsetImport'][number]>('OperatorSet', { domain: 'com.microsoft', version: 1n })]
  const nodes = graph.node.map((node) => replaced.get(node) ?? node)
  return { ...model, opsetImport, graph: { ...graph, node: needed(nodes, graph.output) } }
}
