import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { linearLayers } from '../../../src/encoder/lora/linear-layers.ts'
import { withSideBranches } from '../../../src/encoder/lora/side-branches.ts'
import { writeOnnx } from '../../../src/onnx/protobuf.ts'
import { numbers, smallGraph } from './named-layers.ts'

const module = 'encoder.layer.0.output.dense'
const weight = numbers(16)
const bias = numbers(4)
const graph = smallGraph((g, x) =>
  g.node('Add', [g.node('MatMul', [x, g.constant(weight, [4, 4])]), g.constant(bias, [4], `${module}.bias`)]),
)
const x = numbers(24)

const float = (values: readonly number[] | Float32Array, sides: readonly number[]): Tensor =>
  new Tensor('float32', Float32Array.from(values), [...sides])

async function outputs(form: 'shared' | 'bank', feeds: Record<string, Tensor>): Promise<number[]> {
  const session = await InferenceSession.create(writeOnnx(withSideBranches(graph, linearLayers(graph), form)), { logSeverityLevel: 4 })
  try {
    return [...((await session.run({ x: float(x, [2, 3, 4]), ...feeds })).y!.data as Float32Array)]
  } finally {
    await session.release()
  }
}

/** What the layer gives for one text of three tokens, with `b·a` added to its weight. */
function merged(text: number, a: readonly number[], b: readonly number[], rank: number): number[] {
  return [0, 1, 2].flatMap((token) =>
    [0, 1, 2, 3].map((output) => {
      let sum = bias[output]!
      for (let input = 0; input < 4; input++) {
        let entry = weight[input * 4 + output]!
        for (let r = 0; r < rank; r++) entry += a[input * rank + r]! * b[r * 4 + output]!
        sum += x[(text * 3 + token) * 4 + input]! * entry
      }
      return sum
    }),
  )
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length)
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5))
}

describe('withSideBranches', () => {
  const a = [1, -2, 3, 0.5, 2, 1, 0, -1]
  const b = [1, 2, 3, 4, -1, 0, 1, 2]

  it('gives what merging the weights gives, for one change of all texts', async () => {
    const actual = await outputs('shared', { [`${module}.lora_A`]: float(a, [4, 2]), [`${module}.lora_B`]: float(b, [2, 4]) })

    expectClose(actual, [...merged(0, a, b, 2), ...merged(1, a, b, 2)])
  })

  it('gives each text of a batch the change its row holds, and none for zeros', async () => {
    const zeros = a.map(() => 0)
    const actual = await outputs('bank', {
      [`${module}.lora_A`]: float([...zeros, ...b, ...a], [3, 4, 2]),
      [`${module}.lora_B`]: float([...zeros, ...a, ...b], [3, 2, 4]),
      adapter_ids: new Tensor('int64', BigInt64Array.of(2n, 0n), [2]),
    })

    expectClose(actual, [...merged(0, a, b, 2), ...merged(1, zeros, zeros, 2)])
  })

  it('takes one row for all texts', async () => {
    const actual = await outputs('bank', {
      [`${module}.lora_A`]: float([...b, ...a], [2, 4, 2]),
      [`${module}.lora_B`]: float([...a, ...b], [2, 2, 4]),
      adapter_ids: new Tensor('int64', BigInt64Array.of(1n), [1]),
    })

    expectClose(actual, [...merged(0, a, b, 2), ...merged(1, a, b, 2)])
  })

  it('leaves the model it was given as it was', () => {
    const before = writeOnnx(graph)

    withSideBranches(graph, linearLayers(graph), 'bank')

    expect(writeOnnx(graph)).toEqual(before)
  })
})
