import type { LinearLayer } from '../../../src/encoder/lora/linear-layers.ts'
import type { LoraWeights } from '../../../src/encoder/lora/weights.ts'
import { attribute } from '../../../src/onnx/builder.ts'
import type { OnnxModel, OnnxTensor } from '../../../src/onnx/model.ts'
import { sidesOf, tensor, valuesOf } from '../../../src/onnx/tensor.ts'
import { seededRandom } from '../../conformance/random.ts'

/** Of every change made here. */
export const rank = 3

export interface Change {
  readonly a: Float32Array
  readonly b: Float32Array
}
export type Changes = ReadonlyMap<string, Change>

/** A change of every layer, `[in, r]` and `[r, out]`. */
export function changesOf(layers: readonly LinearLayer[], seed: number, scale = 0.3): Changes {
  const random = seededRandom(seed)
  const values = (count: number): Float32Array => Float32Array.from({ length: count }, () => (random() - 0.5) * scale)
  return new Map(layers.map(({ module, inputs, outputs }) => [module, { a: values(inputs * rank), b: values(rank * outputs) }]))
}

/** The model with `a·b` added to its weights. */
export function merge(model: OnnxModel, layers: readonly LinearLayer[], changes: Changes): OnnxModel {
  const { graph } = model
  const tensors = new Map(graph.initializer.map((found) => [found.name, found]))
  for (const node of graph.node) if (node.opType === 'Constant') tensors.set(node.output[0]!, attribute(node, 'value') as OnnxTensor)
  const weight = (name: string): { values: Float32Array; sides: number[] } => {
    const found = tensors.get(name)
    if (found) return { values: valuesOf(found) as Float32Array, sides: sidesOf(found) }
    const {
      values,
      sides: [rows, columns],
    } = weight(graph.node.find(({ output }) => output[0] === name)!.input[0]!)
    return { values: values.map((_, i) => values[(i % rows!) * columns! + Math.floor(i / rows!)]!), sides: [columns!, rows!] }
  }
  const initializer = [...graph.initializer]
  const node = graph.node.map((original) => {
    const layer = layers.find(({ y }) => y === original.output[0])
    if (!layer) return original
    const { a, b } = changes.get(layer.module)!
    const { values, sides } = weight(original.input[1]!)
    for (let i = 0; i < layer.inputs; i++)
      for (let o = 0; o < layer.outputs; o++)
        for (let r = 0; r < rank; r++) values[i * layer.outputs + o]! += a[i * rank + r]! * b[r * layer.outputs + o]!
    initializer.push(tensor(`${layer.module}.merged`, sides, values))
    return { ...original, input: [original.input[0]!, `${layer.module}.merged`, ...original.input.slice(2)] }
  })
  return { ...model, graph: { ...graph, node, initializer } }
}

/** The same as PEFT has it: A and B turned, with a scaling that is not in B. */
export function weightsOf(layers: readonly LinearLayer[], changes: Changes, scaling = 2): LoraWeights {
  const turned = (values: Float32Array, columns: number): Float32Array => {
    const rows = values.length / columns
    return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!)
  }
  const modules = layers.map(({ module, inputs, outputs }) => {
    const { a, b } = changes.get(module)!
    return { module, rank, inputs, outputs, a: turned(a, rank), b: turned(b, outputs).map((value) => value / scaling) }
  })
  return { scaling, modules }
}
