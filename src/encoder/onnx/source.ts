import type { Encoder } from '../encoder.ts'
import type { OpenRequest } from './protocol.ts'

/** Where an ONNX encoder comes from, and how it uses its model: enough to train on the same. */
export interface OnnxSource {
  readonly directory: string
  /** The .onnx file. */
  readonly path: string
  readonly view: OpenRequest
}

const sources = new WeakMap<Encoder, OnnxSource>()

export function rememberSource(encoder: Encoder, source: OnnxSource): Encoder {
  sources.set(encoder, source)
  return encoder
}

/** `undefined` for an encoder that is no ONNX model of this process. */
export function sourceOf(encoder: Encoder): OnnxSource | undefined {
  return sources.get(encoder)
}
