import { elementTypeOf, float32Minimum, type GraphWriter } from './graph-writer.ts'
import type { Parts } from './parts.ts'
import { layerNames, type EncoderShape } from './shape.ts'

/** Everything attention is written with. */
export interface AttentionContext {
  readonly writer: GraphWriter
  readonly parts: Parts
  readonly shape: EncoderShape
  /** `attention_mask`, as it is given. */
  readonly mask: string
  /** MPNet's values by relative position, added to all layers' scores. */
  readonly bias: string | undefined
  /** How the sequence's side is asked for where heads are split; -1 leaves it to be worked out. */
  readonly sequence: 'sequence' | -1
}

/** Writes the attention of one layer: `x` to the mixed values, before the output layer. */
export type Attention = (x: string, layer: string) => string

/** Attention as the family's own code says it. */
export function ownAttention(context: AttentionContext): Attention {
  return context.shape.family === 'distilbert' ? filledAttention(context) : eagerAttention(context)
}

/** As BERT, RoBERTa and MPNet write it themselves: scores divided, the mask added. */
function eagerAttention(context: AttentionContext): Attention {
  const { writer, shape, mask, bias } = context
  const { op, number } = writer
  const real = op('', 'Cast', [op('', 'Unsqueeze', [op('', 'Unsqueeze', [mask, writer.integers('', 1)]), writer.integers('', 2)])], {
    to: elementTypeOf(writer),
  })
  const hidden = op('', 'Mul', [op('', 'Sub', [number('', 1), real]), number('', float32Minimum)])

  return (x, layer) => {
    const scope = attentionScope(shape, layer)
    const heads = headsOf(context, x, layer)
    const [query, key, value] = [heads('query', [0, 2, 1, 3]), heads('key', [0, 2, 3, 1]), heads('value', [0, 2, 1, 3])]
    const scores = op(scope, 'Div', [op(scope, 'MatMul', [query, key]), number(scope, Math.sqrt(shape.width / shape.heads))])
    const placed = bias === undefined ? scores : op(scope, 'Add', [scores, bias])
    const weights = op(scope, 'Softmax', [op(scope, 'Add', [placed, hidden])], { axis: -1 })
    return joined(context, op(scope, 'MatMul', [weights, value]), scope)
  }
}

/** As DistilBERT writes it: the query divided, hidden scores replaced. */
function filledAttention(context: AttentionContext): Attention {
  const { writer, parts, shape, mask } = context
  const { op, number } = writer

  return (x, layer) => {
    const scope = attentionScope(shape, layer)
    const heads = headsOf(context, x, layer)
    const query = op(scope, 'Div', [heads('query', [0, 2, 1, 3]), number(scope, Math.sqrt(shape.width / shape.heads))])
    const scores = op(scope, 'MatMul', [query, heads('key', [0, 2, 3, 1])])
    const padding = parts.reshape(op(scope, 'Equal', [mask, writer.integer(scope, 0)]), scope, ['batch', 1, 1, -1])
    const hidden = op(scope, 'Expand', [padding, op(scope, 'Shape', [scores])])
    const weights = op(scope, 'Softmax', [op(scope, 'Where', [hidden, number(scope, float32Minimum), scores])], { axis: -1 })
    return joined(context, op(scope, 'MatMul', [weights, heads('value', [0, 2, 1, 3])]), scope)
  }
}

/** Query, key and value of all heads: `[batch, heads, sequence, width]`. */
export function headsOf({ writer, parts, shape, sequence }: AttentionContext, x: string, layer: string) {
  const names = layerNames[shape.family]
  const scope = attentionScope(shape, layer)
  return (part: 'query' | 'key' | 'value', perm: readonly number[]): string => {
    const sides = ['batch', sequence, shape.heads, shape.width / shape.heads] as const
    const split = parts.reshape(parts.linear(x, `${layer}.${names[part]}`), scope, sides)
    return writer.op(scope, 'Transpose', [split], { perm })
  }
}

export function joined({ writer, parts, shape }: AttentionContext, mixed: string, scope: string): string {
  return parts.reshape(writer.op(scope, 'Transpose', [mixed], { perm: [0, 2, 1, 3] }), scope, ['batch', 'sequence', shape.width])
}

/** The module that a layer's query belongs to. */
export function attentionScope({ family }: Pick<EncoderShape, 'family'>, layer: string): string {
  const { query } = layerNames[family]
  return `${layer}.${query.slice(0, query.lastIndexOf('.'))}`
}
