import type { InferenceSession, Tensor } from 'onnxruntime-node'
import type { OnnxModel, OnnxValueInfo } from '../../onnx/model.ts'
import { message } from '../../onnx/protobuf.ts'
import { sidesOf } from '../../onnx/tensor.ts'
import type { Shape } from './gradients.ts'

/** Runs a graph on inputs of one size, for all its values. */
export type Feeds = Record<string, Tensor>

/**
 * Finds out the shapes of values by running the graph on inputs of two sizes: sides that are equal both times are fixed. The two
 * must differ in every side that varies, and no such side may be 1.
 * @param create Opens a model.
 */
export async function probeShapes(
  model: OnnxModel,
  values: Iterable<string>,
  feeds: readonly [Feeds, Feeds],
  create: (model: OnnxModel) => Promise<InferenceSession>,
): Promise<Map<string, Shape>> {
  const { graph } = model
  const shapes = new Map<string, Shape>(graph.initializer.map((tensor) => [tensor.name, sidesOf(tensor)]))
  for (const [name, { dims }] of Object.entries(feeds[0])) shapes.set(name, common(dims, feeds[1][name]!.dims))
  const given = new Set(shapes.keys())
  const wanted = [...new Set(values)].filter((name) => name !== '' && !given.has(name))
  const present = new Set(graph.output.map(({ name }) => name))
  const output = [
    ...graph.output,
    // Without a type: onnxruntime infers it.
    ...wanted.filter((name) => !present.has(name)).map((name) => message<OnnxValueInfo>('ValueInfoProto', { name })),
  ]
  const session = await create({ ...model, graph: { ...graph, output } })
  try {
    const first = await session.run(feeds[0], wanted)
    const second = await session.run(feeds[1], wanted)
    for (const name of wanted) shapes.set(name, common(first[name]!.dims, second[name]!.dims))
  } finally {
    await session.release()
  }
  return shapes
}

function common(first: readonly number[], second: readonly number[]): Shape {
  return first.map((side, i) => (side === second[i] ? side : undefined))
}
