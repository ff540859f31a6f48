import { AdapterMismatchError } from '../../errors.ts'
import type { LoraModule, LoraWeights } from './weights.ts'

/** What is asked of a layer that an adapter may change; `linearLayers` finds them. */
interface NamedLayer {
  readonly module: string
  readonly inputs: number
  readonly outputs: number
}

/**
 * The weights under the names that a graph has for its layers, all with one scaling. Names of the same layer may differ in front:
 * `bert.encoder.layer.0…`, `0.auto_model.encoder.layer.0…` and `encoder.layer.0…` meet, in whole parts.
 * @param where Named in errors only.
 * @throws AdapterMismatchError that lists the layers that are not there, and those of other sizes
 */
export function matchModules(weights: LoraWeights, layers: readonly NamedLayer[], where?: string): LoraWeights {
  const problems: string[] = []
  const taken = new Map<string, string>()
  const modules = weights.modules.map((own): LoraModule => {
    const meant = layersMeant(own.module, layers)
    const [layer] = meant
    if (!layer || meant.length > 1) {
      problems.push(
        layer
          ? `${own.module} may be any of ${meant.map(({ module }) => module).join(', ')}`
          : `the model has no linear layer ${own.module}`,
      )
      return own
    }
    if (layer.inputs !== own.inputs || layer.outputs !== own.outputs)
      problems.push(`${own.module} has ${own.inputs} inputs and ${own.outputs} outputs, in the model ${layer.inputs} and ${layer.outputs}`)
    const other = taken.get(layer.module)
    if (other !== undefined) problems.push(`${other} and ${own.module} are the same layer of the model`)
    taken.set(layer.module, own.module)
    return { ...withScaling(own, weights.scaling), module: layer.module }
  })
  if (problems.length > 0) throw new AdapterMismatchError(where, problems, adviceFor(layers))
  return { scaling: weights.scaling, modules }
}

/** The layer of that name, else the one with which it shares most of its last parts. */
function layersMeant(module: string, layers: readonly NamedLayer[]): readonly NamedLayer[] {
  const exact = layers.filter((layer) => layer.module === module)
  if (exact.length > 0) return exact
  const shorter = layers.filter((layer) => module.endsWith(`.${layer.module}`))
  const longest = Math.max(...shorter.map((layer) => layer.module.length))
  if (shorter.length > 0) return shorter.filter((layer) => layer.module.length === longest)
  return layers.filter((layer) => layer.module.endsWith(`.${module}`))
}

/** Folds a scaling of its own into B. */
function withScaling({ scaling, ...module }: LoraModule, common: number): LoraModule {
  if (scaling === undefined || scaling === common) return module
  return { ...module, b: module.b.map((value) => (value * scaling) / common) }
}

function adviceFor(layers: readonly NamedLayer[]): string {
  const known = layers.slice(0, 3).map(({ module, inputs, outputs }) => `${module} (${inputs} → ${outputs})`)
  const base = 'Use the model that its adapter_config.json names as base_model_name_or_path.'
  return known.length === 0 ? `The graph names no linear layers. ${base}` : `${base} The model has ${known.join(', ')}…`
}
