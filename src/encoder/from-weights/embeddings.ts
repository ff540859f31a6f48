import { elementTypes } from '../../onnx/model.ts'
import { elementTypeOf, type GraphWriter } from './graph-writer.ts'
import { sideOf, type Parts } from './parts.ts'
import { relativeBuckets, type EncoderShape } from './shape.ts'

export interface EmbeddingInputs {
  readonly ids: string
  /** Where the family has token types as an input. */
  readonly types: string | undefined
}

const scope = 'embeddings'
/** Name of a table of rows. */
export const table = (name: string): string => `embeddings.${name}_embeddings.weight`

/** Sum of a token's rows, normalised. */
export function embeddings(writer: GraphWriter, parts: Parts, shape: EncoderShape, inputs: EmbeddingInputs): string {
  const { op } = writer
  const rows = (name: string, ids: string): string => op(`embeddings.${name}_embeddings`, 'Gather', [writer.parameter(table(name)), ids])
  const words = rows('word', inputs.ids)
  const types = inputs.types ?? (shape.types > 0 ? noTypes(writer, shape, inputs.ids) : undefined)
  const typed = types === undefined ? words : op(scope, 'Add', [words, rows('token_type', types)])
  const places = rows(
    'position',
    isPlacedPastPadding(shape) ? positionsPastPadding(writer, shape, inputs.ids) : positions(writer, shape, inputs.ids),
  )
  return parts.norm(op(scope, 'Add', [typed, places]), 'embeddings.LayerNorm')
}

/** A stored row cut to the sequence's length, `[1, sequence]`. */
function stored(writer: GraphWriter, values: BigInt64Array, ids: string): string {
  const length = sideOf(writer, ids, scope, 1)
  const row = writer.constant(scope, values, [1, values.length])
  return writer.op(scope, 'Slice', [row, writer.integers(scope, 0), length, writer.integers(scope, 1), writer.integers(scope, 1)])
}

/** Whether positions are numbered from the padding id on. */
function isPlacedPastPadding({ family }: EncoderShape): boolean {
  return family === 'roberta' || family === 'mpnet'
}

/** 0, 1, 2 and so on. */
function positions(writer: GraphWriter, shape: EncoderShape, ids: string): string {
  return stored(
    writer,
    BigInt64Array.from({ length: shape.positions }, (_, i) => BigInt(i)),
    ids,
  )
}

/** Counts tokens that are no padding, from the padding id on, as RoBERTa's relatives do. */
function positionsPastPadding(writer: GraphWriter, { padId, family }: EncoderShape, ids: string): string {
  const { op } = writer
  const real = op(scope, 'Cast', [op(scope, 'Not', [op(scope, 'Equal', [ids, writer.integer(scope, padId)])])], { to: elementTypes.int32 })
  const counted = op(scope, 'Cast', [op(scope, 'CumSum', [real, writer.integer(scope, 1)])], { to: elementTypes.int32 })
  // RoBERTa adds how many tokens came before the text, which is none.
  const shifted = family === 'roberta' ? op(scope, 'Add', [counted, writer.constant(scope, Int32Array.of(0), [])]) : counted
  const places = op(scope, 'Cast', [op(scope, 'Mul', [shifted, real])], { to: elementTypes.int64 })
  return op(scope, 'Add', [places, writer.integer(scope, padId)])
}

/** RoBERTa has a token type, always the first. */
function noTypes(writer: GraphWriter, shape: EncoderShape, ids: string): string {
  return writer.op(scope, 'Expand', [stored(writer, new BigInt64Array(shape.positions), ids), writer.op(scope, 'Shape', [ids])])
}

/**
 * MPNet's values for every pair of positions, `[1, heads, sequence, sequence]`: near distances have a row each, far ones share rows
 * by the logarithm of the distance, up to 128.
 */
export function relativePositions(writer: GraphWriter, ids: string): string {
  const { op, integer, number } = writer
  const place = 'encoder'
  const length = op(place, 'Gather', [op(place, 'Shape', [ids]), integer(place, 1)], { axis: 0 })
  const range = op(place, 'Range', [integer(place, 0), length, integer(place, 1)])
  const distance = op(place, 'Sub', [
    op(place, 'Unsqueeze', [range, writer.integers(place, 0)]),
    op(place, 'Unsqueeze', [range, writer.integers(place, 1)]),
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
    op(place, 'Log', [op(place, 'Div', [op(place, 'Cast', [far], { to: elementTypeOf(writer) }), number(place, near)])]),
    number(place, Math.log(128 / near)),
  ])
  const steps = op(place, 'Cast', [op(place, 'Mul', [octaves, number(place, half - near)])], { to: elementTypes.int64 })
  const shared = op(place, 'Min', [op(place, 'Add', [steps, integer(place, near)]), integer(place, half - 1)])
  const bucket = op(place, 'Add', [after, op(place, 'Where', [op(place, 'Less', [far, integer(place, near)]), far, shared])])
  const rows = op(`${place}.relative_attention_bias`, 'Gather', [writer.parameter(`${place}.relative_attention_bias.weight`), bucket])
  return op(place, 'Unsqueeze', [op(place, 'Transpose', [rows], { perm: [2, 0, 1] }), writer.integers(place, 0)])
}
