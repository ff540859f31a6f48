import { hashString, random } from '../../src/train/random.ts'
import { layerNames, parameterSides } from '../../src/encoder/from-weights/shape.ts'
import type { EncoderShape } from './shapes.ts'

export { layerNames }

/** Random weights of an encoder, by the names and in the layout of its PyTorch module. */
export interface Parameters {
  readonly names: readonly string[]
  /** Linear layers are `[outputs, inputs]`. */
  sides(name: string): readonly number[]
  /** The same for every call with one seed, whatever else was asked for. */
  values(name: string): Float32Array
  /** The name under which a model that stores equal weights once stores this one. */
  stored(name: string): string
}

/**
 * Weights as training begins with them: normal, with LayerNorm near the identity. Key biases are zero, as they never change
 * an attention weight; so they are equal in all layers, and exporters that store equal weights once show it.
 */
export function parameters(shape: EncoderShape, seed: number): Parameters {
  const sides = parameterSides(shape)
  const known = (name: string): readonly number[] => {
    const found = sides.get(name)
    if (!found) throw new Error(`A ${shape.modelType} has no parameter "${name}".`)
    return found
  }
  const keyBias = `${layerNames[shape.family].key}.bias`
  return {
    names: [...sides.keys()],
    sides: known,
    values(name) {
      const values = new Float32Array(known(name).reduce((product, side) => product * side, 1))
      if (name.endsWith(keyBias)) return values
      const generator = random(seed, hashString(name, seed))
      const centre = /norm\.weight$/i.test(name) ? 1 : 0
      for (let i = 0; i < values.length; i++) values[i] = centre + generator.normal() * shape.deviation
      return values
    },
    stored: (name) => (name.endsWith(keyBias) ? `${layerNames[shape.family].list}.0.${keyBias}` : name),
  }
}
