import type { AttentionContext } from '../../src/encoder/from-weights/attention.ts'
import { elementTypeOf, float32Minimum } from '../../src/encoder/from-weights/graph-writer.ts'
import { sideOf } from '../../src/encoder/from-weights/parts.ts'
import { elementTypes } from '../../src/onnx/model.ts'
import { tensor } from '../../src/onnx/tensor.ts'

const oneList = tensor('', [1], BigInt64Array.of(1n))

/** The mask for every query position, with the smallest number where padding is. */
export function expandedMask(context: AttentionContext): string {
  const { writer, mask } = context
  const { op, number } = writer
  const scope = scopeOf(context)
  const expanded = overQueries(context, mask)
  const hidden = op(scope, 'Sub', [number(scope, 1), op(scope, 'Cast', [expanded], { to: elementTypeOf(writer) })])
  return op(scope, 'Where', [op(scope, 'Cast', [hidden], { to: elementTypes.bool }), number(scope, float32Minimum), hidden])
}

/** The mask for every query position, as truth values. */
export function booleanMask(context: AttentionContext): string {
  const { writer, mask } = context
  return overQueries(context, writer.op(scopeOf(context), 'Cast', [mask], { to: elementTypes.bool }))
}

/** The same by looking up every pair of a text and a position, as exporters do that trace a function of the two; one row for all queries. */
export function pairMask({ writer, mask }: AttentionContext): string {
  const { op, integer, integers } = writer
  const seen = op('', 'Cast', [mask], { to: elementTypes.bool })
  const range = (axis: number, ...places: number[]): string => {
    const side = op('', 'Squeeze', [op('', 'Shape', [mask], { start: axis, end: axis + 1 })])
    return op('', 'Unsqueeze', [op('', 'Range', [integer('', 0), side, integer('', 1)]), integers('', ...places)])
  }
  const [texts, positions] = [range(0, 1, 2, 3), range(1, 0, 1, 2)]
  const both = op('', 'Shape', [op('', 'Max', [texts, positions])])
  const pairs = [texts, positions].map((part) => op('', 'Unsqueeze', [op('', 'Expand', [part, both]), integers('', -1)]))
  const found = op('', 'GatherND', [seen, op('', 'Concat', pairs, { axis: -1 })], { batch_dims: 0 })
  return op('', 'And', [op('', 'GreaterOrEqual', [positions, integer('', 0)]), found])
}

/** Repeats a mask over the positions of queries, `[batch, 1, sequence, sequence]`. */
function overQueries(context: AttentionContext, mask: string): string {
  const { writer } = context
  const { op, integers } = writer
  const scope = scopeOf(context)
  const side = (axis: number): string => sideOf(writer, mask, scope, axis)
  const wide = op(scope, 'Unsqueeze', [op(scope, 'Unsqueeze', [mask, integers(scope, 1)]), integers(scope, 2)])
  const sides = op(scope, 'Concat', [side(0), integers(scope, 1), side(1), side(1)], { axis: 0 })
  // -1 in a wanted side means "as it is", which the exporter allows for in the graph.
  const all = op(scope, 'ConstantOfShape', [integers(scope, 4)], { value: oneList })
  const kept = op(scope, 'Equal', [sides, op(scope, 'Mul', [all, integers(scope, -1)])])
  return op(scope, 'Expand', [wide, op(scope, 'Where', [kept, all, sides])])
}

function scopeOf({ shape }: AttentionContext): string {
  return shape.family === 'distilbert' ? 'transformer' : ''
}
