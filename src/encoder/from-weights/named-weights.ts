import { InvalidModelError } from '../../errors.ts'
import type { Extent } from '../../safetensors.ts'
import { layerNames, parameterSides, type EncoderShape } from './shape.ts'

const mark = 'embeddings.word_embeddings.weight'

/**
 * Which tensor of a file is which parameter of an encoder: whatever path the encoder has in the model that was saved (`bert.`, `0.auto_model.`),
 * and by old names of LayerNorm's parameters. Heads and poolers are left aside.
 * @param path Named where no single tensor is to blame.
 * @throws InvalidModelError that names the tensor which is missing, of other sides, or unknown to the architecture
 */
export function namedWeights(
  tensors: ReadonlyMap<string, Extent & { readonly path: string }>,
  shape: EncoderShape,
  path: string,
): ReadonlyMap<string, string> {
  const prefixes = [...tensors.keys()]
    .filter((name) => name === mark || name.endsWith(`.${mark}`))
    .map((name) => name.slice(0, -mark.length))
  if (prefixes.length === 0) throw new InvalidModelError(path, `has no tensor "${mark}", as a ${shape.modelType} needs`)
  if (prefixes.length > 1) throw new InvalidModelError(path, `holds several encoders: ${prefixes.map((each) => `"${each}"`).join(', ')}`)
  const prefix = prefixes[0]!
  const sides = parameterSides(shape)

  const found = new Map<string, string>()
  for (const [name, { path: file }] of tensors) {
    if (!name.startsWith(prefix)) continue
    const parameter = name
      .slice(prefix.length)
      .replace(/\.gamma$/, '.weight')
      .replace(/\.beta$/, '.bias')
    if (sides.has(parameter)) {
      const other = found.get(parameter)
      if (other !== undefined) throw new InvalidModelError(file, `has both "${other}" and "${name}", which are one parameter`)
      found.set(parameter, name)
    } else if (isPart(parameter, shape))
      throw new InvalidModelError(file, `has a tensor "${name}", which is no part of the architecture "${shape.modelType}"`)
  }
  for (const [parameter, wanted] of sides) {
    const name = found.get(parameter)
    if (name === undefined) throw new InvalidModelError(path, `has no tensor "${prefix}${parameter}", as its config.json says`)
    const { shape: actual, path: file } = tensors.get(name)!
    if (actual.length !== wanted.length || actual.some((side, i) => side !== wanted[i]))
      throw new InvalidModelError(file, `has "${name}" in the shape ${show(actual)}, where its config.json says ${show(wanted)}`)
  }
  return found
}

/** Whether a tensor would change the encoder's values. Layers above those that are wanted do not, nor stored position numbers. */
function isPart(parameter: string, shape: EncoderShape): boolean {
  if (/^embeddings\.(position_ids|token_type_ids)$/.test(parameter)) return false
  const { list } = layerNames[shape.family]
  if (parameter.startsWith(`${list}.`)) return Number(parameter.slice(list.length + 1).split('.')[0]) < shape.layers
  return /^(embeddings|encoder|transformer)\./.test(parameter)
}

function show(sides: readonly number[]): string {
  return `[${sides.join(', ')}]`
}
