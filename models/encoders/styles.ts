import type { Hand } from './scribe.ts'

/** What an exporter makes of the parts of an encoder. */
export interface Style {
  readonly opset: number
  readonly hand: Omit<Hand, 'double'>
  /**
   * A linear layer's weight: turned beforehand and renamed, with `onnx::MatMul_` or like a computed value, or turned in the graph under
   * its own name.
   */
  readonly weights: 'renamed' | 'folded' | 'turned'
  /** `parts`: mean, difference, square, root and so on; `skip`: together with the sum before it, from com.microsoft. */
  readonly norm: 'parts' | 'one' | 'skip'
  /** `parts` and `halved` differ in where the half goes; `bias`: together with the bias before it, from com.microsoft. */
  readonly gelu: 'parts' | 'halved' | 'one' | 'bias'
  /** How sides come to be: from the shape of the value at hand, from the inputs once and for all, or as zeros that keep a side. */
  readonly reshape: 'chain' | 'once' | 'zeros'
  /** `eager`: as the family's own code says; `scaled`: PyTorch's scaled_dot_product_attention; `squeezed`: the same through three sides;
   * `one`: com.microsoft's Attention with query, key and value in one weight. */
  readonly attention: 'eager' | 'scaled' | 'squeezed' | 'one'
  /** What scaled attention is given: `added`: numbers that hide padding; `boolean`: truth values, and rows that are all hidden made zero. */
  readonly mask: 'added' | 'boolean'
}

const torchscript: Style = {
  opset: 14,
  hand: { names: 'path', constants: 'nodes', shared: true },
  weights: 'renamed',
  norm: 'parts',
  gelu: 'parts',
  reshape: 'chain',
  attention: 'eager',
  mask: 'added',
}
const dynamo: Style = {
  opset: 20,
  hand: { names: 'number', constants: 'initialisers', shared: false },
  weights: 'turned',
  norm: 'one',
  gelu: 'one',
  reshape: 'once',
  attention: 'squeezed',
  mask: 'boolean',
}
const fused: Style = {
  ...torchscript,
  opset: 17,
  hand: { names: 'path', constants: 'initialisers', shared: false },
  norm: 'skip',
  gelu: 'bias',
  reshape: 'zeros',
}

const sdpa: Style = { ...torchscript, opset: 17, norm: 'one', attention: 'scaled' }

/** The forms in which published encoders are found. */
export const styles = {
  /** torch.onnx without dynamo, before opset 17: most of what optimum and repositories for transformers.js hold. */
  torchscript,
  /** The same for opset 18, where reductions take their axes as an input. */
  'torchscript-18': { ...torchscript, opset: 18 },
  /** With transformers from 4.41 on: LayerNormalization in one node, scaled queries and keys, an expanded mask. */
  sdpa,
  /** With transformers 5: the mask is one of truth values. */
  'sdpa-boolean': { ...sdpa, mask: 'boolean' },
  /** torch.onnx with dynamo and without its optimiser: weights by their names, turned in the graph. */
  dynamo,
  /** What torch.onnx writes today, for opset 18: weights are turned and have lost their names, GELU is in parts. */
  'dynamo-folded': { ...dynamo, opset: 18, weights: 'folded', gelu: 'halved' },
  /** onnxruntime's transformer optimiser, without attention. */
  fused,
  /** The same with attention. */
  'fused-attention': { ...fused, attention: 'one' },
} as const satisfies Readonly<Record<string, Style>>

export type StyleName = keyof typeof styles
