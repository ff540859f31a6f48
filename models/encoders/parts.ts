import { gelu, scopeAbove, sideOf, sidesOnce, tanhGelu, type Parts } from '../../src/encoder/from-weights/parts.ts'
import type { Activation } from '../../src/encoder/from-weights/shape.ts'
import type { Scribe } from './scribe.ts'
import type { EncoderShape } from './shapes.ts'
import type { Style } from './styles.ts'

/** Parts in one style. */
export function partsOf(
  scribe: Scribe,
  style: Style,
  { shape, activation, ids }: { readonly shape: EncoderShape; readonly activation: Exclude<Activation, 'relu'>; readonly ids: string },
): Parts {
  const { op } = scribe
  let weights = 700
  let folded = 0

  const product = (x: string, module: string): string => {
    const name = `${module}.weight`
    const weight =
      style.weights === 'turned'
        ? op(module, 'Transpose', [scribe.parameter(name)], { perm: [1, 0] })
        : scribe.transposed(name, style.weights === 'renamed' ? `onnx::MatMul_${weights++}` : `weight_${folded++}`)
    return op(module, 'MatMul', [x, weight])
  }
  const bias = (module: string): string => scribe.parameter(`${module}.bias`)
  // torch.onnx puts the bias first, dynamo last.
  const linear = (x: string, module: string): string =>
    op(module, 'Add', style.hand.names === 'path' ? [bias(module), product(x, module)] : [product(x, module), bias(module)])
  const norm = (x: string, module: string): string =>
    style.norm === 'parts'
      ? normInParts(scribe, x, module, shape.epsilon, style.opset)
      : op(module, 'LayerNormalization', [x, scribe.parameter(`${module}.weight`), bias(module)], {
          axis: -1,
          epsilon: { float: shape.epsilon },
        })
  const sides = sidesOnce(scribe, ids)

  return {
    linear,
    norm,
    residual(x, module, skip, normModule) {
      if (style.norm !== 'skip') return norm(op(scopeAbove(normModule), 'Add', [linear(x, module), skip]), normModule)
      const inputs = [product(x, module), skip, scribe.parameter(`${normModule}.weight`), bias(normModule), bias(module)]
      return op(normModule, 'SkipLayerNormalization', inputs, { epsilon: { float: shape.epsilon } }, 'com.microsoft')
    },
    activated(x, module, scope) {
      if (style.gelu === 'bias')
        return op(scope, activation === 'gelu' ? 'BiasGelu' : 'FastGelu', [product(x, module), bias(module)], {}, 'com.microsoft')
      const value = linear(x, module)
      if (style.gelu === 'one' && !scribe.double)
        return op(scope, 'Gelu', [value], { approximate: activation === 'gelu' ? 'none' : 'tanh' })
      if (activation === 'gelu_tanh') return tanhGelu(scribe, value, scope)
      return style.gelu === 'parts' ? gelu(scribe, value, scope) : halvedGelu(scribe, value, scope)
    },
    reshape(x, scope, wanted) {
      if (style.reshape === 'zeros')
        return op(scope, 'Reshape', [x, scribe.integers(scope, ...wanted.map((side) => (typeof side === 'number' ? side : 0)))])
      const parts = wanted.map((side) => {
        if (typeof side === 'number') return scribe.integers(scope, side)
        return style.reshape === 'once' ? sides(side) : sideOf(scribe, x, scope, side === 'batch' ? 0 : 1)
      })
      return op(scope, 'Reshape', [x, op(scope, 'Concat', parts, { axis: 0 })])
    },
  }
}

function normInParts(scribe: Scribe, x: string, module: string, epsilon: number, opset: number): string {
  const { op, number } = scribe
  const mean = (value: string): string =>
    opset < 18
      ? op(module, 'ReduceMean', [value], { axes: [-1] })
      : op(module, 'ReduceMean', [value, scribe.integers(module, -1)], { keepdims: 1 })
  const centred = op(module, 'Sub', [x, mean(x)])
  const variance = mean(op(module, 'Pow', [centred, number(module, 2)]))
  const deviation = op(module, 'Sqrt', [op(module, 'Add', [variance, number(module, epsilon)])])
  const scaled = op(module, 'Mul', [op(module, 'Div', [centred, deviation]), scribe.parameter(`${module}.weight`)])
  return op(module, 'Add', [scaled, scribe.parameter(`${module}.bias`)])
}

function halvedGelu({ op, number }: Scribe, x: string, scope: string): string {
  const error = op(scope, 'Erf', [op(scope, 'Div', [x, number(scope, Math.SQRT2)])])
  return op(scope, 'Mul', [x, op(scope, 'Mul', [number(scope, 0.5), op(scope, 'Add', [number(scope, 1), error])])])
}
