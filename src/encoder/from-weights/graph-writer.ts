import type { AttributeValue } from '../../onnx/builder.ts'
import { graphBuilder } from '../../onnx/builder.ts'
import { elementTypes, type OnnxNode, type OnnxTensor } from '../../onnx/model.ts'
import type { TensorValues } from '../../onnx/tensor.ts'

/** Writes the nodes of one graph. Scopes are paths of modules, such as `encoder.layer.0.attention`; values go by their names. */
export interface GraphWriter {
  /** All arithmetic is in float64. */
  readonly double: boolean
  op(
    scope: string,
    opType: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, AttributeValue>>,
    domain?: string,
  ): string
  /** A floating-point number. Lists of one, as some exporters write them, broadcast alike. */
  number(scope: string, value: number, form?: 'scalar' | 'list'): string
  /** A list of whole numbers. */
  integers(scope: string, ...values: number[]): string
  integer(scope: string, value: number): string
  constant(scope: string, values: TensorValues, dims: readonly number[]): string
  /** A parameter as PyTorch holds it, under its name. */
  parameter(name: string): string
  /** A linear layer's weight as `MatMul` takes it, `[inputs, outputs]`, under another name. */
  transposed(parameter: string, name: string): string
}

/** A parameter that a graph needs, under the name it has there. */
export interface NeededWeight {
  readonly name: string
  readonly parameter: string
  readonly transposed: boolean
  /** As the graph needs it. */
  readonly sides: readonly number[]
}

export interface PlainWriter extends GraphWriter {
  readonly nodes: OnnxNode[]
  /** Those that are no parameters. */
  readonly constants: OnnxTensor[]
  readonly weights: readonly NeededWeight[]
}

/** Writes a graph without its weights: they are listed, to be read one after the other. */
export function plainWriter(sides: ReadonlyMap<string, readonly number[]>): PlainWriter {
  const builder = graphBuilder('constants/')
  const taken = new Map<string, number>()
  const weights = new Map<string, NeededWeight>()
  const need = (name: string, parameter: string, transposed: boolean): string => {
    const known = sides.get(parameter)!
    weights.set(name, { name, parameter, transposed, sides: transposed ? known.toReversed() : known })
    return name
  }
  return {
    double: false,
    nodes: builder.nodes,
    constants: builder.constants,
    get weights() {
      return [...weights.values()]
    },
    op(scope, opType, inputs, attributes = {}, domain = '') {
      const path = `${scope === '' ? '' : `/${scope.replace(/\.(?!\d)/g, '/')}`}/${opType}`
      const times = taken.get(path) ?? 0
      taken.set(path, times + 1)
      const name = times === 0 ? path : `${path}_${times}`
      return builder.node(opType, inputs, { attributes, domain, name, output: `${name}_output_0` })
    },
    number: (_, value, form) => (form === 'list' ? builder.constant(Float32Array.of(value), [1]) : builder.scalar(value)),
    integers: (_, ...values) => builder.integers(...values),
    integer: (_, value) => builder.constant(BigInt64Array.of(BigInt(value)), []),
    constant: (_, values, dims) => builder.constant(values, dims),
    parameter: (name) => need(name, name, false),
    transposed: (parameter, name) => need(name, parameter, true),
  }
}

export const float32Minimum = -3.4028234663852886e38
export const elementTypeOf = ({ double }: Pick<GraphWriter, 'double'>): number => (double ? elementTypes.float64 : elementTypes.float32)
