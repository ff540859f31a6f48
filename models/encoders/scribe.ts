import type { GraphWriter } from '../../src/encoder/from-weights/graph-writer.ts'
import type { OnnxNode, OnnxTensor } from '../../src/onnx/model.ts'
import { graphBuilder, node } from '../../src/onnx/builder.ts'
import { tensor } from '../../src/onnx/tensor.ts'
import type { Parameters } from './parameters.ts'

/** How an exporter writes graphs down, whatever is in them. */
export interface Hand {
  /** `path`: `/encoder/layer.0/attention/Softmax`; `number`: `val_12`, as exporters write that do not know modules. */
  readonly names: 'path' | 'number'
  /** Where constants go: nodes among the others, or beside the weights. */
  readonly constants: 'nodes' | 'initialisers'
  /** Store equal weights once and give the others by an `Identity` node. */
  readonly shared: boolean
  readonly double: boolean
}

/** Writes a graph as an exporter does, weights and all. */
export interface Scribe extends GraphWriter {
  readonly nodes: OnnxNode[]
  readonly constants: OnnxTensor[]
  /** A weight under a name of the exporter's. */
  named(name: string, values: Float32Array, dims: readonly number[]): string
  /** A parameter's values. */
  values(parameter: string): Float32Array
}

export function scribe(weights: Parameters, { names, constants: place, shared, double }: Hand): Scribe {
  const builder = graphBuilder('')
  const taken = new Map<string, number>()
  const parameters = new Set<string>()
  const identities: OnnxNode[] = []
  let count = 0

  const fresh = (scope: string, kind: string): string => {
    if (names === 'number') return `val_${count++}`
    const path = `${pathOf(scope)}/${kind}`
    const times = taken.get(path) ?? 0
    taken.set(path, times + 1)
    return times === 0 ? path : `${path}_${times}`
  }
  const outputOf = (name: string): string => (names === 'number' ? name : `${name}_output_0`)
  const floats = (values: Float32Array): Float32Array | Float64Array => (double ? Float64Array.from(values) : values)

  const self: Scribe = {
    double,
    nodes: builder.nodes,
    constants: builder.constants,
    op(scope, opType, inputs, attributes = {}, domain = '') {
      const name = fresh(scope, opType)
      return builder.node(opType, inputs, {
        attributes,
        domain,
        name: names === 'number' ? `node_${opType}_${count}` : name,
        output: outputOf(name),
      })
    },
    constant(scope, values, dims) {
      const name = fresh(scope, 'Constant')
      const output = outputOf(name)
      if (place === 'initialisers') return builder.constant(values, dims, output)
      return builder.node('Constant', [], { attributes: { value: tensor('', dims, values) }, name, output })
    },
    number: (scope, value, form = 'scalar') =>
      self.constant(scope, double ? Float64Array.of(value) : Float32Array.of(value), form === 'list' ? [1] : []),
    integers: (scope, ...values) => self.constant(scope, BigInt64Array.from(values, BigInt), [values.length]),
    integer: (scope, value) => self.constant(scope, BigInt64Array.of(BigInt(value)), []),
    parameter(name) {
      if (parameters.has(name)) return name
      parameters.add(name)
      const stored = weights.stored(name)
      if (shared && stored !== name)
        identities.push(node('Identity', [self.parameter(stored)], [name], { name: `Identity_${identities.length}` }))
      else builder.constant(floats(weights.values(name)), weights.sides(name), name)
      return name
    },
    named: (name, values, dims) => builder.constant(floats(values), dims, name),
    transposed(parameter, name) {
      const [outputs, inputs] = weights.sides(parameter) as [number, number]
      return self.named(name, transpose(weights.values(parameter), outputs, inputs), [inputs, outputs])
    },
    values: weights.values,
  }
  // Exporters put these before everything else.
  return {
    ...self,
    get nodes() {
      return [...identities, ...builder.nodes]
    },
  }
}

/** `encoder.layer.0.attention` is `/encoder/layer.0/attention` to the exporter: numbers stay with their list. */
function pathOf(scope: string): string {
  return scope === '' ? '' : `/${scope.replace(/\.(?!\d)/g, '/')}`
}

/** `rows × columns` turned into `columns × rows`. */
function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(values.length)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) turned[column * rows + row] = values[row * columns + column]!
  return turned
}
