import * as ort from 'onnxruntime-node'
import { valueInfo } from '../../../src/onnx/builder.ts'
import type { OnnxModel } from '../../../src/onnx/model.ts'
import { writeOnnx } from '../../../src/onnx/protobuf.ts'
import { sidesOf, valuesOf } from '../../../src/onnx/tensor.ts'
import { dependents, differentiate, gradientName } from '../../../src/train/gradients/differentiate.ts'
import { probeShapes, type Feeds } from '../../../src/train/gradients/probe.ts'
import { random } from '../../../src/train/random.ts'

/** Numbers whose gradients are checked, by name. */
export type Parameters = Map<string, { readonly sides: readonly number[]; readonly values: Float32Array | Float64Array }>

export interface Comparison {
  /** Largest difference between a gradient and its central difference, as a share of the largest gradient of its parameter group. */
  readonly worst: number
  /** Largest gradient there is. */
  readonly largest: number
}

/** Opens a graph as it is: nothing fused, so that what is checked is what was written. */
export function open(model: OnnxModel): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(writeOnnx(model), { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 })
}

/** Takes weights out of a graph's constants and makes them inputs, to be changed from outside. */
export function asInputs(
  model: OnnxModel,
  chosen: (name: string, sides: readonly number[]) => boolean,
): { model: OnnxModel; parameters: Parameters } {
  const { graph } = model
  const parameters: Parameters = new Map()
  for (const tensor of graph.initializer) {
    const values = valuesOf(tensor)
    if ((values instanceof Float32Array || values instanceof Float64Array) && chosen(tensor.name, sidesOf(tensor)))
      parameters.set(tensor.name, { sides: sidesOf(tensor), values })
  }
  const input = [...parameters].map(([name, { sides, values }]) =>
    valueInfo(name, values instanceof Float64Array ? 'float64' : 'float32', sides),
  )
  const initializer = graph.initializer.filter(({ name }) => !parameters.has(name))
  return { model: { ...model, graph: { ...graph, initializer, input: [...graph.input, ...input] } }, parameters }
}

/**
 * Compares the gradients that a graph is given with differences of its loss at x ± h, for a few elements of every parameter.
 * @param feeds Makes the other inputs, for two sizes of a batch.
 */
export async function compare(
  model: OnnxModel,
  loss: string,
  parameters: Parameters,
  feeds: readonly [Feeds, Feeds],
  { h = 1e-2, elements = 4, seed = 1 }: { readonly h?: number; readonly elements?: number; readonly seed?: number } = {},
): Promise<Map<string, Comparison>> {
  const names = [...parameters.keys()]
  const double = [...parameters.values()].some(({ values }) => values instanceof Float64Array)
  const tensorOf = (name: string): ort.Tensor => {
    const { values, sides } = parameters.get(name)!
    return values instanceof Float64Array ? new ort.Tensor('float64', values, sides) : new ort.Tensor('float32', values, sides)
  }
  const all = (given: Feeds): Feeds => ({ ...given, ...Object.fromEntries(names.map((name) => [name, tensorOf(name)])) })
  const active = dependents(model.graph.node, names)
  const values = model.graph.node
    .filter(({ output }) => output.some((name) => active.has(name)))
    .flatMap(({ input, output }) => [...input, ...output])
  const shapes = await probeShapes(model, values, [all(feeds[0]), all(feeds[1])], open)
  const session = await open(differentiate(model, { loss, parameters: names, shapes, double }))
  try {
    const lossNow = async (): Promise<number> => {
      const result = await session.run(all(feeds[0]), [loss])
      return Number((result[loss]!.data as Float32Array)[0])
    }
    const found = await session.run(all(feeds[0]), names.map(gradientName))
    const generator = random(seed, 0xcd)
    const comparisons = new Map<string, Comparison>()
    for (const name of names) {
      const { values: numbers } = parameters.get(name)!
      const gradient = found[gradientName(name)]!.data as Float32Array | Float64Array
      let largest = 0
      for (const value of gradient) largest = Math.max(largest, Math.abs(value))
      let worst = 0
      for (let k = 0; k < Math.min(elements, numbers.length); k++) {
        const i = elements >= numbers.length ? k : generator.below(numbers.length)
        const old = numbers[i]!
        numbers[i] = old + h
        const above = await lossNow()
        numbers[i] = old - h
        const below = await lossNow()
        numbers[i] = old
        worst = Math.max(worst, Math.abs((above - below) / (2 * h) - gradient[i]!) / Math.max(largest, 1e-2))
      }
      comparisons.set(name, { worst, largest })
    }
    return comparisons
  } finally {
    await session.release()
  }
}
