import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidArgumentError, InvalidModelError, ModelNotFoundError } from '../../errors.ts'
import { fromFloat32, readSafetensors, writeSafetensors, type Tensor } from '../../safetensors.ts'
import { checkPeftConfig, moduleSettings, readPeftConfig, targetsOf, type PeftConfig } from './peft-config.ts'
import { matrices, moduleKey, pairsOf } from './peft-tensors.ts'
import type { LoraModule, LoraWeights } from './weights.ts'

export type { PeftConfig } from './peft-config.ts'

/** Names of the two files of an adapter. */
export const peftConfigFile = 'adapter_config.json'
export const peftWeightsFile = 'adapter_model.safetensors'

/** Element types of an adapter's tensors. */
export type PeftDType = 'F32' | 'F16' | 'BF16'

/** An adapter as PEFT saves it. */
export interface PeftAdapter {
  readonly weights: LoraWeights
  /** Every field of the file, those unknown here among them. */
  readonly config: PeftConfig
  /** Of its tensors; `F32` where they differ. */
  readonly dtype: PeftDType
}

/**
 * Reads `adapter_config.json` and `adapter_model.safetensors`, as PEFT saves LoRA adapters of BERT-type models.
 * @throws ModelNotFoundError, InvalidModelError, UnsupportedError for what is not plain LoRA
 */
export async function readPeft(directory: string): Promise<PeftAdapter> {
  const [config, weights] = await Promise.all([adapterFile(directory, peftConfigFile), adapterFile(directory, peftWeightsFile)])
  return parsePeft({ config, weights }, directory)
}

/** The same from the bytes of the two files. @param directory Named in errors only. */
export function parsePeft(files: { readonly config: Uint8Array; readonly weights: Uint8Array }, directory: string): PeftAdapter {
  const configPath = join(directory, peftConfigFile)
  const path = join(directory, peftWeightsFile)
  const config = readPeftConfig(new TextDecoder().decode(files.config), configPath)
  const settings = moduleSettings(config, configPath)
  const isTarget = targetsOf(config, configPath)
  const { tensors } = readSafetensors(files.weights, path)
  const pairs = pairsOf(tensors, path)
  if (pairs.size === 0) throw new InvalidModelError(path, 'holds no LoRA weights')

  const scaling = config.lora_alpha / (config.use_rslora === true ? Math.sqrt(config.r) : config.r)
  const modules = [...pairs].map(([module, { A, B }]): LoraModule => {
    if (!isTarget(module)) throw new InvalidModelError(path, `changes ${module}, which the target_modules of its configuration do not name`)
    const { a, b, ...sides } = matrices(module, A, B, path)
    const own = settings(module)
    if (own.rank !== sides.rank)
      throw new InvalidModelError(path, `has rank ${sides.rank} for ${module}, where its configuration says ${own.rank}`)
    return { module, ...sides, a, b, ...(own.scaling !== scaling && { scaling: own.scaling }) }
  })
  const dtypes = new Set([...tensors.values()].map(({ dtype }) => dtype))
  return { weights: { scaling, modules }, config, dtype: dtypes.size === 1 ? ([...dtypes][0] as PeftDType) : 'F32' }
}

export interface WritePeftOptions {
  /** Half precision halves the file; values that came from such a file stay as they are. @default 'F32' */
  readonly dtype?: PeftDType
}

/**
 * Writes an adapter that PEFT loads, and `readPeft` reads back bit by bit.
 * @param config Fields that are left out follow from the weights; those that are given must agree with them.
 * @throws InvalidArgumentError
 */
export async function writePeft(
  directory: string,
  weights: LoraWeights,
  config: Partial<PeftConfig> = {},
  options: WritePeftOptions = {},
): Promise<void> {
  const files = peftFiles(weights, config, options)
  await mkdir(directory, { recursive: true })
  for (const [name, content] of files) await writeFile(join(directory, name), content)
}

/** The same as bytes, by file name. */
export function peftFiles(
  { scaling, modules }: LoraWeights,
  config: Partial<PeftConfig> = {},
  { dtype = 'F32' }: WritePeftOptions = {},
): Map<string, Uint8Array> {
  if (modules.length === 0) throw new InvalidArgumentError('weights', 'change no module')
  const complete = completeConfig({ scaling, modules }, config)
  const settings = moduleSettings(complete, 'config')
  const isTarget = targetsOf(complete, 'config')
  const tensors: [string, Tensor][] = modules.flatMap(({ module, rank, inputs, outputs, a, b, scaling: own = scaling }) => {
    const said = settings(module)
    if (said.rank !== rank || Math.abs(said.scaling / own - 1) > 1e-6 || !isTarget(module)) {
      const meant = isTarget(module) ? `rank ${said.rank} and scaling ${said.scaling}` : 'no change'
      throw new InvalidArgumentError('config', `says ${meant} for ${module}, whose weights have rank ${rank} and scaling ${own}`)
    }
    return [
      [moduleKey(module, 'A'), fromFloat32(a, [rank, inputs], dtype)],
      [moduleKey(module, 'B'), fromFloat32(b, [outputs, rank], dtype)],
    ]
  })
  // The order and the metadata that PEFT's own files have.
  tensors.sort(([x], [y]) => (x < y ? -1 : 1))
  return new Map([
    [peftConfigFile, Buffer.from(`${JSON.stringify(complete, undefined, 2)}\n`)],
    [peftWeightsFile, writeSafetensors(new Map(tensors), { format: 'pt' })],
  ])
}

/** What PEFT writes of an adapter of which nothing more is known. */
function completeConfig({ scaling, modules }: LoraWeights, given: Partial<PeftConfig>): PeftConfig {
  const r = given.r ?? modules[0]!.rank
  const divisor = (rank: number): number => (given.use_rslora === true ? Math.sqrt(rank) : rank)
  const alphaOf = (factor: number, rank: number): number => {
    const whole = Math.round(factor * divisor(rank))
    return whole / divisor(rank) === factor ? whole : factor * divisor(rank)
  }
  const alpha = given.lora_alpha ?? alphaOf(scaling, r)
  const odd = modules.map(({ module, rank, scaling: own = scaling }) => ({ module, rank, alpha: alphaOf(own, rank) }))
  const pattern = (value: 'rank' | 'alpha', usual: number): Record<string, number> =>
    Object.fromEntries(odd.filter((one) => one[value] !== usual).map((one) => [one.module.replaceAll('.', '\\.'), one[value]]))
  const config: PeftConfig = {
    peft_type: 'LORA',
    task_type: 'FEATURE_EXTRACTION',
    base_model_name_or_path: null,
    inference_mode: true,
    r,
    lora_alpha: alpha,
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: false,
    use_rslora: false,
    use_dora: false,
    modules_to_save: null,
    layers_to_transform: null,
    target_modules: modules.map(({ module }) => module),
    rank_pattern: pattern('rank', r),
    alpha_pattern: pattern('alpha', alpha),
  }
  // Of a configuration that was read, every field stays and none is added.
  const complete = given.peft_type === undefined ? { ...config, ...given } : (given as PeftConfig)
  checkPeftConfig(complete, 'config')
  return complete
}

async function adapterFile(directory: string, name: string): Promise<Uint8Array> {
  const path = join(directory, name)
  try {
    return await readFile(path)
  } catch (error) {
    const pickle = name === peftWeightsFile && (await stat(join(directory, 'adapter_model.bin')).catch(() => undefined))
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw new InvalidModelError(path, 'cannot be read', error)
    throw new ModelNotFoundError(
      path,
      'file of a LoRA adapter',
      pickle
        ? 'There is adapter_model.bin, a pickle, which could execute anything: save it again with safe_serialization=True.'
        : 'Give the directory to which PEFT saved the adapter.',
    )
  }
}
