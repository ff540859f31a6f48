import { InvalidArgumentError } from '../../src/errors.ts'
import { embeddings, relativePositions } from '../../src/encoder/from-weights/embeddings.ts'
import { inputsOf, layers, wholeModel } from '../../src/encoder/from-weights/encoder-graph.ts'
import type { Activation } from '../../src/encoder/from-weights/shape.ts'
import type { OnnxModel } from '../../src/onnx/model.ts'
import { attention } from './attention.ts'
import { mergedEmbeddings } from './embeddings.ts'
import { parameters } from './parameters.ts'
import { partsOf } from './parts.ts'
import { scribe } from './scribe.ts'
import { shapes, type EncoderShape, type ShapeName } from './shapes.ts'
import { styles, type StyleName } from './styles.ts'

export interface EncoderModelOptions {
  /** @default 1 */
  readonly seed?: number
  /** @default 'torchscript' */
  readonly style?: StyleName
  /** @default the shape's */
  readonly vocabularySize?: number
  /** @default the shape's */
  readonly layers?: number
  /** All arithmetic in float64, which has no error function: GELU is then the one by tanh. @default false */
  readonly double?: boolean
  /** @default 'gelu', or 'gelu_tanh' in float64 */
  readonly activation?: Exclude<Activation, 'relu'>
}

/**
 * A text encoder with random weights: token ids and mask in, `last_hidden_state` out. Weights depend on the seed and their names only,
 * so that one encoder in two styles gives the same vectors.
 */
export function makeEncoder(shape: ShapeName | EncoderShape, options: EncoderModelOptions = {}): OnnxModel {
  const { seed = 1, style: styleName = 'torchscript', double = false } = options
  const { activation = double ? 'gelu_tanh' : 'gelu' } = options
  const sized = shapeOf(shape, options)
  const style = styles[styleName]
  if (!style) throw new InvalidArgumentError('style', `is "${String(styleName)}", not one of ${Object.keys(styles).join(', ')}`)
  if (double && style.gelu === 'bias')
    throw new InvalidArgumentError('double', `is set, but the nodes of the style "${styleName}" know float32 only`)
  if (double && activation === 'gelu')
    throw new InvalidArgumentError('activation', 'is "gelu", which onnxruntime cannot compute in float64', 'Use "gelu_tanh".')

  const writer = scribe(parameters(sized, seed), { ...style.hand, double })
  const { ids, mask, types } = inputsOf(sized)
  const parts = partsOf(writer, style, { shape: sized, activation, ids })
  const isMerged = style.attention === 'one' && sized.family === 'bert'
  const x = isMerged ? mergedEmbeddings(writer, sized, { ids, types }) : embeddings(writer, parts, sized, { ids, types })
  const bias = sized.family === 'mpnet' ? relativePositions(writer, ids) : undefined
  const sequence = sized.family === 'distilbert' && style.reshape === 'chain' ? -1 : 'sequence'
  const attend = attention({ writer, parts, shape: sized, style, mask, bias, sequence })
  const last = layers(parts, sized, attend, x)
  return wholeModel(writer, sized, last, { opset: style.opset, domains: style.norm === 'skip' ? ['com.microsoft'] : [] })
}

/** A published shape by its name, or one's own, with what the options change. @throws InvalidArgumentError */
export function shapeOf(
  shape: ShapeName | EncoderShape,
  { vocabularySize, layers }: Pick<EncoderModelOptions, 'vocabularySize' | 'layers'> = {},
): EncoderShape {
  const base = typeof shape === 'string' ? shapes[shape] : shape
  if (!base) throw new InvalidArgumentError('shape', `is "${String(shape)}", not one of ${Object.keys(shapes).join(', ')}`)
  return { ...base, ...(vocabularySize !== undefined && { vocabularySize }), ...(layers !== undefined && { layers }) }
}
