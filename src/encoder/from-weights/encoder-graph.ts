import { model, valueInfo } from '../../onnx/builder.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import { ownAttention, type Attention } from './attention.ts'
import { embeddings, relativePositions } from './embeddings.ts'
import { plainWriter, type NeededWeight, type PlainWriter } from './graph-writer.ts'
import { plainParts, type Parts } from './parts.ts'
import { layerNames, parameterSides, type Activation, type EncoderShape } from './shape.ts'

/** A text encoder, token ids and mask in, `last_hidden_state` out, with the weights that are still to be put in. */
export function encoderGraph(shape: EncoderShape, activation: Activation): { model: OnnxModel; weights: readonly NeededWeight[] } {
  const writer = plainWriter(parameterSides(shape))
  const { ids, mask, types } = inputsOf(shape)
  const parts = plainParts(writer, shape, activation, ids)
  const x = embeddings(writer, parts, shape, { ids, types })
  const bias = shape.family === 'mpnet' ? relativePositions(writer, ids) : undefined
  const attend = ownAttention({ writer, parts, shape, mask, bias, sequence: 'sequence' })
  return { model: wholeModel(writer, shape, layers(parts, shape, attend, x), { opset: 17 }), weights: writer.weights }
}

/** What an encoder of this family is given. */
export function inputsOf({ family }: EncoderShape): { ids: string; mask: string; types: string | undefined } {
  return { ids: 'input_ids', mask: 'attention_mask', types: family === 'bert' ? 'token_type_ids' : undefined }
}

/** Attention and feed-forward part, as often as the shape says. */
export function layers(parts: Parts, shape: EncoderShape, attend: Attention, embedded: string): string {
  const names = layerNames[shape.family]
  let x = embedded
  for (let i = 0; i < shape.layers; i++) {
    const layer = `${names.list}.${i}`
    const attended = parts.residual(attend(x, layer), `${layer}.${names.output}`, x, `${layer}.${names.attentionNorm}`)
    const scope = shape.family === 'distilbert' ? `${layer}.ffn.activation` : `${layer}.intermediate.intermediate_act_fn`
    const inner = parts.activated(attended, `${layer}.${names.up}`, scope)
    x = parts.residual(inner, `${layer}.${names.down}`, attended, `${layer}.${names.outputNorm}`)
  }
  return x
}

/** @param last Name of the value that is the encoder's output */
export function wholeModel(
  { nodes, constants, double }: Pick<PlainWriter, 'double' | 'nodes' | 'constants'>,
  shape: EncoderShape,
  last: string,
  options: { readonly opset: number; readonly domains?: readonly string[] },
): OnnxModel {
  // Whatever the values are called, the output has the name that readers look for.
  const output = 'last_hidden_state'
  for (const node of nodes) node.output = node.output.map((name) => (name === last ? output : name))
  const sides = ['batch_size', 'sequence_length']
  const inputs = Object.values(inputsOf(shape)).filter((name) => name !== undefined)
  return model(
    { nodes, constants },
    inputs.map((name) => valueInfo(name, 'int64', sides)),
    [valueInfo(output, double ? 'float64' : 'float32', [...sides, shape.width])],
    options,
  )
}
