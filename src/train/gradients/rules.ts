import { UnsupportedGraphError } from '../../errors.ts'
import { attribute } from '../../onnx/builder.ts'
import type { OnnxNode } from '../../onnx/model.ts'
import type { Rule, RuleContext, Shape } from './gradients.ts'

/** Broadcasting repeats a value along some sides; its gradient is the sum over them. */
function summedTo(context: RuleContext, gradient: string, from: Shape, to: Shape): string {
  const { build } = context
  const extra = from.length - to.length
  const leading = Array.from({ length: extra }, (_, i) => i)
  const repeated = to.flatMap((side, i) => (side === 1 && from[i + extra] !== 1 ? [i + extra] : []))
  const kept = repeated.length > 0 ? build.sum(gradient, repeated) : gradient
  return leading.length > 0 ? build.sum(kept, leading, true) : kept
}

/** Gradients of an operator that broadcasts two inputs, before the broadcast is undone. */
function broadcast(gradients: (context: RuleContext, a: string, b: string) => readonly [() => string, () => string]): Rule {
  return (context) => {
    const { node, y, shape } = context
    const [a, b] = node.input as [string, string]
    return gradients(context, a, b).map((make, i) => () => summedTo(context, make(), shape(y), shape(node.input[i]!)))
  }
}

/** An operator that takes each number to a number: dx = dy · f′(x). */
function elementwise(derivative: (context: RuleContext, x: string) => string): Rule {
  return (context) => [() => context.build.multiply(context.dy, derivative(context, context.node.input[0]!))]
}

/** An operator that only reorders or renames sides in place: its gradient takes the shape of the input. */
const reshaping: Rule = ({ node, dy, build }) => [() => build.reshapedLike(dy, node.input[0]!)]

const reduction = (mean: boolean): Rule => {
  return (context) => {
    const { node, dy, y, build, shape } = context
    const x = node.input[0]!
    const from = shape(x)
    const sides = sidesOf(context, from.length)
    return [
      () => {
        const kept = attribute(node, 'keepdims') !== 0 ? dy : unsqueezed(context, dy, sides)
        const spread = build.node('Expand', [kept, build.node('Shape', [x])])
        if (!mean) return spread
        const count = sides.reduce<number | undefined>((product, side) => {
          const length = from[side]
          return product === undefined || length === undefined ? undefined : product * length
        }, 1)
        if (count === undefined)
          return build.divide(spread, build.float(build.node('Div', [build.node('Size', [x]), build.node('Size', [y])])))
        return build.scale(spread, 1 / count)
      },
    ]
  }
}

/** The sides a reduction goes over, none negative. */
function sidesOf({ node, integers }: RuleContext, rank: number): number[] {
  const given = (attribute(node, 'axes') as readonly number[] | undefined) ?? integers(node.input[1])
  if (!given && node.input[1]) throw new UnsupportedGraphError(node.name, node.opType, 'reduces sides that are only known at run time')
  return (given ?? Array.from({ length: rank }, (_, i) => i)).map((side) => (side < 0 ? side + rank : side)).sort((a, b) => a - b)
}

/** Puts ones back where sides were dropped. */
function unsqueezed({ build, shape, y }: RuleContext, value: string, sides: readonly number[]): string {
  if (shape(y).length === 0) return value
  return build.node('Unsqueeze', [value, build.integers(...sides)])
}

/** The last side, which is the only one encoders take a softmax along. */
function lastSide({ node, shape }: RuleContext): number {
  const rank = shape(node.input[0]!).length
  const axis = (attribute(node, 'axis') as number | undefined) ?? -1
  if ((axis < 0 ? axis + rank : axis) !== rank - 1)
    throw new UnsupportedGraphError(node.name, node.opType, `goes along side ${axis} of ${rank}, not the last`)
  return rank - 1
}

const matmul: Rule = (context) => {
  const { node, dy, y, build, shape } = context
  const [a, b] = node.input as [string, string]
  const [from, left, right] = [shape(y), shape(a), shape(b)]
  if (left.length < 2 || right.length < 2) throw new UnsupportedGraphError(node.name, node.opType, 'multiplies a vector')
  return [
    () => summedTo(context, build.matmul(dy, build.turned(b, right.length)), [...from.slice(0, -2), 2, 2], [...left.slice(0, -2), 2, 2]),
    () => {
      if (right.length > 2)
        return summedTo(
          context,
          build.matmul(build.turned(a, left.length), dy),
          [...from.slice(0, -2), 2, 2],
          [...right.slice(0, -2), 2, 2],
        )
      // A matrix for all samples: all rows of the batch in one product.
      const rows = (value: string, columns: number | undefined, rank: number): string =>
        rank === 2
          ? value
          : columns === undefined
            ? build.node('Flatten', [value], { attributes: { axis: rank - 1 } })
            : build.reshape(value, -1, columns)
      return build.matmul(build.turned(rows(a, left.at(-1), left.length), 2), rows(dy, from.at(-1), from.length))
    },
  ]
}

const gemm: Rule = (context) => {
  const { node, dy, y, build, shape } = context
  const [a, b, c] = node.input as [string, string, string?]
  const [turnA, turnB] = [attribute(node, 'transA') === 1, attribute(node, 'transB') === 1]
  const alpha = (attribute(node, 'alpha') as number | undefined) ?? 1
  const beta = (attribute(node, 'beta') as number | undefined) ?? 1
  const scaled = (value: string, factor: number): string => (factor === 1 ? value : build.scale(value, factor))
  const turn = (value: string, whether: boolean): string => (whether ? build.turned(value, 2) : value)
  return [
    () => scaled(turnA ? build.matmul(turn(b, turnB), build.turned(dy, 2)) : build.matmul(dy, turn(b, !turnB)), alpha),
    () => scaled(turnB ? build.matmul(build.turned(dy, 2), turn(a, turnA)) : build.matmul(turn(a, !turnA), dy), alpha),
    c === undefined ? undefined : () => scaled(summedTo(context, dy, shape(y), shape(c)), beta),
  ]
}

/** y = γ·x̂ + β with x̂ = (x − mean) / deviation: the node itself tells mean and 1 / deviation. */
const layerNormalization: Rule = (context) => {
  const { node, dy, build, shape } = context
  const [x, gamma] = node.input as [string, string, string?]
  const from = shape(x)
  const width = from.at(-1)
  const axis = (attribute(node, 'axis') as number | undefined) ?? -1
  if (width === undefined || (axis !== -1 && axis !== from.length - 1))
    throw new UnsupportedGraphError(node.name, node.opType, 'normalises more than the last side')
  const last = [from.length - 1]
  const normalized = (): string => build.multiply(build.subtract(x, context.extraOutput(1)), context.extraOutput(2))
  const mean = (value: string): string => build.scale(build.sum(value, last), 1 / width)
  return [
    () => {
      const upstream = build.multiply(dy, gamma)
      const unit = normalized()
      const along = build.multiply(unit, mean(build.multiply(upstream, unit)))
      return build.multiply(build.subtract(build.subtract(upstream, mean(upstream)), along), context.extraOutput(2))
    },
    () => summedTo(context, build.multiply(dy, normalized()), from, shape(gamma)),
    () => summedTo(context, dy, from, shape(gamma)),
  ]
}

const softmax: Rule = (context) => {
  const { dy, y, build } = context
  return [
    () => {
      const side = lastSide(context)
      return build.multiply(build.subtract(dy, build.sum(build.multiply(dy, y), [side])), y)
    },
  ]
}

const logSoftmax: Rule = (context) => {
  const { dy, y, build } = context
  return [
    () => {
      const side = lastSide(context)
      return build.subtract(dy, build.multiply(build.node('Exp', [y]), build.sum(dy, [side])))
    },
  ]
}

/** Φ(x) + x·φ(x), or the derivative of the approximation by tanh; as the node says unless told. */
const gelu = (form?: 'erf' | 'tanh'): Rule =>
  elementwise(({ node, y, build }, x) => {
    const { add, multiply, scale, scalar } = build
    if ((form ?? attribute(node, 'approximate')) === 'tanh') {
      const c = Math.sqrt(2 / Math.PI)
      const square = multiply(x, x)
      const t = build.node('Tanh', [scale(multiply(x, add(scale(square, 0.044715), scalar(1))), c)])
      const inner = scale(add(scale(square, 3 * 0.044715), scalar(1)), c)
      const slope = multiply(build.subtract(scalar(1), multiply(t, t)), inner)
      return scale(add(add(t, scalar(1)), multiply(x, slope)), 0.5)
    }
    // Φ(x) = y / x, with a nudge that keeps 0 / 0 away: the error function need not be computed again.
    const cumulative = build.divide(y, add(x, scalar(1e-30)))
    const density = scale(build.node('Exp', [scale(multiply(x, x), -0.5)]), 1 / Math.sqrt(2 * Math.PI))
    return add(cumulative, multiply(x, density))
  })

const power: Rule = (context) => {
  const { node, dy, build } = context
  const [x, exponent] = node.input as [string, string]
  const n = context.number(exponent)
  if (n === undefined) throw new UnsupportedGraphError(node.name, node.opType, 'has an exponent that is not one constant number')
  return [() => build.multiply(dy, build.scale(n === 2 ? x : build.node('Pow', [x, build.scalar(n - 1)]), n))]
}

const transposed: Rule = ({ node, dy, build, shape }) => [
  () => {
    const rank = shape(node.input[0]!).length
    const order = (attribute(node, 'perm') as readonly number[] | undefined) ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)
    const back = order.map((_, i) => order.indexOf(i))
    return build.transpose(dy, back)
  },
]

const concat: Rule = (context) => {
  const { node, dy, build, shape } = context
  const rank = shape(node.input[0]!).length
  const given = attribute(node, 'axis') as number
  const axis = given < 0 ? given + rank : given
  const widths = node.input.map((input) => shape(input)[axis])
  return node.input.map((_, i) => () => {
    if (widths.some((width) => width === undefined))
      throw new UnsupportedGraphError(node.name, node.opType, 'joins values along a side that varies')
    const start = (widths as number[]).slice(0, i).reduce((sum, width) => sum + width, 0)
    return build.node('Slice', [dy, build.integers(start), build.integers(start + widths[i]!), build.integers(axis)])
  })
}

/** Rows or items by constant places: the gradient goes back to where they came from. */
const gather: Rule = (context) => {
  const { node, dy, build, shape, integers, number } = context
  const [data, indices] = node.input as [string, string]
  const from = shape(data)
  const given = (attribute(node, 'axis') as number | undefined) ?? 0
  const axis = given < 0 ? given + from.length : given
  const width = from[axis]
  const places = number(indices) !== undefined ? [number(indices)!] : integers(indices)
  return [
    () => {
      if (!places || width === undefined)
        throw new UnsupportedGraphError(node.name, node.opType, 'looks up places that are only known at run time')
      const lacks = shape(indices).length === 0
      const part = lacks ? build.node('Unsqueeze', [dy, build.integers(axis)]) : dy
      // A product with the matrix of places puts each item back, and adds those taken more than once.
      const back = new Float32Array(places.length * width)
      places.forEach((place, i) => (back[i * width + (place < 0 ? place + width : place)] = 1))
      const order = from.map((_, i) => i)
      const swapped = order.map((side) => (side === axis ? from.length - 1 : side === from.length - 1 ? axis : side))
      const matrix = build.numbers(back, [places.length, width])
      if (axis === from.length - 1) return build.matmul(part, matrix)
      return build.transpose(build.matmul(build.transpose(part, swapped), matrix), swapped)
    },
  ]
}

/** Zeros around the gradient, where the slice left values out. */
const slice: Rule = (context) => {
  const { node, dy, build, shape, integers } = context
  const from = shape(node.input[0]!)
  const [starts, ends] = [integers(node.input[1]), integers(node.input[2])]
  const sides = node.input[3] ? integers(node.input[3]) : starts?.map((_, i) => i)
  const strides = node.input[4] ? integers(node.input[4]) : undefined
  return [
    () => {
      if (!starts || !ends || !sides || strides?.some((stride) => stride !== 1))
        throw new UnsupportedGraphError(node.name, node.opType, 'cuts at places that are only known at run time')
      const before = from.map(() => 0)
      const after = from.map(() => 0)
      sides.forEach((side, i) => {
        const axis = side < 0 ? side + from.length : side
        const width = from[axis]
        if (width === undefined) throw new UnsupportedGraphError(node.name, node.opType, 'cuts a side that varies')
        const at = (place: number): number => Math.min(width, Math.max(0, place < 0 ? place + width : place))
        before[axis] = at(starts[i]!)
        after[axis] = width - at(ends[i]!)
      })
      return build.node('Pad', [dy, build.integers(...before, ...after)])
    },
  ]
}

const where: Rule = (context) => {
  const { node, dy, y, build, shape } = context
  const [condition, a, b] = node.input as [string, string, string]
  const zero = build.scalar(0)
  return [
    undefined,
    () => summedTo(context, build.node('Where', [condition, dy, zero]), shape(y), shape(a)),
    () => summedTo(context, build.node('Where', [condition, zero, dy]), shape(y), shape(b)),
  ]
}

const cast: Rule = ({ node, dy }) => {
  const to = attribute(node, 'to')
  if (to !== 1 && to !== 11)
    throw new UnsupportedGraphError(node.name, node.opType, 'turns numbers into whole ones, which have no gradient')
  return [() => dy]
}

/** Every operator that a gradient can pass through. */
export const rules: Readonly<Record<string, Rule>> = {
  Add: broadcast(({ dy }) => [() => dy, () => dy]),
  Sub: broadcast(({ dy, build }) => [() => dy, () => build.negate(dy)]),
  Mul: broadcast(({ dy, build }, a, b) => [() => build.multiply(dy, b), () => build.multiply(dy, a)]),
  Div: broadcast(({ dy, y, build }, _, b) => [() => build.divide(dy, b), () => build.negate(build.divide(build.multiply(dy, y), b))]),
  Pow: power,
  Neg: ({ dy, build }) => [() => build.negate(dy)],
  Identity: ({ dy }) => [() => dy],
  Dropout: ({ dy }) => [() => dy],
  Cast: cast,
  Sqrt: ({ dy, y, build }) => [() => build.scale(build.divide(dy, y), 0.5)],
  Exp: ({ dy, y, build }) => [() => build.multiply(dy, y)],
  Log: ({ node, dy, build }) => [() => build.divide(dy, node.input[0]!)],
  Erf: elementwise(({ build }, x) => build.scale(build.node('Exp', [build.negate(build.multiply(x, x))]), 2 / Math.sqrt(Math.PI))),
  Tanh: ({ dy, y, build }) => [() => build.multiply(dy, build.subtract(build.scalar(1), build.multiply(y, y)))],
  Sigmoid: ({ dy, y, build }) => [() => build.multiply(dy, build.multiply(y, build.subtract(build.scalar(1), y)))],
  Relu: ({ dy, y, build }) => [() => build.node('Where', [build.node('Greater', [y, build.scalar(0)]), dy, build.scalar(0)])],
  Gelu: gelu(),
  MatMul: matmul,
  Gemm: gemm,
  Softmax: softmax,
  LogSoftmax: logSoftmax,
  LayerNormalization: layerNormalization,
  ReduceSum: reduction(false),
  ReduceMean: reduction(true),
  Reshape: reshaping,
  Flatten: reshaping,
  Squeeze: reshaping,
  Unsqueeze: reshaping,
  Transpose: transposed,
  Concat: concat,
  Gather: gather,
  Slice: slice,
  Where: where,
  Expand: (context) => {
    const { node, dy, y, shape } = context
    return [() => summedTo(context, dy, shape(y), shape(node.input[0]!))]
  },
}

/** onnxruntime's own operators that are kept as they are. */
const contributed: Readonly<Record<string, Rule>> = {
  Gelu: gelu('erf'),
  FastGelu: gelu('tanh'),
}

/** The rule for a node, if there is one. */
export function ruleOf({ domain, opType }: OnnxNode): Rule | undefined {
  const known = domain === 'com.microsoft' ? contributed : domain === '' || domain === 'ai.onnx' ? rules : {}
  return Object.hasOwn(known, opType) ? known[opType] : undefined
}
