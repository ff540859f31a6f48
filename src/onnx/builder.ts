import {
  attributeTypes,
  elementTypes,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from './model.ts'
import { message } from './protobuf.ts'
import { tensor, type TensorValues } from './tensor.ts'

/** What an attribute may be given as: whole numbers are written as `int`; wrap a number as `{ float }` to say otherwise. */
export type AttributeValue = number | readonly number[] | string | { readonly float: number } | OnnxTensor

/** Nodes and constants for a graph that is made or added to. Values go by their names; new names begin with a prefix of their own. */
export interface GraphBuilder {
  readonly nodes: OnnxNode[]
  readonly constants: OnnxTensor[]
  /** Adds a node with one output and gives the output's name. */
  node(opType: string, inputs: readonly string[], attributes?: NodeOptions): string
  constant(values: TensorValues, dims: readonly number[], name?: string): string
  /** A list of whole numbers, as `Reshape` or `ReduceSum` take them; equal lists share one constant. */
  integers(...values: number[]): string
  /** One number; equal numbers share one constant. */
  scalar(value: number): string
}

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, AttributeValue>>
  readonly domain?: string
  /** The node's own name. @default that of its output */
  readonly name?: string
  /** Name of the output. @default a new one */
  readonly output?: string
}

/** @param double Make `scalar` constants float64, for graphs whose arithmetic is. */
export function graphBuilder(prefix: string, { double = false }: { readonly double?: boolean } = {}): GraphBuilder {
  const nodes: OnnxNode[] = []
  const constants: OnnxTensor[] = []
  const known = new Map<string, string>()
  let count = 0
  const fresh = (hint: string): string => `${prefix}${hint}_${count++}`
  const once = (key: string, make: () => string): string => {
    const name = known.get(key) ?? make()
    known.set(key, name)
    return name
  }

  const builder: GraphBuilder = {
    nodes,
    constants,
    node(opType, inputs, { attributes = {}, domain = '', output = fresh(opType), name = output } = {}) {
      nodes.push(node(opType, inputs, [output], { attributes, domain, name }))
      return output
    },
    constant(values, dims, name = fresh('constant')) {
      constants.push(tensor(name, dims, values))
      return name
    },
    integers: (...values) => once(`integers ${values.join()}`, () => builder.constant(BigInt64Array.from(values, BigInt), [values.length])),
    scalar: (value) => once(`scalar ${value}`, () => builder.constant(double ? Float64Array.of(value) : Float32Array.of(value), [])),
  }
  return builder
}

export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  { attributes = {}, domain = '', name = '' }: Omit<NodeOptions, 'output'> = {},
): OnnxNode {
  const attribute = Object.entries(attributes).map(([key, value]) => attributeOf(key, value))
  return message<OnnxNode>('NodeProto', { opType, input: [...input], output: [...output], name, domain, attribute })
}

function attributeOf(name: string, value: AttributeValue): OnnxAttribute {
  const make = (fields: object): OnnxAttribute => message<OnnxAttribute>('AttributeProto', { name, ...fields })
  if (typeof value === 'string') return make({ type: attributeTypes.string, s: new TextEncoder().encode(value) })
  if (typeof value === 'number') {
    return Number.isInteger(value) ? make({ type: attributeTypes.int, i: BigInt(value) }) : make({ type: attributeTypes.float, f: value })
  }
  if ('float' in value) return make({ type: attributeTypes.float, f: value.float })
  if ('dataType' in value) return make({ type: attributeTypes.tensor, t: value })
  return make({ type: attributeTypes.ints, ints: value.map(BigInt) })
}

/** A graph's input or output. Sides are numbers, or names for those that vary. */
export function valueInfo(name: string, type: keyof typeof elementTypes, sides: readonly (number | string)[]): OnnxValueInfo {
  const dim = sides.map((side) => ({
    value: typeof side === 'number' ? { case: 'dimValue' as const, value: BigInt(side) } : { case: 'dimParam' as const, value: side },
  }))
  return message<OnnxValueInfo>('ValueInfoProto', {
    name,
    type: { value: { case: 'tensorType', value: { elemType: elementTypes[type], shape: { dim } } } },
  })
}

/** A whole model of one graph. */
export function model(
  { nodes, constants }: Pick<GraphBuilder, 'nodes' | 'constants'>,
  inputs: readonly OnnxValueInfo[],
  outputs: readonly OnnxValueInfo[],
  { opset = 17, domains = [] }: { readonly opset?: number; readonly domains?: readonly string[] } = {},
): OnnxModel {
  return message<OnnxModel>('ModelProto', {
    irVersion: 8n,
    opsetImport: [{ domain: '', version: BigInt(opset) }, ...domains.map((domain) => ({ domain, version: 1n }))],
    graph: { name: 'graph', node: nodes, initializer: constants, input: [...inputs], output: [...outputs] },
  })
}

/** An attribute's value, by name: a number, a list, a text or a tensor; `undefined` where the node leaves it out. */
export function attribute(node: OnnxNode, name: string): number | readonly number[] | string | OnnxTensor | undefined {
  const found = node.attribute.find((candidate) => candidate.name === name)
  switch (found?.type) {
    case attributeTypes.float:
      return found.f
    case attributeTypes.int:
      return Number(found.i)
    case attributeTypes.string:
      return new TextDecoder().decode(found.s)
    case attributeTypes.tensor:
      return found.t
    case attributeTypes.floats:
      return found.floats
    case attributeTypes.ints:
      return found.ints.map(Number)
    default:
      return undefined
  }
}
