import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeEncoder, type WriteEncoderOptions } from '../../../models/encoders/files.ts'
import { parameters } from '../../../models/encoders/parameters.ts'
import { shapes, type ShapeName } from '../../../models/encoders/shapes.ts'
import { fromFloat32, readSafetensors, toFloat32, writeSafetensors, type Tensor } from '../../../src/safetensors.ts'
import { temporaryDirectory } from '../models.ts'

export interface WeightsOptions extends Pick<WriteEncoderOptions, 'seed' | 'activation'> {
  readonly dtype?: 'F32' | 'F16' | 'BF16'
  /** Before all names of the encoder's parameters. */
  readonly prefix?: string
  /** Changes what is written; `undefined` leaves a tensor out. */
  readonly change?: (name: string, tensor: Tensor) => Readonly<Record<string, Tensor>> | undefined
}

/** A directory of an encoder as transformers saves it, without an ONNX file, and the one that our exporter writes with the same weights. */
export function savedEncoder(shape: ShapeName, options: WeightsOptions = {}): { readonly weights: string; readonly exported: string } {
  const { seed = 1 } = options
  const [weights, exported] = [temporaryDirectory(), temporaryDirectory()]
  for (const directory of [weights, exported]) writeEncoder(directory, shape, { ...options, seed })
  rmSync(join(weights, 'onnx'), { recursive: true })
  writeWeights(weights, shape, options)
  return { weights, exported }
}

export function writeWeights(
  directory: string,
  shape: ShapeName,
  { seed = 1, dtype = 'F32', prefix = '', change }: WeightsOptions = {},
): void {
  const { names, values, sides } = parameters(shapes[shape], seed)
  const all = names.flatMap((name) => {
    const tensor = fromFloat32(values(name), sides(name), dtype)
    return Object.entries((change ? change(name, tensor) : { [name]: tensor }) ?? {})
  })
  // What models carry besides: heads, poolers, stored position numbers.
  const beside: [string, Tensor][] = [
    [`${prefix}pooler.dense.weight`, fromFloat32(new Float32Array(1024), [32, 32], 'F32')],
    [`${prefix}embeddings.position_ids`, { dtype: 'I64', shape: [1, 64], data: new Uint8Array(512) }],
  ]
  const tensors = new Map([...all.map(([name, tensor]) => [`${prefix}${name}`, tensor] as const), ...beside])
  writeFileSync(join(directory, 'model.safetensors'), writeSafetensors(tensors, { format: 'pt' }))
}

/** Puts every other tensor of a model into a second file, with an index of both. */
export function shard(directory: string): void {
  const path = join(directory, 'model.safetensors')
  const { tensors } = readSafetensors(readFileSync(path), path)
  const files = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
  const entries = [...tensors]
  files.forEach((file, odd) => writeFileSync(join(directory, file), writeSafetensors(new Map(entries.filter((_, i) => i % 2 === odd)))))
  const weight_map = Object.fromEntries(entries.map(([name], i) => [name, files[i % 2]]))
  writeFileSync(join(directory, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map }))
  rmSync(path)
}

/** Tensors as 32-bit floats that have the values these can have. */
export function widened(directory: string): void {
  const path = join(directory, 'model.safetensors')
  const { tensors } = readSafetensors(readFileSync(path), path)
  const wide = new Map(
    [...tensors].map(([name, tensor]) => [
      name,
      tensor.dtype === 'I64' ? tensor : fromFloat32(toFloat32(tensor, path), tensor.shape, 'F32'),
    ]),
  )
  writeFileSync(path, writeSafetensors(wide))
}

/** Changes a model's `config.json`. */
export function configure(directory: string, changes: Readonly<Record<string, unknown>>): void {
  const path = join(directory, 'config.json')
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), ...changes }))
}
