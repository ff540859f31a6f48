import type { OnnxModel } from '../../onnx/model.ts'
import { graphView } from './graph-view.ts'
import { moduleNames, modulePath } from './module-names.ts'
import { products } from './products.ts'

/** A linear layer as a graph holds it. */
export interface LinearLayer {
  /** Path in the PyTorch model, e.g. `encoder.layer.0.attention.self.query`. */
  readonly module: string
  readonly inputs: number
  readonly outputs: number
  /** Name of the value that goes in, and of the product before its bias. */
  readonly x: string
  readonly y: string
  /** What keeps side branches out; a layer that is no target may have one. */
  readonly obstacle?: { readonly node: string; readonly operator: string; readonly problem: string }
}

/**
 * Linear layers of an encoder's graph, in its order, found by the names of their biases, else of their weights or nodes. Knows what
 * exporters (TorchScript and dynamo), onnxruntime's fusions and quantisers (dynamic int8, blocks of few bits) make of a layer.
 */
export function linearLayers(model: OnnxModel): LinearLayer[] {
  const found = products(graphView(model))
  const names = moduleNames(found)
  return found.flatMap(({ node, inputs, outputs, x, y, obstacle: problem }, i) => {
    const name = names[i]
    if (name === undefined) return []
    const obstacle = problem !== undefined && { obstacle: { node: node.name || node.output[0]!, operator: node.opType, problem } }
    return [{ module: modulePath(name), inputs, outputs, x, y, ...obstacle }]
  })
}
