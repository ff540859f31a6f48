import { describe, expect, it } from 'vitest'
import { matchModules } from '../../../src/encoder/lora/match.ts'
import type { LoraModule, LoraWeights } from '../../../src/encoder/lora/weights.ts'

const change = (module: string, inputs = 2, outputs = 2, scaling?: number): LoraModule => ({
  module,
  rank: 1,
  inputs,
  outputs,
  a: new Float32Array(inputs).fill(1),
  b: new Float32Array(outputs).fill(1),
  ...(scaling !== undefined && { scaling }),
})
const weights = (...modules: LoraModule[]): LoraWeights => ({ scaling: 2, modules })
const layers = (...modules: string[]) => modules.map((module) => ({ module, inputs: 2, outputs: 2 }))
const found = (adapter: LoraWeights, graph: ReturnType<typeof layers>): string[] =>
  matchModules(adapter, graph).modules.map(({ module }) => module)

describe('modules of an adapter', () => {
  const graph = layers('encoder.layer.0.output.dense', 'encoder.layer.0.attention.output.dense', 'encoder.layer.1.output.dense')

  it.each([
    ['encoder.layer.0.output.dense', 'encoder.layer.0.output.dense'],
    ['bert.encoder.layer.0.output.dense', 'encoder.layer.0.output.dense'],
    ['0.auto_model.encoder.layer.0.attention.output.dense', 'encoder.layer.0.attention.output.dense'],
    ['layer.1.output.dense', 'encoder.layer.1.output.dense'],
  ])('find their layer whatever stands before its name: %s', (own, layer) => {
    expect(found(weights(change(own)), graph)).toEqual([layer])
  })

  it('take the longest name that fits', () => {
    expect(found(weights(change('model.encoder.0.dense')), layers('0.dense', 'encoder.0.dense', 'dense'))).toEqual(['encoder.0.dense'])
  })

  it('are compared by whole parts of their names', () => {
    expect(() => found(weights(change('encoder.layer.11.output.dense')), graph)).toThrow(
      /no linear layer encoder\.layer\.11\.output\.dense/,
    )
  })

  it('have one scaling afterwards, what was their own being part of B', () => {
    const { scaling, modules } = matchModules(weights(change('0.dense'), change('1.dense', 2, 2, 3)), layers('0.dense', '1.dense'))

    expect(scaling).toBe(2)
    expect(modules.map(({ b }) => b[0])).toEqual([1, 1.5])
    expect(modules.map((module) => module.scaling)).toEqual([undefined, undefined])
  })

  it('that do not fit are all listed, with what is expected and what is there', () => {
    const match = (): unknown =>
      matchModules(weights(change('2.dense'), change('0.dense', 4, 3), change('model.0.dense')), layers('0.dense'), 'law')

    expect(match).toThrow(expect.objectContaining({ code: 'ADAPTER_MISMATCH', path: 'law' }))
    expect(match).toThrow(
      /no linear layer 2\.dense; 0\.dense has 4 inputs and 3 outputs, in the model 2 and 2; 0\.dense and model\.0\.dense are the same layer/,
    )
    expect(match).toThrow(/base_model_name_or_path\. The model has 0\.dense \(2 → 2\)/)
  })

  it('that may be several layers are refused', () => {
    expect(() => found(weights(change('output.dense')), graph)).toThrow(
      /output\.dense may be any of encoder\.layer\.0\.output\.dense, .*encoder\.layer\.1/,
    )
    expect(() => found(weights(change('output.dense')), [])).toThrow(/The graph names no linear layers/)
  })
})
