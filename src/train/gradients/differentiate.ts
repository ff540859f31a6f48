import { valueInfo } from '../../onnx/builder.ts'
import type { OnnxModel, OnnxNode } from '../../onnx/model.ts'
import { valuesOf } from '../../onnx/tensor.ts'
import { UnsupportedGraphError } from '../../errors.ts'
import { gradientBuilder } from './builder.ts'
import type { RuleContext, Shape } from './gradients.ts'
import { ruleOf } from './rules.ts'

/** What of a graph is differentiated. */
export interface Differentiation {
  /** A value of one number. */
  readonly loss: string
  /** Values whose gradients are wanted: inputs of the graph, or what nodes make. */
  readonly parameters: readonly string[]
  /** Of every value that depends on a parameter, and of what such values are combined with: see `probeShapes`. */
  readonly shapes: ReadonlyMap<string, Shape>
  /** Whether arithmetic is float64. @default false */
  readonly double?: boolean
}

/** Name of the output that holds the gradient with respect to a parameter. */
export function gradientName(parameter: string): string {
  return `gradient of ${parameter}`
}

/**
 * Adds to a graph the nodes that compute the loss's gradient with respect to its parameters (reverse-mode differentiation), along
 * the paths that depend on these only: frozen weights get none. Outputs are called by `gradientName`.
 * @throws UnsupportedGraphError that names the node a gradient cannot pass
 */
export function differentiate(model: OnnxModel, { loss, parameters, shapes, double = false }: Differentiation): OnnxModel {
  const { graph } = model
  const nodes: OnnxNode[] = graph.node.map((node) => ({ ...node, output: [...node.output] }))
  const build = gradientBuilder('gradient/', double)
  const active = dependents(nodes, parameters)
  /** By value, what each of its uses adds to its gradient. */
  const parts = new Map<string, string[]>([[loss, [build.scalar(1)]]])
  const constants = constantsOf(model, nodes)

  /** All uses lie behind when it is asked for: one sum reads each part once. */
  const gradientOf = (value: string): string | undefined => {
    const found = parts.get(value)
    if (!found || found.length === 1) return found?.[0]
    const sum = build.node('Sum', found)
    parts.set(value, [sum])
    return sum
  }
  for (const node of nodes.toReversed()) {
    const y = node.output[0]!
    const dy = active.has(y) ? gradientOf(y) : undefined
    if (dy === undefined) continue
    const rule = ruleOf(node)
    if (!rule) throw new UnsupportedGraphError(node.name, node.opType, 'cannot be differentiated')
    const made = rule(contextOf(node, { y, dy, build, shapes, constants }))
    node.input.forEach((input, i) => {
      if (!active.has(input)) return
      const gradient = made[i]
      if (!gradient) throw new UnsupportedGraphError(node.name, node.opType, `has no gradient with respect to its input "${input}"`)
      parts.set(input, [...(parts.get(input) ?? []), gradient()])
    })
  }

  const outputs = parameters.map((parameter) => {
    const gradient = gradientOf(parameter)
    const sides = shapes.get(parameter)
    if (gradient === undefined || sides === undefined)
      throw new UnsupportedGraphError(parameter, 'input', 'does not lead to the loss, so it cannot be learned')
    const name = gradientName(parameter)
    build.node('Identity', [gradient], { output: name })
    return valueInfo(
      name,
      double ? 'float64' : 'float32',
      sides.map((side, i) => side ?? `${name} ${i}`),
    )
  })
  return {
    ...model,
    graph: {
      ...graph,
      node: [...nodes, ...build.nodes],
      initializer: [...graph.initializer, ...build.constants],
      output: [...graph.output, ...outputs],
    },
  }
}

/** Names of all values that depend on one of these. */
export function dependents(nodes: readonly OnnxNode[], values: readonly string[]): Set<string> {
  const active = new Set(values)
  for (const { opType, input, output } of nodes) {
    // What is only asked for its shape does not depend on its numbers; whether a number is one does not change as it grows.
    if (!['Shape', 'Size', 'IsNaN'].includes(opType) && input.some((name) => active.has(name))) for (const name of output) active.add(name)
  }
  return active
}

/** Small constants by name, wherever the exporter put them. */
function constantsOf({ graph }: OnnxModel, nodes: readonly OnnxNode[]): (name: string) => readonly number[] | undefined {
  const known = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]))
  for (const { opType, output, attribute } of nodes) {
    const value = attribute.find(({ name }) => name === 'value')?.t
    if (opType === 'Constant' && value) known.set(output[0]!, value)
  }
  return (name) => {
    const tensor = known.get(name)
    if (!tensor || tensor.dims.reduce((product, side) => product * side, 1n) > 1024n) return undefined
    return Array.from(valuesOf(tensor) as ArrayLike<number | bigint>, Number)
  }
}

type Facts = Pick<RuleContext, 'y' | 'dy' | 'build'> & {
  readonly shapes: ReadonlyMap<string, Shape>
  readonly constants: (name: string) => readonly number[] | undefined
}

function contextOf(node: OnnxNode, { y, dy, build, shapes, constants }: Facts): RuleContext {
  return {
    node,
    y,
    dy,
    build,
    shape(value) {
      const shape = shapes.get(value)
      if (!shape) throw new UnsupportedGraphError(node.name, node.opType, `uses "${value}", whose shape could not be found out`)
      return shape
    },
    integers: (value) => (value ? constants(value) : undefined),
    number(value) {
      const values = value ? constants(value) : undefined
      return values?.length === 1 ? values[0] : undefined
    },
    extraOutput(index) {
      for (let i = 1; i <= index; i++) node.output[i] ||= `${y} extra ${i}`
      return node.output[index]!
    },
  }
}
