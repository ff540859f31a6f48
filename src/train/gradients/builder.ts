import { graphBuilder } from '../../onnx/builder.ts'
import { elementTypes } from '../../onnx/model.ts'
import type { GradientBuilder } from './gradients.ts'

/** @param double Whether the graph's arithmetic is float64. */
export function gradientBuilder(prefix: string, double = false): GradientBuilder {
  const builder = graphBuilder(prefix, { double })
  const { node, integers, scalar } = builder
  const two =
    (opType: string) =>
    (a: string, b: string): string =>
      node(opType, [a, b])
  const transpose = (a: string, order: readonly number[]): string => node('Transpose', [a], { attributes: { perm: order } })
  return {
    ...builder,
    float: (a) => node('Cast', [a], { attributes: { to: double ? elementTypes.float64 : elementTypes.float32 } }),
    add: two('Add'),
    subtract: two('Sub'),
    multiply: two('Mul'),
    divide: two('Div'),
    matmul: two('MatMul'),
    negate: (a) => node('Neg', [a]),
    scale: (a, factor) => node('Mul', [a, scalar(factor)]),
    transpose,
    turned(a, rank) {
      const order = Array.from({ length: rank }, (_, i) => i)
      return transpose(a, [...order.slice(0, -2), rank - 1, rank - 2])
    },
    sum: (a, sides, drop = false) => node('ReduceSum', [a, integers(...sides)], { attributes: { keepdims: drop ? 0 : 1 } }),
    numbers: (values, sides) => builder.constant(double ? Float64Array.from(values) : values, sides),
    reshape: (a, ...sides) => node('Reshape', [a, integers(...sides)]),
    reshapedLike: (a, like) => node('Reshape', [a, node('Shape', [like])]),
  }
}
