import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { graphBuilder, model, valueInfo, type AttributeValue } from '../../../src/onnx/builder.ts'
import { tensor } from '../../../src/onnx/tensor.ts'
import { ruleOf, rules } from '../../../src/train/gradients/rules.ts'
import { node } from '../../../src/onnx/builder.ts'
import { random } from '../../../src/train/random.ts'
import { compare, type Parameters } from './central-differences.ts'

interface Case {
  readonly operator: string
  readonly domain?: string
  /** Sides of the inputs that learn; `B` and `S` vary. */
  readonly inputs: readonly (readonly (number | 'B' | 'S')[])[]
  readonly attributes?: Readonly<Record<string, AttributeValue>>
  /** Further inputs that are constants: whole numbers, or one number. */
  readonly constants?: readonly (readonly number[] | number)[]
  /** Where constants stand, when not at the end. */
  readonly first?: boolean
  /** The operator wants numbers above zero. */
  readonly positive?: boolean
  /** onnxruntime has it in float32 only. */
  readonly single?: boolean
  readonly note?: string
}

const cases: readonly Case[] = [
  { operator: 'Add', inputs: [['B', 'S', 4], [4]] },
  {
    operator: 'Add',
    inputs: [
      ['B', 1, 4],
      ['B', 'S', 4],
    ],
    note: 'repeated along a side',
  },
  { operator: 'Sub', inputs: [[4], ['B', 'S', 4]] },
  {
    operator: 'Mul',
    inputs: [
      ['B', 'S', 4],
      ['S', 1],
    ],
  },
  { operator: 'Mul', inputs: [['B', 'S', 4], []], note: 'by one number' },
  {
    operator: 'Div',
    inputs: [
      ['B', 'S', 4],
      ['B', 'S', 1],
    ],
    positive: true,
  },
  { operator: 'Pow', inputs: [['B', 4]], constants: [3], positive: true },
  { operator: 'Pow', inputs: [['B', 4]], constants: [2], note: 'a square' },
  { operator: 'Neg', inputs: [['B', 4]] },
  { operator: 'Identity', inputs: [['B', 4]] },
  { operator: 'Dropout', inputs: [['B', 4]], single: true },
  { operator: 'Cast', inputs: [['B', 4]], attributes: { to: 11 } },
  { operator: 'Sqrt', inputs: [['B', 4]], positive: true },
  { operator: 'Exp', inputs: [['B', 4]] },
  { operator: 'Log', inputs: [['B', 4]], positive: true },
  { operator: 'Erf', inputs: [['B', 4]], single: true },
  { operator: 'Tanh', inputs: [['B', 4]] },
  { operator: 'Sigmoid', inputs: [['B', 4]] },
  { operator: 'Relu', inputs: [['B', 4]] },
  { operator: 'Gelu', inputs: [['B', 4]], single: true },
  { operator: 'Gelu', inputs: [['B', 4]], attributes: { approximate: 'tanh' }, single: true, note: 'by tanh' },
  { operator: 'Gelu', domain: 'com.microsoft', inputs: [['B', 4]], single: true },
  { operator: 'FastGelu', domain: 'com.microsoft', inputs: [['B', 4]], single: true },
  {
    operator: 'MatMul',
    inputs: [
      ['B', 'S', 4],
      [4, 3],
    ],
    note: 'one matrix for all',
  },
  {
    operator: 'MatMul',
    inputs: [
      ['B', 2, 'S', 4],
      ['B', 2, 4, 'S'],
    ],
    note: 'one for each',
  },
  {
    operator: 'MatMul',
    inputs: [
      ['B', 1, 'S', 4],
      [2, 4, 3],
    ],
    note: 'repeated on both sides',
  },
  {
    operator: 'MatMul',
    inputs: [
      ['B', 4],
      [4, 3],
    ],
    note: 'two matrices',
  },
  { operator: 'Gemm', inputs: [['B', 4], [4, 3], [3]] },
  {
    operator: 'Gemm',
    inputs: [
      [4, 'B'],
      [3, 4],
      ['B', 1],
    ],
    attributes: { transA: 1, transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } },
  },
  { operator: 'Softmax', inputs: [['B', 'S', 4]], attributes: { axis: -1 } },
  { operator: 'LogSoftmax', inputs: [['B', 'S']], attributes: { axis: 1 } },
  { operator: 'LayerNormalization', inputs: [['B', 'S', 4], [4], [4]], attributes: { axis: -1, epsilon: { float: 1e-5 } }, single: true },
  { operator: 'LayerNormalization', inputs: [['B', 4], [4]], attributes: { axis: 1 }, single: true, note: 'without an offset' },
  { operator: 'ReduceSum', inputs: [['B', 'S', 4]], constants: [[1]], attributes: { keepdims: 0 } },
  { operator: 'ReduceSum', inputs: [['B', 'S', 4]], note: 'of everything' },
  { operator: 'ReduceMean', inputs: [['B', 'S', 4]], constants: [[-1]] },
  { operator: 'ReduceMean', inputs: [['B', 'S', 4]], constants: [[0, 1]], attributes: { keepdims: 0 }, note: 'over sides that vary' },
  { operator: 'Reshape', inputs: [['B', 'S', 4]], constants: [[0, -1, 2, 2]] },
  { operator: 'Flatten', inputs: [['B', 'S', 4]] },
  { operator: 'Squeeze', inputs: [['B', 1, 4]], constants: [[1]] },
  { operator: 'Unsqueeze', inputs: [['B', 4]], constants: [[1]] },
  { operator: 'Transpose', inputs: [['B', 'S', 2, 4]], attributes: { perm: [0, 2, 3, 1] } },
  { operator: 'Transpose', inputs: [['B', 'S', 4]], note: 'back to front' },
  {
    operator: 'Concat',
    inputs: [
      ['B', 3],
      ['B', 4],
    ],
    attributes: { axis: -1 },
  },
  { operator: 'Gather', inputs: [['B', 4]], constants: [[2, 0, 2]], attributes: { axis: 1 }, note: 'one item twice' },
  { operator: 'Gather', inputs: [['B', 4, 3]], constants: [[-1]], attributes: { axis: 1 } },
  { operator: 'Slice', inputs: [['B', 'S', 6]], constants: [[1], [-2], [2]] },
  {
    operator: 'Where',
    inputs: [
      ['B', 4],
      [1, 4],
    ],
    constants: [[1, 0, 0, 1]],
    first: true,
  },
  { operator: 'Expand', inputs: [['B', 1, 4]], constants: [[1, 5, 1]] },
]

/** The loss: each output times a weight of its own, squared and not, added up. */
async function gradientOf({ operator, domain = '', inputs, attributes = {}, constants = [], first, positive, single = false }: Case) {
  const type = single ? 'float32' : 'float64'
  const generator = random(7, operator.length, inputs.length)
  const build = graphBuilder('', { double: !single })
  const sizes = [
    { B: 3, S: 5 },
    { B: 4, S: 7 },
  ]
  const names = inputs.map((_, i) => `x${i}`)
  const sidesAt = (sides: Case['inputs'][number], size: { B: number; S: number }): number[] =>
    sides.map((side) => (typeof side === 'number' ? side : size[side]))
  const fixed = constants.map((value) => {
    if (typeof value === 'number') return build.scalar(value)
    if (operator !== 'Where') return build.integers(...value)
    const condition = tensor('condition', [value.length], Uint8Array.from(value))
    condition.dataType = 9
    build.constants.push(condition)
    return 'condition'
  })
  const y = build.node(operator, first ? [...fixed, ...names] : [...names, ...fixed], { attributes, domain })
  // Neither linear nor the same for any two elements, and with no extra shape to know.
  const curved = build.node('Mul', [build.node('Add', [y, build.scalar(0.3)]), build.node('Tanh', [y])])
  build.node('ReduceSum', [curved], { attributes: { keepdims: 0 }, output: 'loss' })
  const varying = (side: number | 'B' | 'S'): number | string => side
  const graph = model(
    build,
    inputs.map((sides, i) => valueInfo(`x${i}`, type, sides.map(varying))),
    [valueInfo('loss', type, [])],
    { opset: 20, domains: domain ? [domain] : [] },
  )
  const valuesFor = (size: { B: number; S: number }) =>
    inputs.map((sides): [string, { sides: number[]; values: Float32Array | Float64Array }] => {
      const numbers = sidesAt(sides, size)
      const count = numbers.reduce((product, side) => product * side, 1)
      const draw = (): number => (positive ? 0.5 + generator.next() : generator.normal())
      const values = single ? Float32Array.from({ length: count }, draw) : Float64Array.from({ length: count }, draw)
      return [`x${inputs.indexOf(sides)}`, { sides: numbers, values }]
    })
  const parameters: Parameters = new Map(valuesFor(sizes[0]!))
  const other = Object.fromEntries(
    valuesFor(sizes[1]!).map(([name, { sides, values }]) => [
      name,
      values instanceof Float64Array ? new ort.Tensor('float64', values, sides) : new ort.Tensor('float32', values, sides),
    ]),
  )
  return compare(graph, 'loss', parameters, [{}, other], { h: single ? 1e-2 : 1e-5, elements: 12 })
}

describe('gradients of operators', () => {
  it.each(
    cases.map((each) => [`${each.domain ? `${each.domain} ` : ''}${each.operator}${each.note ? `, ${each.note}` : ''}`, each] as const),
  )('%s agrees with central differences', async (_, each) => {
    const comparisons = await gradientOf(each)
    expect(comparisons.size).toBe(each.inputs.length)
    for (const [name, { worst, largest }] of comparisons) {
      expect(largest, `gradient of ${name}`).toBeGreaterThan(1e-3)
      expect(worst, `error of ${name}`).toBeLessThan(each.single ? 1e-3 : 1e-6)
    }
  })

  it('are checked for every operator there is a rule for', () => {
    const checked = new Set(cases.map(({ operator }) => operator))
    expect(Object.keys(rules).filter((operator) => !checked.has(operator))).toEqual([])
    expect(ruleOf(node('FastGelu', [], [], { domain: 'com.microsoft' }))).toBeDefined()
    expect(ruleOf(node('Gelu', [], [], { domain: 'elsewhere' }))).toBeUndefined()
    expect(ruleOf(node('constructor', [], []))).toBeUndefined()
  })
})
