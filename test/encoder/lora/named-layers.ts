import { graphBuilder, model, valueInfo, type GraphBuilder } from '../../../src/onnx/builder.ts'
import type { OnnxModel } from '../../../src/onnx/model.ts'

/** A graph of one input `x` [batch, sequence, width] and one output `y`, as its `build` makes it from the input's name. */
export function smallGraph(build: (g: GraphBuilder, x: string) => string, { width = 4, rank = 3 } = {}): OnnxModel {
  const g = graphBuilder('v')
  const sides = ['batch', 'sequence'].slice(0, rank - 1)
  g.node('Identity', [build(g, 'x')], { output: 'y' })
  return model(g, [valueInfo('x', 'float32', [...sides, width])], [valueInfo('y', 'float32', [...sides, width])], {
    domains: ['com.microsoft'],
  })
}

/** Numbers that are easy to tell apart: 1, 2, 3, … in steps of a tenth. */
export function numbers(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => ((i % 7) - 3) / 10)
}
