import { table, type EmbeddingInputs } from '../../src/encoder/from-weights/embeddings.ts'
import { elementTypes } from '../../src/onnx/model.ts'
import type { Scribe } from './scribe.ts'
import type { EncoderShape } from './shapes.ts'

/** A token's rows, summed and normalised in one node of com.microsoft. */
export function mergedEmbeddings(scribe: Scribe, shape: EncoderShape, { ids, types }: EmbeddingInputs): string {
  const { op } = scribe
  const whole = (name: string): string => op('embeddings', 'Cast', [name], { to: elementTypes.int32 })
  const tables = ['word', 'position', 'token_type'].map((name) => scribe.parameter(table(name)))
  const norm = ['weight', 'bias'].map((part) => scribe.parameter(`embeddings.LayerNorm.${part}`))
  const attributes = { epsilon: { float: shape.epsilon } }
  const rows = op('embeddings', 'EmbedLayerNormalization', [whole(ids), whole(types!), ...tables, ...norm], attributes, 'com.microsoft')
  // Its second output, lengths for an older kind of mask, must be there though nothing reads it.
  scribe.nodes.at(-1)!.output.push('mask_index')
  return rows
}
