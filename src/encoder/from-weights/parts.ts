import type { GraphWriter } from './graph-writer.ts'
import type { Activation, EncoderShape } from './shape.ts'

/** Writes the parts that all families share. Modules are named as PyTorch names them. */
export interface Parts {
  linear(x: string, module: string): string
  norm(x: string, module: string): string
  /** `norm(skip + linear(x))`. */
  residual(x: string, linear: string, skip: string, norm: string): string
  /** The activation of a linear layer. @param scope Module of the activation */
  activated(x: string, linear: string, scope: string): string
  /** Gives `x`, whose first sides are the batch and the sequence, these sides; -1 stands for what is left. */
  reshape(x: string, scope: string, sides: readonly ('batch' | 'sequence' | number)[]): string
}

/** Parts in as few nodes as opset 17 allows. */
export function plainParts(writer: GraphWriter, { epsilon }: Pick<EncoderShape, 'epsilon'>, activation: Activation, ids: string): Parts {
  const { op } = writer
  const activate = { gelu, gelu_tanh: tanhGelu, relu }[activation]
  const side = sidesOnce(writer, ids)
  const linear = (x: string, module: string): string => {
    const weight = writer.transposed(`${module}.weight`, `${module}.weight_transposed`)
    return op(module, 'Add', [writer.parameter(`${module}.bias`), op(module, 'MatMul', [x, weight])])
  }
  const norm = (x: string, module: string): string =>
    op(module, 'LayerNormalization', [x, writer.parameter(`${module}.weight`), writer.parameter(`${module}.bias`)], {
      axis: -1,
      epsilon: { float: epsilon },
    })

  return {
    linear,
    norm,
    residual: (x, module, skip, normModule) => norm(op(scopeAbove(normModule), 'Add', [linear(x, module), skip]), normModule),
    activated: (x, module, scope) => activate(writer, linear(x, module), scope),
    reshape(x, scope, wanted) {
      const sides = wanted.map((each) => (typeof each === 'number' ? writer.integers(scope, each) : side(each)))
      return op(scope, 'Reshape', [x, op(scope, 'Concat', sides, { axis: 0 })])
    },
  }
}

/** One side of a value, as a list of one, read where it is needed. */
export function sideOf(writer: GraphWriter, x: string, scope: string, axis: number): string {
  const side = writer.op(scope, 'Gather', [writer.op(scope, 'Shape', [x]), writer.integer(scope, axis)], { axis: 0 })
  return writer.op(scope, 'Unsqueeze', [side, writer.integers(scope, 0)])
}

/** Sides of the inputs, read at most once. */
export function sidesOnce(writer: GraphWriter, ids: string): (side: 'batch' | 'sequence') => string {
  const known = new Map<string, string>()
  return (side) => {
    const start = side === 'batch' ? 0 : 1
    const name = known.get(side) ?? writer.op('', 'Shape', [ids], { start, end: start + 1 })
    known.set(side, name)
    return name
  }
}

export function gelu({ op, number }: GraphWriter, x: string, scope: string): string {
  const error = op(scope, 'Erf', [op(scope, 'Div', [x, number(scope, Math.SQRT2)])])
  return op(scope, 'Mul', [op(scope, 'Mul', [x, op(scope, 'Add', [error, number(scope, 1)])]), number(scope, 0.5)])
}

export function tanhGelu({ op, number }: GraphWriter, x: string, scope: string): string {
  const half = op(scope, 'Mul', [x, number(scope, 0.5)])
  const cube = op(scope, 'Mul', [op(scope, 'Pow', [x, number(scope, 3)]), number(scope, 0.044715)])
  const inner = op(scope, 'Mul', [op(scope, 'Add', [x, cube]), number(scope, Math.sqrt(2 / Math.PI))])
  return op(scope, 'Mul', [half, op(scope, 'Add', [op(scope, 'Tanh', [inner]), number(scope, 1)])])
}

function relu({ op }: GraphWriter, x: string, scope: string): string {
  return op(scope, 'Relu', [x])
}

/** `encoder.layer.0.output` of `encoder.layer.0.output.LayerNorm`. */
export function scopeAbove(module: string): string {
  return module.slice(0, Math.max(0, module.lastIndexOf('.')))
}
