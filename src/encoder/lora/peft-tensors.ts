import { InvalidModelError, UnsupportedError } from '../../errors.ts'
import { toFloat32, type Tensor } from '../../safetensors.ts'
import type { LoraModule } from './weights.ts'

/** How PEFT calls the tensors of a module in its files. */
export function moduleKey(module: string, side: 'A' | 'B'): string {
  return `base_model.model.${module}.lora_${side}.weight`
}

/** The two tensors of each module, in the order of their keys. The adapter's name may stand in the keys. @throws InvalidModelError, UnsupportedError */
export function pairsOf(tensors: ReadonlyMap<string, Tensor>, path: string): Map<string, { A: Tensor; B: Tensor }> {
  const found = new Map<string, { A?: Tensor; B?: Tensor }>()
  const adapters = new Set<string>()
  for (const key of [...tensors.keys()].sort()) {
    const [, module, side, adapter = ''] = /^(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.([^.]+))?\.weight$/.exec(key) ?? []
    if (module === undefined) throw new UnsupportedError(`The LoRA adapter of ${path} holds ${key}, ${whatIs(key)}.`, onlyPlain)
    adapters.add(adapter)
    found.set(module, { ...found.get(module), [side!]: tensors.get(key)! })
  }
  if (adapters.size > 1)
    throw new InvalidModelError(path, `holds several adapters: ${[...adapters].map((name) => name || 'default').join(', ')}`)
  for (const [module, { A, B }] of found) {
    if (!A || !B) throw new InvalidModelError(path, `lacks lora_${A ? 'B' : 'A'} of ${module}`)
  }
  return found as Map<string, { A: Tensor; B: Tensor }>
}

const onlyPlain = 'Only lora_A and lora_B of linear layers are served. Train it on these alone, or merge it into its model and export that.'

function whatIs(key: string): string {
  if (/lora_embedding_[AB]/.test(key)) return 'a change of an embedding table'
  if (key.includes('lora_magnitude_vector')) return 'a magnitude of DoRA'
  if (/lora_[AB].*\.bias$/.test(key)) return 'a bias of a branch'
  return 'which is no low-rank weight'
}

/** Checks and reads the two of one module. @throws InvalidModelError */
export function matrices(module: string, A: Tensor, B: Tensor, path: string): Omit<LoraModule, 'module'> {
  const refuse = (problem: string): never => {
    throw new InvalidModelError(path, problem)
  }
  for (const [side, { dtype, shape }] of Object.entries({ A, B })) {
    const sides = shape.join(' × ')
    if (!['F32', 'F16', 'BF16'].includes(dtype)) refuse(`has ${dtype} values in lora_${side} of ${module}; F32, F16 and BF16 are read`)
    if (shape.length !== 2 || shape.includes(0))
      refuse(`has lora_${side} of ${sides || 'no sides'} for ${module}, which is no linear layer's`)
  }
  const [rank, inputs] = A.shape as [number, number]
  const [outputs, columns] = B.shape as [number, number]
  if (columns !== rank)
    refuse(`has lora_A of ${rank} × ${inputs} for ${module}, and a lora_B of ${outputs} × ${columns} that does not follow it`)
  const [a, b] = [toFloat32(A, path), toFloat32(B, path)]
  for (const [side, values] of Object.entries({ A: a, B: b })) {
    if (!values.every(Number.isFinite)) refuse(`has values that are not finite numbers in lora_${side} of ${module}`)
  }
  return { rank, inputs, outputs, a, b }
}
