import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { graphBuilder, valueInfo } from '../../../src/onnx/builder.ts'
import type { OnnxModel } from '../../../src/onnx/model.ts'
import { readOnnx, writeOnnx } from '../../../src/onnx/protobuf.ts'
import { quantizeDynamic } from '../../../src/onnx/quantize.ts'
import { valuesOf } from '../../../src/onnx/tensor.ts'
import type { Learned } from './engine.ts'
import { tokenVectors, transformerGraph, type TransformerShape } from './graph.ts'

const wordTable = 'embeddings.word_embeddings.weight'
const placeTable = 'embeddings.position_embeddings.weight'

/** What has been learned. */
export interface TransformerWeights {
  readonly weights: ReadonlyMap<string, Learned>
  readonly tokens: Learned
  readonly places: Learned
}

/** The whole encoder: token ids in, a vector per token out. Weights keep their names. */
export function encoderModel({ weights, tokens, places }: TransformerWeights, shape: TransformerShape): OnnxModel {
  const { graph, ...body } = transformerGraph(shape)
  const { node, nodes, constants, constant, integers } = graphBuilder('embeddings/')
  const table = constant(tokens.values, tokens.sides, wordTable)
  const positions = constant(places.values, places.sides, placeTable)
  const length = node('Slice', [node('Shape', ['input_ids']), integers(1), integers(2)])
  const first = node('Slice', [positions, integers(0), length, integers(0)])
  node('Add', [node('Gather', [table, 'input_ids']), first], { output: tokenVectors })
  for (const [name, { values, sides }] of weights) constant(values, sides, name)
  return {
    ...body,
    graph: {
      ...graph,
      node: [...nodes, ...graph.node],
      initializer: [...graph.initializer, ...constants],
      input: [valueInfo('input_ids', 'int64', ['batch', 'sequence']), valueInfo('attention_mask', 'int64', ['batch', 'sequence'])],
    },
  }
}

/** Sets an engine's weights to those of an encoder that `writeTransformer` wrote. */
export function readTransformer(directory: string, { weights, tokens, places }: TransformerWeights): void {
  const file = readOnnx(readFileSync(join(directory, 'onnx/model.onnx')))
  const stored = new Map(file.graph.initializer.map((each) => [each.name, each]))
  const all = [...weights, [wordTable, tokens] as const, [placeTable, places] as const]
  for (const [name, { values }] of all) values.set(valuesOf(stored.get(name)!) as Float32Array)
}

/** Writes the encoder in sentence-transformers' layout, with the tokenizer of the base its table comes from. */
export async function writeTransformer(
  directory: string,
  learned: TransformerWeights,
  shape: TransformerShape,
  base: string,
): Promise<void> {
  mkdirSync(join(directory, 'onnx'), { recursive: true })
  mkdirSync(join(directory, '1_Pooling'), { recursive: true })
  const json = (path: string, value: unknown): void => writeFileSync(join(directory, path), `${JSON.stringify(value, undefined, 2)}\n`)
  json('config.json', {
    model_type: 'bert',
    architectures: ['PilotfishEncoder'],
    hidden_size: shape.hidden,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    intermediate_size: shape.intermediate,
    max_position_embeddings: shape.positions,
    vocab_size: learned.tokens.sides[0],
    pad_token_id: 0,
  })
  json('sentence_bert_config.json', { max_seq_length: shape.positions })
  json('modules.json', [
    { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' },
    { idx: 1, name: '1', path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
    { idx: 2, name: '2', path: '2_Normalize', type: 'sentence_transformers.models.Normalize' },
  ])
  json('1_Pooling/config.json', { word_embedding_dimension: shape.hidden, pooling_mode_mean_tokens: true })
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) copyFileSync(join(base, name), join(directory, name))
  const model = encoderModel(learned, shape)
  writeFileSync(join(directory, 'onnx/model.onnx'), writeOnnx(model))
  writeFileSync(join(directory, 'onnx/model_int8.onnx'), writeOnnx(quantizeDynamic(model, { embeddings: true })))
}
