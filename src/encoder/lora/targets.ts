import { InvalidArgumentError, UnsupportedGraphError } from '../../errors.ts'
import type { LinearLayer } from './linear-layers.ts'

/**
 * Layers that PEFT's `target_modules` mean: those whose path is or ends with one of the names, by whole parts; `'all-linear'` means
 * every layer of the encoder's blocks.
 * @throws InvalidArgumentError that lists what there is, UnsupportedGraphError for a layer that cannot be changed
 */
export function targetLayers(layers: readonly LinearLayer[], targets: readonly string[] | 'all-linear'): LinearLayer[] {
  const inBlocks = layers.filter(({ module }) => /\.\d+\./.test(module))
  const isNamed = (module: string, name: string): boolean => module === name || module.endsWith(`.${name}`)
  if (targets !== 'all-linear') {
    const missing = targets.find((name) => !layers.some(({ module }) => isNamed(module, name)))
    if (missing !== undefined || targets.length === 0) {
      throw new InvalidArgumentError(
        'targets',
        missing === undefined ? 'names no layer' : `names "${missing}", which no linear layer of the model is called`,
        `There are ${describe(layers)}.`,
      )
    }
  }
  const chosen = targets === 'all-linear' ? inBlocks : layers.filter(({ module }) => targets.some((name) => isNamed(module, name)))
  if (chosen.length === 0) throw new InvalidArgumentError('targets', 'names no layer', `There are ${describe(layers)}.`)
  for (const layer of chosen) requireChangeable(layer)
  return chosen
}

/** @throws UnsupportedGraphError that names the node */
export function requireChangeable({ module, obstacle }: LinearLayer): void {
  if (obstacle) throw new UnsupportedGraphError(obstacle.node, obstacle.operator, `${obstacle.problem}, so ${module} cannot be changed`)
}

/** Kinds of layers, each with how many there are: the same name in every block is one kind. */
function describe(layers: readonly LinearLayer[]): string {
  const kinds = new Map<string, number>()
  for (const { module } of layers) {
    const kind = module.replace(/^.*\.\d+\./, '')
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  }
  return kinds.size === 0 ? 'no layers with names' : [...kinds].map(([kind, count]) => `${kind} (${count})`).join(', ')
}
