import { attribute, node } from './builder.ts'
import { elementTypes, type OnnxModel, type OnnxNode, type OnnxTensor } from './model.ts'
import { sidesOf, tensor, valuesOf } from './tensor.ts'

export interface QuantizeOptions {
  /** 7 where sums in 16 bits may overflow: on x86 processors without VNNI. @default 8 */
  readonly bits?: 7 | 8
  /** Also the tables that rows are looked up in, a scale for each row. @default true */
  readonly embeddings?: boolean
}

/** Tables of fewer numbers are not worth a second look-up. */
const smallTable = 4_096

/**
 * The same model with int8 weights: products with a constant matrix become `MatMulInteger` of activations that are quantised as they
 * come (`DynamicQuantizeLinear`, once for all products of one value) and weights with a scale for each output. Values keep their names.
 * Everything else stays as it is, products inside fused nodes too. The given model is not changed.
 * @throws Error for a model in float64, and for weights that lie in another file
 */
export function quantizeDynamic(model: OnnxModel, { bits = 8, embeddings = true }: QuantizeOptions = {}): OnnxModel {
  const { graph } = model
  const limit = 2 ** (bits - 1) - 1
  const constants = constantsOf(graph.node, graph.initializer)
  const made = new Map<string, OnnxTensor>()
  const nodes: OnnxNode[] = []
  const once = new Set<string>()

  /** Stores a weight's whole numbers and scales, for all that use it. */
  const store = (weight: Weight, scaleSides: (channels: number) => number[], byRow: boolean): { values: string; scales: string } => {
    // One tensor may be a table of rows in one place and, turned, a matrix in another.
    const name = `${weight.name}${byRow ? '_rows' : ''}${weight.turned ? '_turned' : ''}`
    const values = `${name}_quantized`
    const scales = `${name}_scale`
    if (!made.has(values)) {
      const { whole, factors } = quantize(weight, limit, byRow)
      made.set(values, tensor(values, [weight.rows, weight.columns], whole))
      made.set(scales, tensor(scales, scaleSides(factors.length), factors))
    }
    return { values, scales }
  }

  for (const original of graph.node) {
    const weight = weightFor(original, constants, embeddings)
    if (!weight) {
      nodes.push(original)
      continue
    }
    const [output] = original.output as [string]
    const inner = (part: string): string => `${output}_${part}`
    const add = (opType: string, inputs: string[], outputs: string[], attributes = {}): void => {
      const suffix = outputs[0] === output ? '' : `_${outputs[0]!.slice(output.length + 1)}`
      nodes.push(node(opType, inputs, outputs, { attributes, name: original.name === '' ? '' : `${original.name}${suffix}_quant` }))
    }

    if (original.opType === 'Gather') {
      const { values, scales } = store(weight, (rows) => [rows, 1], true)
      const ids = original.input[1]!
      add('Gather', [values, ids], [inner('rows')], { axis: 0 })
      add('Gather', [scales, ids], [inner('scales')], { axis: 0 })
      add('Cast', [inner('rows')], [inner('float')], { to: elementTypes.float32 })
      add('Mul', [inner('float'), inner('scales')], [output])
      continue
    }
    const { values, scales } = store(weight, (columns) => [columns], false)
    const x = original.input[0]!
    const [whole, scale, zero] = [`${x}_quantized`, `${x}_scale`, `${x}_zero_point`]
    if (!once.has(x)) nodes.push(node('DynamicQuantizeLinear', [x], [whole, scale, zero], { name: `${x}_QuantizeLinear` }))
    once.add(x)
    add('MatMulInteger', [whole, values, zero], [inner('integer')])
    add('Cast', [inner('integer')], [inner('float')], { to: elementTypes.float32 })
    add('Mul', [scale, scales], [inner('scales')])
    add('Mul', [inner('float'), inner('scales')], [output])
  }

  const results = new Set(graph.output.map(({ name }) => name))
  const kept = withoutUnused(nodes, results)
  const used = new Set([...results, ...kept.flatMap(({ input }) => input)])
  const initializer = [...graph.initializer, ...made.values()].filter(({ name }) => used.has(name))
  return { ...model, graph: { ...graph, node: kept, initializer } }
}

/** A constant matrix as a product takes it. */
interface Weight {
  /** Of the tensor it lies in. */
  readonly name: string
  readonly rows: number
  readonly columns: number
  /** The tensor holds it column by column. */
  readonly turned: boolean
  readonly tensor: OnnxTensor
}

/** The matrix that a node multiplies by or looks rows up in, where it is constant and worth it. */
function weightFor(node: OnnxNode, constants: (name: string) => Weight | undefined, embeddings: boolean): Weight | undefined {
  if (node.domain !== '') return undefined
  if (node.opType === 'MatMul') return constants(node.input[1]!)
  if (node.opType !== 'Gather' || !embeddings || (attribute(node, 'axis') ?? 0) !== 0) return undefined
  const table = constants(node.input[0]!)
  return table && !table.turned && table.rows * table.columns >= smallTable ? table : undefined
}

/** Finds constant matrices, also behind `Constant`, `Identity` and `Transpose` nodes. */
function constantsOf(nodes: readonly OnnxNode[], initializer: readonly OnnxTensor[]): (name: string) => Weight | undefined {
  const tensors = new Map(initializer.map((stored) => [stored.name, stored]))
  const makers = new Map(nodes.flatMap((maker) => maker.output.map((name) => [name, maker] as const)))
  const find = (name: string): Weight | undefined => {
    const maker = makers.get(name)
    const value = maker?.opType === 'Constant' ? attribute(maker, 'value') : undefined
    const stored = tensors.get(name) ?? (typeof value === 'object' && 'dataType' in value ? value : undefined)
    if (stored) {
      const [rows, columns, ...more] = sidesOf(stored)
      const floats = stored.dataType === elementTypes.float32 || stored.dataType === elementTypes.float16
      if (stored.dataType === elementTypes.float64) throw new Error(`"${name}" is float64, which cannot be quantised as it is used.`)
      return floats && columns !== undefined && more.length === 0
        ? { name, rows: rows!, columns, turned: false, tensor: stored }
        : undefined
    }
    if (maker?.opType === 'Identity') return find(maker.input[0]!)
    if (maker?.opType !== 'Transpose') return undefined
    const found = find(maker.input[0]!)
    const permutation = attribute(maker, 'perm')
    const swaps = permutation === undefined || String(permutation) === '1,0'
    return found && swaps ? { ...found, rows: found.columns, columns: found.rows, turned: !found.turned } : undefined
  }
  return find
}

/** Whole numbers in `rows × columns`, and what each row or column was divided by: symmetric, the largest becomes `limit`. */
function quantize(
  { tensor: stored, rows, columns, turned }: Weight,
  limit: number,
  byRow: boolean,
): { whole: Int8Array; factors: Float32Array } {
  const values = valuesOf(stored) as Float32Array
  const at = (row: number, column: number): number => values[turned ? column * rows + row : row * columns + column]!
  const factors = new Float32Array(byRow ? rows : columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const channel = byRow ? row : column
      factors[channel] = Math.max(factors[channel]!, Math.abs(at(row, column)))
    }
  }
  // A channel of zeros stays one, whatever it is divided by.
  for (let i = 0; i < factors.length; i++) factors[i] = factors[i]! > 0 ? factors[i]! / limit : 1
  const whole = new Int8Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const scaled = Math.round(at(row, column) / factors[byRow ? row : column]!)
      whole[row * columns + column] = Math.max(-limit, Math.min(limit, scaled))
    }
  }
  return { whole, factors }
}

/** Leaves out the nodes that nothing needs any more. */
function withoutUnused(nodes: readonly OnnxNode[], results: ReadonlySet<string>): OnnxNode[] {
  const needed = new Set(results)
  const kept: OnnxNode[] = []
  for (const candidate of nodes.toReversed()) {
    if (!candidate.output.some((name) => needed.has(name))) continue
    kept.push(candidate)
    for (const name of candidate.input) needed.add(name)
  }
  return kept.reverse()
}
