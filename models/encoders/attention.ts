import { elementTypes } from '../../src/onnx/model.ts'
import type { EncoderShape } from './shapes.ts'
import { layerNames } from './parameters.ts'
import { booleanMask, expandedMask, pairMask } from './masks.ts'
import type { Parts } from './parts.ts'
import { elementTypeOf, float32Minimum, type Scribe } from './scribe.ts'
import type { Style } from './styles.ts'

/** Everything attention is written with. */
export interface AttentionContext {
  readonly scribe: Scribe
  readonly parts: Parts
  readonly shape: EncoderShape
  readonly style: Style
  /** `attention_mask`, as it is given. */
  readonly mask: string
  /** MPNet's values by relative position, added to all layers' scores. */
  readonly bias: string | undefined
}

/** Gives a function that writes the attention of one layer: `x` to the mixed values, before the output layer. */
export function attention(context: AttentionContext): (x: string, layer: string) => string {
  const { style, shape } = context
  if (style.attention === 'one') return mergedAttention(context)
  // MPNet and DistilBERT were never given another attention than their own in the years of torchscript exports.
  if (style.attention === 'eager' || shape.family === 'mpnet')
    return shape.family === 'distilbert' ? filledAttention(context) : eagerAttention(context)
  return scaledAttention(context)
}

/** Query, key and value of all heads: `[batch, heads, sequence, width]`. */
function headsOf({ scribe, parts, shape, style }: AttentionContext, x: string, layer: string) {
  const names = layerNames[shape.family]
  const scope = scopeOf(shape, layer)
  const sequence = shape.family === 'distilbert' && style.reshape === 'chain' ? -1 : 'sequence'
  return (part: 'query' | 'key' | 'value', perm: readonly number[]): string => {
    const split = parts.reshape(parts.linear(x, `${layer}.${names[part]}`), scope, [
      'batch',
      sequence,
      shape.heads,
      shape.width / shape.heads,
    ])
    return scribe.op(scope, 'Transpose', [split], { perm })
  }
}

function scopeOf({ family }: EncoderShape, layer: string): string {
  const { query } = layerNames[family]
  return `${layer}.${query.slice(0, query.lastIndexOf('.'))}`
}

function joined({ scribe, parts, shape }: AttentionContext, mixed: string, scope: string): string {
  return parts.reshape(scribe.op(scope, 'Transpose', [mixed], { perm: [0, 2, 1, 3] }), scope, ['batch', 'sequence', shape.width])
}

/** As BERT, RoBERTa and MPNet write it themselves: scores divided, the mask added. */
function eagerAttention(context: AttentionContext) {
  const { scribe, shape, mask, bias } = context
  const { op, number } = scribe
  const real = op('', 'Cast', [op('', 'Unsqueeze', [op('', 'Unsqueeze', [mask, scribe.integers('', 1)]), scribe.integers('', 2)])], {
    to: elementTypeOf(scribe),
  })
  const hidden = op('', 'Mul', [op('', 'Sub', [number('', 1), real]), number('', float32Minimum)])

  return (x: string, layer: string): string => {
    const scope = scopeOf(shape, layer)
    const heads = headsOf(context, x, layer)
    const [query, key, value] = [heads('query', [0, 2, 1, 3]), heads('key', [0, 2, 3, 1]), heads('value', [0, 2, 1, 3])]
    const scores = op(scope, 'Div', [op(scope, 'MatMul', [query, key]), number(scope, Math.sqrt(shape.width / shape.heads))])
    const placed = bias === undefined ? scores : op(scope, 'Add', [scores, bias])
    const weights = op(scope, 'Softmax', [op(scope, 'Add', [placed, hidden])], { axis: -1 })
    return joined(context, op(scope, 'MatMul', [weights, value]), scope)
  }
}

/** As DistilBERT writes it: the query divided, hidden scores replaced. */
function filledAttention(context: AttentionContext) {
  const { scribe, parts, shape, mask } = context
  const { op, number } = scribe

  return (x: string, layer: string): string => {
    const scope = scopeOf(shape, layer)
    const heads = headsOf(context, x, layer)
    const query = op(scope, 'Div', [heads('query', [0, 2, 1, 3]), number(scope, Math.sqrt(shape.width / shape.heads))])
    const scores = op(scope, 'MatMul', [query, heads('key', [0, 2, 3, 1])])
    const padding = parts.reshape(op(scope, 'Equal', [mask, scribe.integer(scope, 0)]), scope, ['batch', 1, 1, -1])
    const hidden = op(scope, 'Expand', [padding, op(scope, 'Shape', [scores])])
    const weights = op(scope, 'Softmax', [op(scope, 'Where', [hidden, number(scope, float32Minimum), scores])], { axis: -1 })
    return joined(context, op(scope, 'MatMul', [weights, heads('value', [0, 2, 1, 3])]), scope)
  }
}

/** PyTorch's scaled_dot_product_attention: query and key each take the root of the scale, the mask is expanded beforehand. */
function scaledAttention(context: AttentionContext) {
  const { scribe, shape, style } = context
  const { op, number } = scribe
  const boolean = style.mask === 'boolean'
  const seen = boolean ? (style.attention === 'squeezed' ? pairMask(context) : booleanMask(context)) : expandedMask(context)
  const side = shape.width / shape.heads

  /** Swaps a key's last two sides, by way of three: `[batch, heads, sequence, side]` as the exporter without ranks does. */
  const swapped = (key: string, scope: string): string => {
    const [last, secondLast, first] = [
      op(scope, 'Shape', [key], { start: 3 }),
      op(scope, 'Shape', [key], { start: 2, end: 3 }),
      op(scope, 'Shape', [key], { start: 0, end: 2 }),
    ]
    const squeezed = op(scope, 'Reshape', [key, op(scope, 'Concat', [scribe.integers(scope, -1), secondLast, last], { axis: 0 })])
    const turned = op(scope, 'Transpose', [squeezed], { perm: [0, 2, 1] })
    return op(scope, 'Reshape', [turned, op(scope, 'Concat', [first, last, secondLast], { axis: 0 })])
  }

  return (x: string, layer: string): string => {
    const scope = scopeOf(shape, layer)
    const heads = headsOf(context, x, layer)
    const query = heads('query', [0, 2, 1, 3])
    const key = style.attention === 'squeezed' ? swapped(heads('key', [0, 2, 1, 3]), scope) : heads('key', [0, 2, 3, 1])
    const value = heads('value', [0, 2, 1, 3])
    const root = style.attention === 'squeezed' ? number(scope, side ** -0.25) : op(scope, 'Sqrt', [runTimeScale(scribe, query, scope)])
    const scores = op(scope, 'MatMul', [op(scope, 'Mul', [query, root]), op(scope, 'Mul', [key, root])])
    const zero = boolean ? number(scope, 0) : ''
    const hidden = boolean ? op(scope, 'Where', [seen, zero, number(scope, Number.NEGATIVE_INFINITY)]) : seen
    const softmax = op(scope, 'Softmax', [op(scope, 'Add', [scores, hidden])], { axis: -1 })
    // Where all is hidden, softmax divides zero by zero.
    const weights = boolean ? op(scope, 'Where', [op(scope, 'IsNaN', [softmax]), zero, softmax]) : softmax
    return joined(context, op(scope, 'MatMul', [weights, value]), scope)
  }
}

/** One over the root of the last side, read from the value's shape. */
function runTimeScale(scribe: Scribe, query: string, scope: string): string {
  const { op } = scribe
  const last = op(scope, 'Slice', [
    op(scope, 'Shape', [query]),
    scribe.integers(scope, -1),
    scribe.integers(scope, Number.MAX_SAFE_INTEGER),
  ])
  const side = op(scope, 'Sqrt', [op(scope, 'Cast', [last], { to: elementTypeOf(scribe) })])
  return op(scope, 'Cast', [op(scope, 'Div', [scribe.number(scope, 1, 'list'), side])], { to: elementTypeOf(scribe) })
}

/** One node of com.microsoft for the whole of it, with one weight for query, key and value. */
function mergedAttention({ scribe, shape, mask, bias }: AttentionContext) {
  const { op } = scribe
  const { width, heads } = shape
  const whole = op('', 'Cast', [mask], { to: elementTypes.int32 })
  let count = 0

  return (x: string, layer: string): string => {
    const names = layerNames[shape.family]
    const scope = scopeOf(shape, layer)
    const modules = [names.query, names.key, names.value].map((part) => `${layer}.${part}`)
    const weight = new Float32Array(width * 3 * width)
    const biases = new Float32Array(3 * width)
    modules.forEach((module, third) => {
      const values = scribe.values(`${module}.weight`)
      for (let out = 0; out < width; out++)
        for (let i = 0; i < width; i++) weight[i * 3 * width + third * width + out] = values[out * width + i]!
      biases.set(scribe.values(`${module}.bias`), third * width)
    })
    const prefix = `Attention_${count++}`
    const inputs = [
      x,
      scribe.named(`${prefix}_qkv_weight`, weight, [width, 3 * width]),
      scribe.named(`${prefix}_qkv_bias`, biases, [3 * width]),
      whole,
    ]
    return op(scope, 'Attention', bias === undefined ? inputs : [...inputs, '', bias], { num_heads: heads }, 'com.microsoft')
  }
}
