import type { ExitGate } from '../../exit-gate.ts'
import type { Pooling } from './settings.ts'

/** Loads a model into the worker, once. */
export interface LoadRequest {
  readonly directory: string
  /** The .onnx file. */
  readonly path: string
  readonly threads: number
  readonly gate: ExitGate
}

/** Asks for a way to use it. What is missing is read from the model's files. */
export interface OpenRequest {
  readonly pooling?: Pooling
  readonly normalize?: boolean
  readonly prompt?: string
  readonly maxTokens?: number
}

export interface OpenResult {
  readonly handle: number
  readonly id: string
  readonly dimensions: number
  readonly maxTokens: number
}

export interface EncodeRequest {
  readonly handle: number
  readonly texts: readonly string[]
}

export interface EncodeResult {
  /** All vectors, one after the other; transferred, not copied. */
  readonly vectors: Float32Array
  /** Of each text that was cut its tokens, special ones included; `undefined` for the others. */
  readonly truncated: readonly (number | undefined)[]
}
