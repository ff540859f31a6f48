import type { OnnxNode, OnnxTensor } from '../../onnx/model.ts'

/** Nodes that lead to an output; the others were left over. */
export function needed(nodes: readonly OnnxNode[], outputs: readonly { readonly name: string }[]): OnnxNode[] {
  const wanted = new Set(outputs.map(({ name }) => name))
  const kept = nodes.toReversed().filter(({ input, output }) => {
    const counts = output.some((name) => wanted.has(name))
    if (counts) for (const name of input) wanted.add(name)
    return counts
  })
  return kept.reverse()
}

/** Constants whose values lie in the graph, wherever the exporter put them, by name. */
export function namedConstants(initializers: readonly OnnxTensor[], nodes: readonly OnnxNode[]): Map<string, OnnxTensor> {
  const known = new Map(initializers.filter(({ dataLocation }) => dataLocation === 0).map((tensor) => [tensor.name, tensor]))
  for (const { opType, output, attribute } of nodes) {
    const value = attribute.find(({ name }) => name === 'value')?.t
    if (opType === 'Constant' && value) known.set(output[0]!, value)
  }
  return known
}
