/** Sides of a text encoder, with what its family needs to be told apart from others of the same sides. */
export interface EncoderShape {
  readonly family: 'bert' | 'distilbert' | 'mpnet' | 'roberta'
  /** `model_type` in config.json. */
  readonly modelType: string
  readonly layers: number
  readonly width: number
  readonly heads: number
  /** Width of the feed-forward layer. */
  readonly inner: number
  readonly vocabularySize: number
  /** Rows of the position table; families that number positions from the padding id on never read the first ones. */
  readonly positions: number
  /** Rows of the token-type table; 0 where there is none. */
  readonly types: number
  readonly padId: number
  readonly epsilon: number
}

/** Between the two layers of a feed-forward part. */
export type Activation = 'gelu' | 'gelu_tanh' | 'relu'

/** Where a layer of a family keeps its parts, relative to the layer. */
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

/** Sides of all parameters, by the names and in the layout of the PyTorch module: linear layers are `[outputs, inputs]`. */
export function parameterSides({
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
