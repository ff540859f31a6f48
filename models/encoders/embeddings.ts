import { elementTypes } from '../../src/onnx/model.ts'
import { relativeBuckets } from './parameters.ts'
import { sideOf, type Parts } from './parts.ts'
import { elementTypeOf, type Scribe } from './scribe.ts'
import type { EncoderShape } from './shapes.ts'
import type { Style } from './styles.ts'

export interface EmbeddingInputs {
  readonly ids: string
  /** Where the family has token types as an input. */
  readonly types: string | undefined
}

const scope = 'embeddings'
const table = (name: string): string => `embeddings.${name}_embeddings.weight`

/** Sum of a token's rows, normalised. */
export function embeddings(scribe: Scribe, parts: Parts, shape: EncoderShape, style: Style, inputs: EmbeddingInputs): string {
  if (style.attention === 'one' && shape.family === 'bert') return embedded(scribe, shape, inputs)
  const { op } = scribe
  const rows = (name: string, ids: string): string => op(`embeddings.${name}_embeddings`, 'Gather', [scribe.parameter(table(name)), ids])
  const words = rows('word', inputs.ids)
  const types = inputs.types ?? (shape.types > 0 ? noTypes(scribe, shape, inputs.ids) : undefined)
  const typed = types === undefined ? words : op(scope, 'Add', [words, rows('token_type', types)])
  const places = rows(
    'position',
    shape.padId === 0 ? positions(scribe, shape, inputs.ids) : positionsPastPadding(scribe, shape, inputs.ids),
  )
  return parts.norm(op(scope, 'Add', [typed, places]), 'embeddings.LayerNorm')
}

/** A stored row cut to the sequence's length, `[1, sequence]`. */
function stored(scribe: Scribe, values: BigInt64Array, ids: string): string {
  const length = sideOf(scribe, ids, scope, 1)
  const row = scribe.constant(scope, values, [1, values.length])
  return scribe.op(scope, 'Slice', [row, scribe.integers(scope, 0), length, scribe.integers(scope, 1), scribe.integers(scope, 1)])
}

/** 0, 1, 2 and so on. */
function positions(scribe: Scribe, shape: EncoderShape, ids: string): string {
  return stored(
    scribe,
    BigInt64Array.from({ length: shape.positions }, (_, i) => BigInt(i)),
    ids,
  )
}

/** Counts tokens that are no padding, from the padding id on, as RoBERTa's relatives do. */
function positionsPastPadding(scribe: Scribe, { padId, family }: EncoderShape, ids: string): string {
  const { op } = scribe
  const real = op(scope, 'Cast', [op(scope, 'Not', [op(scope, 'Equal', [ids, scribe.integer(scope, padId)])])], { to: elementTypes.int32 })
  const counted = op(scope, 'Cast', [op(scope, 'CumSum', [real, scribe.integer(scope, 1)])], { to: elementTypes.int32 })
  // RoBERTa adds how many tokens came before the text, which is none.
  const shifted = family === 'roberta' ? op(scope, 'Add', [counted, scribe.constant(scope, Int32Array.of(0), [])]) : counted
  const places = op(scope, 'Cast', [op(scope, 'Mul', [shifted, real])], { to: elementTypes.int64 })
  return op(scope, 'Add', [places, scribe.integer(scope, padId)])
}

/** RoBERTa has a token type, always the first. */
function noTypes(scribe: Scribe, shape: EncoderShape, ids: string): string {
  return scribe.op(scope, 'Expand', [stored(scribe, new BigInt64Array(shape.positions), ids), scribe.op(scope, 'Shape', [ids])])
}

/** All of it in one node of com.microsoft. */
function embedded(scribe: Scribe, shape: EncoderShape, { ids, types }: EmbeddingInputs): string {
  const { op } = scribe
  const whole = (name: string): string => op(scope, 'Cast', [name], { to: elementTypes.int32 })
  const tables = ['word', 'position', 'token_type'].map((name) => scribe.parameter(table(name)))
  const norm = ['weight', 'bias'].map((part) => scribe.parameter(`embeddings.LayerNorm.${part}`))
  const attributes = { epsilon: { float: shape.epsilon } }
  const rows = op(scope, 'EmbedLayerNormalization', [whole(ids), whole(types!), ...tables, ...norm], attributes, 'com.microsoft')
  // Its second output, lengths for an older kind of mask, must be there though nothing reads it.
  scribe.nodes.at(-1)!.output.push('mask_index')
  return rows
}

/**
 * MPNet's values for every pair of positions, `[1, heads, sequence, sequence]`: near distances have a row each, far ones share rows
 * by the logarithm of the distance, up to 128.
 */
export function relativePositions(scribe: Scribe, ids: string): string {
  const { op, integer, number } = scribe
  const place = 'encoder'
  const length = op(place, 'Gather', [op(place, 'Shape', [ids]), integer(place, 1)], { axis: 0 })
  const range = op(place, 'Range', [integer(place, 0), length, integer(place, 1)])
  const distance = op(place, 'Sub', [
    op(place, 'Unsqueeze', [range, scribe.integers(place, 0)]),
    op(place, 'Unsqueeze', [range, scribe.integers(place, 1)]),
  ])
  const behind = op(place, 'Neg', [distance])
  const half = relativeBuckets / 2
  const near = half / 2
  const after = op(place, 'Mul', [
    op(place, 'Cast', [op(place, 'Less', [behind, integer(place, 0)])], { to: elementTypes.int64 }),
    integer(place, half),
  ])
  const far = op(place, 'Abs', [behind])
  const octaves = op(place, 'Div', [
    op(place, 'Log', [op(place, 'Div', [op(place, 'Cast', [far], { to: elementTypeOf(scribe) }), number(place, near)])]),
    number(place, Math.log(128 / near)),
  ])
  const steps = op(place, 'Cast', [op(place, 'Mul', [octaves, number(place, half - near)])], { to: elementTypes.int64 })
  const shared = op(place, 'Min', [op(place, 'Add', [steps, integer(place, near)]), integer(place, half - 1)])
  const bucket = op(place, 'Add', [after, op(place, 'Where', [op(place, 'Less', [far, integer(place, near)]), far, shared])])
  const rows = op(`${place}.relative_attention_bias`, 'Gather', [scribe.parameter(`${place}.relative_attention_bias.weight`), bucket])
  return op(place, 'Unsqueeze', [op(place, 'Transpose', [rows], { perm: [2, 0, 1] }), scribe.integers(place, 0)])
}
