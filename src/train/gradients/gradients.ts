import type { GraphBuilder } from '../../onnx/builder.ts'
import type { OnnxNode } from '../../onnx/model.ts'

/** Sides of a value; `undefined` for those that vary with the batch or its length. */
export type Shape = readonly (number | undefined)[]

/** What a rule sees of the node it differentiates. */
export interface RuleContext {
  readonly node: OnnxNode
  /** Gradient of the loss with respect to the node's first output. */
  readonly dy: string
  /** The value of the first output itself, for rules such as softmax's that go by it. */
  readonly y: string
  readonly build: GradientBuilder
  /** @throws UnsupportedGraphError when the value was not probed */
  shape(value: string): Shape
  /** The one number a constant holds; `undefined` for anything else. */
  number(value: string | undefined): number | undefined
  /** The whole numbers a constant holds; `undefined` for anything else. */
  integers(value: string | undefined): readonly number[] | undefined
  /** Asks for a further output of the node, such as a layer normalisation's mean. */
  extraOutput(index: number): string
}

/** For each input of a node what makes the gradient with respect to it; only those that are needed are called. */
export type Gradients = readonly ((() => string) | undefined)[]

/** Reverse-mode differentiation of one operator: from the gradient of its output to those of its inputs. */
export type Rule = (context: RuleContext) => Gradients

/** Arithmetic on names of values. Scalars are constants. */
export interface GradientBuilder extends GraphBuilder {
  /** A constant of the graph's own precision. */
  numbers(values: Float32Array, sides: readonly number[]): string
  /** A whole number as one of the graph's own precision. */
  float(a: string): string
  add(a: string, b: string): string
  subtract(a: string, b: string): string
  multiply(a: string, b: string): string
  divide(a: string, b: string): string
  negate(a: string): string
  scale(a: string, factor: number): string
  matmul(a: string, b: string): string
  /** Swaps the last two sides of a value of this rank. */
  turned(a: string, rank: number): string
  transpose(a: string, order: readonly number[]): string
  /** Sum over sides, which stay as ones unless `drop`. */
  sum(a: string, sides: readonly number[], drop?: boolean): string
  reshape(a: string, ...sides: number[]): string
  /** `a` in the shape that `like` has when the graph runs. */
  reshapedLike(a: string, like: string): string
}
