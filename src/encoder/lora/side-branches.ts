import { graphBuilder, valueInfo } from '../../onnx/builder.ts'
import type { OnnxModel, OnnxNode, OnnxValueInfo } from '../../onnx/model.ts'
import type { LinearLayer } from './linear-layers.ts'
import { requireChangeable } from './targets.ts'

/** Name of the input that says which row of the banks each text of a batch is for. */
export const adapterIds = 'adapter_ids'

/** Names of a layer's two inputs. */
export function branchInputs({ module }: Pick<LinearLayer, 'module'>): { readonly a: string; readonly b: string } {
  return { a: `${module}.lora_A`, b: `${module}.lora_B` }
}

/**
 * Gives layers a low-rank branch beside their product: y + (x·A)·B, where A and B are inputs and any scaling is folded into B.
 * - `shared`: `${module}.lora_A` `[in, r]` and `${module}.lora_B` `[r, out]`, one change for the whole batch.
 * - `bank`: `[n, in, r]` and `[n, r, out]`, and `adapter_ids` `[batch]` (int64), the row of each text. One id alone is for all of them,
 *   which is faster: the products are then those of plain matrices.
 *
 * The lists of the graph are copied, its weights are shared.
 * @throws UnsupportedGraphError for a layer that cannot be changed
 */
export function withSideBranches(model: OnnxModel, layers: readonly LinearLayer[], form: 'shared' | 'bank'): OnnxModel {
  const { graph } = model
  const inputs: OnnxValueInfo[] = form === 'bank' ? [valueInfo(adapterIds, 'int64', ['choices'])] : []
  const branches = new Map<string, LinearLayer>()
  for (const layer of layers) {
    requireChangeable(layer)
    const { a, b } = branchInputs(layer)
    const bank = form === 'bank' ? ['adapters'] : []
    inputs.push(valueInfo(a, 'float32', [...bank, layer.inputs, 'rank']), valueInfo(b, 'float32', [...bank, 'rank', layer.outputs]))
    branches.set(layer.y, layer)
  }
  const nodes = graph.node.flatMap((node): OnnxNode[] => {
    const layer = branches.get(node.output[0]!)
    if (!layer) return [node]
    const { module, x, y } = layer
    const build = graphBuilder(`${module}.lora_`)
    const own = (input: string): string => (form === 'bank' ? build.node('Gather', [input, adapterIds]) : input)
    const { a, b } = branchInputs(layer)
    const base = `${module}.lora_base`
    const inner = build.node('MatMul', [x, own(a)])
    build.node('Add', [base, build.node('MatMul', [inner, own(b)])], { output: y, name: `${module}.lora` })
    return [{ ...node, output: [base, ...node.output.slice(1)] }, ...build.nodes]
  })
  return { ...model, graph: { ...graph, node: nodes, input: [...graph.input, ...inputs] } }
}
