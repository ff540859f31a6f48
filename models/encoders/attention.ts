import {
  attentionScope,
  headsOf,
  joined,
  ownAttention,
  type Attention,
  type AttentionContext as OwnContext,
} from '../../src/encoder/from-weights/attention.ts'
import { elementTypeOf, type GraphWriter } from '../../src/encoder/from-weights/graph-writer.ts'
import { elementTypes } from '../../src/onnx/model.ts'
import { booleanMask, expandedMask, pairMask } from './masks.ts'
import { layerNames } from './parameters.ts'
import type { Scribe } from './scribe.ts'
import type { Style } from './styles.ts'

/** Everything attention is written with. */
export interface AttentionContext extends OwnContext {
  readonly writer: Scribe
  readonly style: Style
}

/** Attention as a style has it. */
export function attention(context: AttentionContext): Attention {
  const { style, shape } = context
  if (style.attention === 'one') return mergedAttention(context)
  // MPNet and DistilBERT were never given another attention than their own in the years of torchscript exports.
  return style.attention === 'eager' || shape.family === 'mpnet' ? ownAttention(context) : scaledAttention(context)
}

/** PyTorch's scaled_dot_product_attention: query and key each take the root of the scale, the mask is expanded beforehand. */
function scaledAttention(context: AttentionContext) {
  const { writer, shape, style } = context
  const { op, number } = writer
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
    const squeezed = op(scope, 'Reshape', [key, op(scope, 'Concat', [writer.integers(scope, -1), secondLast, last], { axis: 0 })])
    const turned = op(scope, 'Transpose', [squeezed], { perm: [0, 2, 1] })
    return op(scope, 'Reshape', [turned, op(scope, 'Concat', [first, last, secondLast], { axis: 0 })])
  }

  return (x: string, layer: string): string => {
    const scope = attentionScope(shape, layer)
    const heads = headsOf(context, x, layer)
    const query = heads('query', [0, 2, 1, 3])
    const key = style.attention === 'squeezed' ? swapped(heads('key', [0, 2, 1, 3]), scope) : heads('key', [0, 2, 3, 1])
    const value = heads('value', [0, 2, 1, 3])
    const root = style.attention === 'squeezed' ? number(scope, side ** -0.25) : op(scope, 'Sqrt', [runTimeScale(writer, query, scope)])
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
function runTimeScale(writer: GraphWriter, query: string, scope: string): string {
  const { op } = writer
  const last = op(scope, 'Slice', [
    op(scope, 'Shape', [query]),
    writer.integers(scope, -1),
    writer.integers(scope, Number.MAX_SAFE_INTEGER),
  ])
  const side = op(scope, 'Sqrt', [op(scope, 'Cast', [last], { to: elementTypeOf(writer) })])
  return op(scope, 'Cast', [op(scope, 'Div', [writer.number(scope, 1, 'list'), side])], { to: elementTypeOf(writer) })
}

/** One node of com.microsoft for the whole of it, with one weight for query, key and value. */
function mergedAttention({ writer, shape, mask, bias }: AttentionContext) {
  const { op } = writer
  const { width, heads } = shape
  const whole = op('', 'Cast', [mask], { to: elementTypes.int32 })
  let count = 0

  return (x: string, layer: string): string => {
    const names = layerNames[shape.family]
    const scope = attentionScope(shape, layer)
    const modules = [names.query, names.key, names.value].map((part) => `${layer}.${part}`)
    const weight = new Float32Array(width * 3 * width)
    const biases = new Float32Array(3 * width)
    modules.forEach((module, third) => {
      const values = writer.values(`${module}.weight`)
      for (let out = 0; out < width; out++)
        for (let i = 0; i < width; i++) weight[i * 3 * width + third * width + out] = values[out * width + i]!
      biases.set(writer.values(`${module}.bias`), third * width)
    })
    const prefix = `Attention_${count++}`
    const inputs = [
      x,
      writer.named(`${prefix}_qkv_weight`, weight, [width, 3 * width]),
      writer.named(`${prefix}_qkv_bias`, biases, [3 * width]),
      whole,
    ]
    return op(scope, 'Attention', bias === undefined ? inputs : [...inputs, '', bias], { num_heads: heads }, 'com.microsoft')
  }
}
