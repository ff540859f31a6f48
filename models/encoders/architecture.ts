import { InvalidArgumentError } from '../../src/errors.ts'
import { model, valueInfo } from '../../src/onnx/builder.ts'
import type { OnnxModel } from '../../src/onnx/model.ts'
import { attention } from './attention.ts'
import { embeddings, relativePositions } from './embeddings.ts'
import { layerNames, parameters } from './parameters.ts'
import { partsOf, type Activation } from './parts.ts'
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
  readonly activation?: Activation
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
  const [ids, mask] = ['input_ids', 'attention_mask']
  const types = sized.family === 'bert' ? 'token_type_ids' : undefined
  const parts = partsOf(writer, style, { shape: sized, activation, ids })
  let x = embeddings(writer, parts, sized, style, { ids, types })
  const bias = sized.family === 'mpnet' ? relativePositions(writer, ids) : undefined
  const attend = attention({ scribe: writer, parts, shape: sized, style, mask, bias })
  const names = layerNames[sized.family]
  for (let i = 0; i < sized.layers; i++) {
    const layer = `${names.list}.${i}`
    const attended = parts.residual(attend(x, layer), `${layer}.${names.output}`, x, `${layer}.${names.attentionNorm}`)
    const scope = sized.family === 'distilbert' ? `${layer}.ffn.activation` : `${layer}.intermediate.intermediate_act_fn`
    const inner = parts.activated(attended, `${layer}.${names.up}`, scope)
    x = parts.residual(inner, `${layer}.${names.down}`, attended, `${layer}.${names.outputNorm}`)
  }
  // Whatever a style calls its values, the output has the name that readers look for.
  const last = 'last_hidden_state'
  for (const node of writer.nodes) {
    node.output = node.output.map((name) => (name === x ? last : name))
  }

  const sides = ['batch_size', 'sequence_length']
  const inputs = [ids, mask, ...(types === undefined ? [] : [types])]
  return model(
    writer,
    inputs.map((name) => valueInfo(name, 'int64', sides)),
    [valueInfo(last, writer.float, [...sides, sized.width])],
    { opset: style.opset, domains: style.norm === 'skip' ? ['com.microsoft'] : [] },
  )
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
