import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { OnnxModel } from '../../src/onnx/model.ts'
import { writeOnnx } from '../../src/onnx/protobuf.ts'
import { quantizeDynamic } from '../../src/onnx/quantize.ts'
import { makeEncoder, shapeOf, type EncoderModelOptions } from './architecture.ts'
import type { EncoderShape, ShapeName } from './shapes.ts'
import { generateTokenizer, specialTokens } from './vocabulary.ts'

export interface WriteEncoderOptions extends EncoderModelOptions {
  /** Also writes `onnx/model_int8.onnx`. @default false */
  readonly int8?: boolean
  /** A `tokenizer.json` of one's own. @default a generated one of as many tokens as the shape has */
  readonly tokenizer?: object
  /** Weights of one's own, with the inputs and outputs of the shape's family. @default random ones by the other options */
  readonly model?: OnnxModel
}

/**
 * Writes an encoder as sentence-transformers and transformers.js lay it out, for `onnxEncoder(directory)` to open: mean pooling, unit length.
 * @returns The files' sizes in bytes, by their names.
 */
export function writeEncoder(
  directory: string,
  shape: ShapeName | EncoderShape,
  options: WriteEncoderOptions = {},
): ReadonlyMap<string, number> {
  const { tokenizer, int8 = false } = options
  const sized = shapeOf(shape, options)
  // First, as it refuses what cannot be.
  const words = tokenizer ?? generateTokenizer(sized)
  const sizes = new Map<string, number>()
  const write = (name: string, content: object | Uint8Array): void => {
    const path = join(directory, name)
    const bytes = content instanceof Uint8Array ? content : new TextEncoder().encode(`${JSON.stringify(content, null, 2)}\n`)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
    sizes.set(name, bytes.length)
  }

  const { width, padId } = sized
  const tokens = specialTokens(sized)
  const longest = padId === 0 ? sized.positions : sized.positions - padId - 1
  write('config.json', configOf(sized, options))
  write('tokenizer.json', words)
  write('tokenizer_config.json', {
    tokenizer_class: sized.family === 'roberta' ? 'PreTrainedTokenizerFast' : `${sized.family === 'mpnet' ? 'MPNet' : 'Bert'}Tokenizer`,
    do_lower_case: true,
    model_max_length: longest,
    cls_token: tokens.opening,
    sep_token: tokens.closing,
    unk_token: tokens.unknown,
    pad_token: tokens.padding,
    mask_token: tokens.mask,
  })
  write(
    'modules.json',
    ['Transformer', 'Pooling', 'Normalize'].map((name, idx) => ({
      idx,
      name: String(idx),
      path: idx === 0 ? '' : `${idx}_${name}`,
      type: `sentence_transformers.models.${name}`,
    })),
  )
  write('1_Pooling/config.json', {
    word_embedding_dimension: width,
    pooling_mode_cls_token: false,
    pooling_mode_mean_tokens: true,
    pooling_mode_max_tokens: false,
  })
  write('sentence_bert_config.json', { max_seq_length: Math.min(longest, 256), do_lower_case: false })
  const model = options.model ?? makeEncoder(sized, options)
  write('onnx/model.onnx', writeOnnx(model))
  if (int8) write('onnx/model_int8.onnx', writeOnnx(quantizeDynamic(model)))
  return sizes
}

function configOf(shape: EncoderShape, { activation = 'gelu' }: EncoderModelOptions): object {
  const { modelType, width, layers, heads, inner, vocabularySize, positions, types, padId, epsilon, deviation } = shape
  const hidden_act = activation === 'gelu' ? 'gelu' : 'gelu_new'
  const common = {
    model_type: modelType,
    vocab_size: vocabularySize,
    max_position_embeddings: positions,
    pad_token_id: padId,
    initializer_range: deviation,
  }
  // DistilBERT goes by names of its own.
  if (shape.family === 'distilbert')
    return {
      ...common,
      architectures: ['DistilBertModel'],
      dim: width,
      n_layers: layers,
      n_heads: heads,
      hidden_dim: inner,
      activation: hidden_act,
    }
  return {
    ...common,
    architectures: [
      { bert: 'BertModel', mpnet: 'MPNetModel', roberta: modelType === 'roberta' ? 'RobertaModel' : 'XLMRobertaModel' }[shape.family],
    ],
    hidden_size: width,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: inner,
    hidden_act,
    layer_norm_eps: epsilon,
    ...(types > 0 && { type_vocab_size: types }),
    ...(shape.family === 'mpnet' && { relative_attention_num_buckets: 32 }),
  }
}
