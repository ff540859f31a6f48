import type { ErrorMessage } from '../../errors.ts'
import type { ExitGate } from '../../exit-gate.ts'
import type { Building } from '../from-weights/config.ts'
import type { LoraWeights } from '../lora/weights.ts'
import type { Pooling } from './settings.ts'
import type { ThreadPlan } from './thread-plan.ts'

/** Loads a model into the worker, once. */
export interface LoadRequest {
  readonly directory: string
  /** The .onnx file. */
  readonly path: string
  /** How to make it, where it may not be there yet. */
  readonly building?: Building
  /** The file that `path` is made of, where it is a quantised one that may not be there yet. */
  readonly quantising?: { readonly from: string }
  /** Of all sessions of the model together. */
  readonly threads: number
  /** For a session beside the first: its own threads, and the hash that the first found. */
  readonly beside?: { readonly threads: number; readonly hash: string }
  readonly gate: ExitGate
}

export interface LoadResult {
  readonly hash: string
  readonly plan: ThreadPlan
}

/** Asks for a way to use it. What is missing is read from the model's files. */
export interface OpenRequest {
  readonly pooling?: Pooling
  readonly normalize?: boolean
  readonly prompt?: string
  readonly maxTokens?: number
}

/** The same, to be known as `handle` from then on: one number means one way in all sessions of a model. */
export interface NamedOpenRequest extends OpenRequest {
  readonly handle: number
}

export interface OpenResult {
  readonly handle: number
  readonly id: string
  readonly dimensions: number
  readonly maxTokens: number
}

/** Asks for a way to use the model with a change to it, else as `base` does. */
export interface AdaptRequest {
  readonly handle: number
  readonly base: number
  readonly weights: LoraWeights
}

/** Gives up what `adapt` gave. */
export interface ForgetRequest {
  readonly handle: number
}

export interface EncodeRequest {
  readonly texts: readonly string[]
  /** For each text in which way the model is used. */
  readonly handles: readonly number[]
}

export interface EncodeResult {
  /** All vectors, one after the other; transferred, not copied. */
  readonly vectors: Float32Array
  /** Of each text that was cut its tokens, special ones included; `undefined` for the others. */
  readonly truncated: readonly (number | undefined)[]
  /** Positions of texts whose vectors are no numbers, and what to say about them. */
  readonly failed?: { readonly positions: readonly number[]; readonly error: ErrorMessage }
}
