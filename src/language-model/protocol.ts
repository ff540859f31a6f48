import type { OnnxDType } from '../encoder/onnx/file.ts'
import type { ExitGate } from '../exit-gate.ts'
import type { Likelihood, Prompt } from './language-model.ts'

/** Loads a model into the worker, once. */
export interface LoadRequest {
  readonly directory: string
  /** Continues texts, or judges pairs of texts. */
  readonly kind: 'causal' | 'pair'
  readonly dtype: OnnxDType
  readonly threads: number
  readonly window: number | undefined
  readonly gate: ExitGate
}

export interface LoadResult {
  readonly id: string
  readonly window: number
}

export interface LikelihoodRequest {
  readonly prompts: readonly Prompt[]
}

export type LikelihoodResult = readonly Likelihood[]

export interface SampleRequest {
  readonly prompt: Omit<Prompt, 'answer'>
  readonly count: number
  readonly maxTokens: number
  readonly temperature: number
  readonly seed: number
}

export interface PairRequest {
  readonly pairs: readonly (readonly [first: string, second: string])[]
}

export interface PairResult {
  readonly scores: Float64Array
  /** Tokens read of each pair, special ones included. */
  readonly tokens: readonly number[]
  /** Tokens of the second text that the window left no room for. */
  readonly cut: readonly number[]
}
