import type { EncoderShape as Sides } from '../../src/encoder/from-weights/shape.ts'

/** Sides of a text encoder, and how large its random weights are. */
export interface EncoderShape extends Sides {
  /** Standard deviation of random weights. */
  readonly deviation: number
}

const bert: EncoderShape = {
  family: 'bert',
  modelType: 'bert',
  layers: 12,
  width: 768,
  heads: 12,
  inner: 3072,
  vocabularySize: 30_522,
  positions: 512,
  types: 2,
  padId: 0,
  epsilon: 1e-12,
  deviation: 0.02,
}
const distilbert: EncoderShape = { ...bert, family: 'distilbert', modelType: 'distilbert', layers: 6, types: 0 }
const mpnet: EncoderShape = {
  ...bert,
  family: 'mpnet',
  modelType: 'mpnet',
  vocabularySize: 30_527,
  positions: 514,
  types: 0,
  padId: 1,
  epsilon: 1e-5,
}
const roberta: EncoderShape = {
  ...bert,
  family: 'roberta',
  modelType: 'roberta',
  vocabularySize: 50_265,
  positions: 514,
  types: 1,
  padId: 1,
  epsilon: 1e-5,
}
const minilm: EncoderShape = { ...bert, layers: 6, width: 384, inner: 1536 }
/** Small enough for tests; the weights are larger, as products of short rows would else hardly differ from zero. */
const tiny = { layers: 2, width: 32, heads: 4, inner: 64, vocabularySize: 320, deviation: 0.1 } as const

/** Published shapes, and a tiny one of each family. */
export const shapes = {
  'bert-base': bert,
  'minilm-l6': minilm,
  'minilm-l12': { ...minilm, layers: 12 },
  'distilbert-base': distilbert,
  'mpnet-base': mpnet,
  'roberta-base': roberta,
  'xlm-r-base': { ...roberta, modelType: 'xlm-roberta', vocabularySize: 250_002 },
  'bert-tiny': { ...bert, ...tiny, positions: 64 },
  'distilbert-tiny': { ...distilbert, ...tiny, positions: 64 },
  'mpnet-tiny': { ...mpnet, ...tiny, positions: 66 },
  'roberta-tiny': { ...roberta, ...tiny, positions: 66 },
} as const satisfies Readonly<Record<string, EncoderShape>>

export type ShapeName = keyof typeof shapes
