import { bytesOf, writeSafetensors, type Tensor } from '../safetensors.ts'
import type { TrainedBase } from './base/base.ts'
import type { LearnedAdapter } from './expert/adapter.ts'
import type { LearnedTable } from './expert/table.ts'
import { quantizeRows } from './quantize.ts'

/** Tokens a static base reads of a text unless its user says otherwise. */
const maxTokens = 512

/**
 * The files of a static base in Model2Vec's layout, by name: 8-bit rows with a factor per token in `weights`, so that
 * Python's Model2Vec reads the same vectors.
 */
export function baseFiles({ tokenizer, table, dimensions }: TrainedBase): Map<string, Uint8Array> {
  const { values, scales } = quantizeRows(table, dimensions, 8)
  const tensors = new Map<string, Tensor>([
    ['embeddings', { dtype: 'I8', shape: [scales.length, dimensions], data: bytesOf(values) }],
    ['weights', { dtype: 'F32', shape: [scales.length], data: bytesOf(scales) }],
  ])
  return new Map([
    ['model.safetensors', writeSafetensors(tensors)],
    ['tokenizer.json', json(tokenizer)],
    [
      'tokenizer_config.json',
      json({ tokenizer_class: 'PreTrainedTokenizerFast', unk_token: '[UNK]', pad_token: '[PAD]', model_max_length: maxTokens }),
    ],
    [
      'config.json',
      json({
        model_type: 'model2vec',
        architectures: ['StaticModel'],
        hidden_dim: dimensions,
        vocab_size: scales.length,
        seq_length: maxTokens,
        normalize: true,
        embedding_dtype: 'int8',
        apply_pca: dimensions,
        apply_zipf: false,
      }),
    ],
    [
      'modules.json',
      json([
        { idx: 0, name: '0', path: '.', type: 'sentence_transformers.models.StaticEmbedding' },
        { idx: 1, name: '1', path: '1_Normalize', type: 'sentence_transformers.models.Normalize' },
      ]),
    ],
  ])
}

/** The file of a table expert: the rows it changes, quantised. */
export function tableFile({ rows, deltas }: LearnedTable, dimensions: number, bits: 4 | 8): Uint8Array {
  const { values, scales } = quantizeRows(deltas, dimensions, bits)
  const tensors = new Map<string, Tensor>([
    ['rows', { dtype: 'U32', shape: [rows.length], data: bytesOf(rows) }],
    ['scales', { dtype: 'F32', shape: [rows.length], data: bytesOf(scales) }],
    [
      'deltas',
      bits === 8
        ? { dtype: 'I8', shape: [rows.length, dimensions], data: bytesOf(values) }
        : { dtype: 'U8', shape: [rows.length, dimensions / 2], data: bytesOf(values) },
    ],
  ])
  return writeSafetensors(tensors, { bits: String(bits) })
}

/** The file of an adapter expert: `down` [rank, dimensions] and `up` [dimensions, rank]. */
export function adapterFile({ rank, down, up }: LearnedAdapter): Uint8Array {
  const dimensions = down.length / rank
  return writeSafetensors(
    new Map<string, Tensor>([
      ['down', { dtype: 'F32', shape: [rank, dimensions], data: bytesOf(down) }],
      ['up', { dtype: 'F32', shape: [dimensions, rank], data: bytesOf(up) }],
    ]),
  )
}

function json(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value)}\n`)
}
