import { hashString, random } from '../../src/train/random.ts'
import type { EncoderShape } from './shapes.ts'

/** Random weights of an encoder, by the names and in the layout of its PyTorch module. */
export interface Parameters {
  readonly names: readonly string[]
  /** Linear layers are `[outputs, inputs]`. */
  sides(name: string): readonly number[]
  /** The same for every call with one seed, whatever else was asked for. */
  values(name: string): Float32Array
  /** The name under which a model that stores equal weights once stores this one. */
  stored(name: string): string
}

/** Where a layer of this family keeps its parts, relative to the layer. */
export interface LayerNames {
  /** The list of layers, before the number. */
  readonly list: string
  readonly query: string
  readonly key: string
  readonly value: string
  readonly output: string
  readonly attentionNorm: string
  readonly up: string
  readonly down: string
  readonly outputNorm: string
}

const bertNames: LayerNames = {
  list: 'encoder.layer',
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  output: 'attention.output.dense',
  attentionNorm: 'attention.output.LayerNorm',
  up: 'intermediate.dense',
  down: 'output.dense',
  outputNorm: 'output.LayerNorm',
}

export const layerNames: Readonly<Record<EncoderShape['family'], LayerNames>> = {
  bert: bertNames,
  roberta: bertNames,
  mpnet: {
    ...bertNames,
    query: 'attention.attn.q',
    key: 'attention.attn.k',
    value: 'attention.attn.v',
    output: 'attention.attn.o',
    attentionNorm: 'attention.LayerNorm',
  },
  distilbert: {
    list: 'transformer.layer',
    query: 'attention.q_lin',
    key: 'attention.k_lin',
    value: 'attention.v_lin',
    output: 'attention.out_lin',
    attentionNorm: 'sa_layer_norm',
    up: 'ffn.lin1',
    down: 'ffn.lin2',
    outputNorm: 'output_layer_norm',
  },
}

/** Rows of MPNet's table of relative positions. */
export const relativeBuckets = 32

/**
 * Weights as training begins with them: normal, with LayerNorm near the identity. Key biases are zero, as they never change
 * an attention weight; so they are equal in all layers, and exporters that store equal weights once show it.
 */
export function parameters(shape: EncoderShape, seed: number): Parameters {
  const sides = sidesByName(shape)
  const known = (name: string): readonly number[] => {
    const found = sides.get(name)
    if (!found) throw new Error(`A ${shape.modelType} has no parameter "${name}".`)
    return found
  }
  const keyBias = `${layerNames[shape.family].key}.bias`
  return {
    names: [...sides.keys()],
    sides: known,
    values(name) {
      const values = new Float32Array(known(name).reduce((product, side) => product * side, 1))
      if (name.endsWith(keyBias)) return values
      const generator = random(seed, hashString(name, seed))
      const centre = /norm\.weight$/i.test(name) ? 1 : 0
      for (let i = 0; i < values.length; i++) values[i] = centre + generator.normal() * shape.deviation
      return values
    },
    stored: (name) => (name.endsWith(keyBias) ? `${layerNames[shape.family].list}.0.${keyBias}` : name),
  }
}

function sidesByName({
  family,
  layers,
  width,
  inner,
  heads,
  vocabularySize,
  positions,
  types,
}: EncoderShape): Map<string, readonly number[]> {
  const sides = new Map<string, readonly number[]>()
  const linear = (module: string, outputs: number, inputs: number): void => {
    sides.set(`${module}.weight`, [outputs, inputs])
    sides.set(`${module}.bias`, [outputs])
  }
  const norm = (module: string): void => {
    sides.set(`${module}.weight`, [width])
    sides.set(`${module}.bias`, [width])
  }
  sides.set('embeddings.word_embeddings.weight', [vocabularySize, width])
  sides.set('embeddings.position_embeddings.weight', [positions, width])
  if (types > 0) sides.set('embeddings.token_type_embeddings.weight', [types, width])
  norm('embeddings.LayerNorm')
  const names = layerNames[family]
  for (let i = 0; i < layers; i++) {
    const layer = `${names.list}.${i}`
    for (const part of [names.query, names.key, names.value, names.output]) linear(`${layer}.${part}`, width, width)
    norm(`${layer}.${names.attentionNorm}`)
    linear(`${layer}.${names.up}`, inner, width)
    linear(`${layer}.${names.down}`, width, inner)
    norm(`${layer}.${names.outputNorm}`)
  }
  if (family === 'mpnet') sides.set('encoder.relative_attention_bias.weight', [relativeBuckets, heads])
  return sides
}
