import { node as makeNode } from '../../onnx/builder.ts'
import { elementTypes, type OnnxModel, type OnnxNode, type OnnxTensor } from '../../onnx/model.ts'
import { valuesOf } from '../../onnx/tensor.ts'
import { namedConstants, needed } from './reading.ts'

/**
 * Puts together what older exports write as nine nodes: (x − mean) / √(variance + ε) · γ + β. As one node it is one pass over the batch instead
 * of nine, and its gradient takes ten instead of fifteen. Only in float32, where it keeps its mean and deviation as exactly.
 */
export function withLayerNormalizations(model: OnnxModel): OnnxModel {
  const { graph } = model
  const makerOf = new Map(graph.node.flatMap((node) => node.output.map((output) => [output, node] as const)))
  const constants = namedConstants(graph.initializer, graph.node)
  const replaced = new Map<OnnxNode, OnnxNode>()
  for (const node of graph.node) {
    const found = node.opType === 'Add' ? normalizationAt(node, makerOf, constants) : undefined
    if (!found) continue
    const { x, gamma, beta, epsilon } = found
    replaced.set(
      node,
      makeNode('LayerNormalization', [x, gamma, beta], node.output, {
        name: node.name,
        attributes: { axis: -1, epsilon: { float: epsilon } },
      }),
    )
  }
  if (replaced.size === 0) return model
  const nodes = graph.node.map((node) => replaced.get(node) ?? node)
  return { ...model, graph: { ...graph, node: needed(nodes, graph.output) } }
}

/** Reads the chain backwards from its last node; `undefined` for any other sum. */
function normalizationAt(add: OnnxNode, makerOf: ReadonlyMap<string, OnnxNode>, constants: ReadonlyMap<string, OnnxTensor>) {
  const vector = (name: string): boolean => {
    const tensor = constants.get(name)
    return tensor?.dims.length === 1 && tensor.dataType === elementTypes.float32
  }
  const number = (name: string | undefined): number | undefined => {
    const tensor = name === undefined ? undefined : constants.get(name)
    if (tensor?.dataType !== elementTypes.float32 || tensor.dims.some((side) => side !== 1n)) return undefined
    return (valuesOf(tensor) as Float32Array)[0]
  }
  /** The node behind one of two inputs, and the other input. */
  const behind = (
    node: OnnxNode | undefined,
    opType: string,
    other: (name: string) => boolean,
  ): { node: OnnxNode; rest: string } | undefined => {
    for (const [i, name] of node?.input.entries() ?? []) {
      const maker = makerOf.get(name)
      const rest = node!.input[1 - i]
      if (node!.input.length === 2 && maker?.opType === opType && rest !== undefined && other(rest)) return { node: maker, rest }
    }
    return undefined
  }

  const scaled = behind(add, 'Mul', vector)
  const divided = behind(scaled?.node, 'Div', vector)
  if (!scaled || !divided) return undefined
  const [difference, root] = divided.node.input.map((name) => makerOf.get(name))
  if (difference?.opType !== 'Sub' || root?.opType !== 'Sqrt') return undefined
  const variance = behind(makerOf.get(root.input[0]!), 'ReduceMean', (name) => number(name) !== undefined)
  const square = variance && makerOf.get(variance.node.input[0]!)
  const mean = makerOf.get(difference.input[1]!)
  const x = difference.input[0]!
  if (!variance || mean?.opType !== 'ReduceMean' || mean.input[0] !== x) return undefined
  if (square?.opType !== 'Pow' || number(square.input[1]) !== 2 || square.input[0] !== divided.node.input[0]) return undefined
  if (![variance.node, mean].every((each) => overLastSide(each, constants))) return undefined
  return { x, gamma: divided.rest, beta: scaled.rest, epsilon: number(variance.rest)! }
}

/** Whether a mean goes along the last side alone and keeps it. */
function overLastSide({ attribute, input }: OnnxNode, constants: ReadonlyMap<string, OnnxTensor>): boolean {
  const named = (name: string) => attribute.find((each) => each.name === name)
  const given = constants.get(input[1] ?? '')
  const axes = named('axes')?.ints ?? (given && [...(valuesOf(given) as BigInt64Array)])
  return axes?.length === 1 && axes[0] === -1n && (named('keepdims')?.i ?? 1n) === 1n
}
