import { realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { OnnxModel, OnnxTensor } from '../../onnx/model.ts'
import { message, writeOnnx } from '../../onnx/protobuf.ts'

/** A model that was changed in memory: a small file's bytes, and the folder of the files in which its weights lie. */
export interface ChangedModel {
  readonly bytes: Uint8Array
  readonly folder: string
}

/** Bytes of a tensor from which on it stays in its file. onnxruntime looks into smaller ones while it prepares a graph. */
const small = 4_096

/**
 * Writes a changed model so that its large weights are read from the file it came from, which onnxruntime maps: twice the model in
 * memory would be needed otherwise.
 * @param path The file `original` was read from.
 * @param original Its bytes, of which the model's weights are views.
 */
export async function withWeightsInPlace(model: OnnxModel, path: string, original: Uint8Array): Promise<ChangedModel> {
  const { graph } = model
  if (graph.initializer.some(({ dataLocation }) => dataLocation !== 0)) return { bytes: writeOnnx(model), folder: dirname(path) }
  // onnxruntime follows no link that leads out of the folder.
  const real = await realpath(path)
  const initializer = graph.initializer.map((tensor): OnnxTensor => {
    const { name, dims, dataType, rawData } = tensor
    if (rawData.length < small || rawData.buffer !== original.buffer) return tensor
    const place = { location: basename(real), offset: rawData.byteOffset - original.byteOffset, length: rawData.length }
    const externalData = Object.entries(place).map(([key, value]) => message<object>('Entry', { key, value: String(value) }))
    return message<OnnxTensor>('TensorProto', { name, dims, dataType, dataLocation: 1, externalData })
  })
  return { bytes: writeOnnx({ ...model, graph: { ...graph, initializer } }), folder: dirname(real) }
}
