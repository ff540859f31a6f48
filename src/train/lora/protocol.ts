import type { OnnxSource } from '../../encoder/onnx/source.ts'
import type { ExitGate } from '../../exit-gate.ts'

/** Opens a model for training in the worker, once. */
export interface OpenRequest {
  readonly source: OnnxSource
  /** Layers to change, as PEFT's `target_modules`. */
  readonly targets: readonly string[] | 'all-linear'
  readonly rank: number
  readonly scaling: number
  /** Tokens read of a query, and of a document that learns as well, special ones included. */
  readonly maxTokens: number
  readonly documentTokens: number
  readonly threads: number
  readonly gate: ExitGate
}

/** A layer that learns: its matrices lie one after another as the graph takes them, Aᵀ [inputs, rank] and then Bᵀ [rank, outputs]. */
export interface TrainedLayer {
  readonly module: string
  readonly inputs: number
  readonly outputs: number
}

export interface OpenResult {
  readonly dimensions: number
  readonly layers: readonly TrainedLayer[]
}

/** Memory that both threads see. */
export interface AttachRequest {
  /** The matrices of all layers. */
  readonly parameters: Float32Array
  /** Where a step leaves the loss's gradient with respect to them. */
  readonly gradient: Float32Array
}

export interface ReadRequest {
  /** Every text there is; later requests name them by their place. */
  readonly texts: readonly string[]
  /** How many of the first are queries; the others are documents. */
  readonly queries: number
}

export interface ForwardRequest {
  readonly queries: readonly number[]
}

/** The gradient of a loss with respect to the texts' vectors, one after another. */
export interface BackwardRequest extends ForwardRequest {
  readonly upstream: Float32Array
}

export interface ContrastRequest {
  readonly queries: readonly number[]
  /** Vectors of the batch's documents, one after another. */
  readonly documents: Float32Array
  /** For each query the column of its answer. */
  readonly targets: readonly number[]
  /** 1 where a column is another answer of the row's query. */
  readonly masked: Uint8Array
  readonly temperature: number
}

/** Elements of a layer's two matrices. */
export function sizesOf({ inputs, outputs }: TrainedLayer, rank: number): { readonly a: number; readonly b: number } {
  return { a: rank * inputs, b: outputs * rank }
}
