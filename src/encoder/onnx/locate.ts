import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ModelNotFoundError } from '../../errors.ts'
import { fingerprint } from '../fingerprint.ts'
import { graphVersion, knownEncoder, knownTypes, type Building } from '../from-weights/config.ts'
import { isFile, weightFiles } from '../from-weights/tensor-files.ts'
import { cacheOf, resolveModel, type HubOptions } from '../hub.ts'
import { optionalJson } from '../tokenizer.ts'
import { findOnnxFile, onnxFile, type OnnxDType } from './file.ts'

/** In the names of files that were quantised here, so that those of another way to do it are made anew. */
const quantisingVersion = 1

/** Where a model lies, and how its graph comes to be where it has only weights. */
export interface LocatedModel {
  readonly directory: string
  /** The .onnx file; it may be still to be built. */
  readonly path: string
  readonly building?: Building
  /** The file that `path` is to be quantised from. */
  readonly quantising?: { readonly from: string }
}

/**
 * Finds the .onnx file of a model. Where int8 is asked for and there is no such file, it is one in the cache, to be made of the default one.
 * @throws ModelNotFoundError, InvalidModelError, DownloadError, OfflineError
 */
export async function locateModel(source: string, wanted: WantedModel, options: HubOptions): Promise<LocatedModel> {
  try {
    return await locateFile(source, wanted, options)
  } catch (error) {
    if (wanted.dtype !== 'int8' || wanted.file !== undefined || !(error instanceof ModelNotFoundError)) throw error
    const located = await locateFile(source, {}, options).catch((other: unknown) => {
      throw other instanceof ModelNotFoundError ? error : other
    })
    const { directory, path: from, building } = located
    const folder = `int8-${quantisingVersion}`
    // What lies in the cache does not change; a directory's files may.
    const home = building
      ? `${dirname(from)}-${folder}`
      : directory !== source
        ? join(directory, folder)
        : join(cacheOf(options), folder, (await hashOf([from])).digest('hex').slice(0, 16))
    return { ...located, path: join(home, 'model.onnx'), quantising: { from } }
  }
}

/** Which of a model's files is meant. */
interface WantedModel {
  readonly file?: string | undefined
  readonly dtype?: OnnxDType | undefined
}

/**
 * Where the default file is asked for and there is none, but safetensors weights of an architecture that we
 * can write the graph of, it is one in the cache: beside the weights of a hub repository, by their fingerprint for those of a directory.
 * @throws ModelNotFoundError, InvalidModelError, DownloadError, OfflineError
 */
async function locateFile(source: string, wanted: WantedModel, options: HubOptions): Promise<LocatedModel> {
  const name = onnxFile(wanted.file, wanted.dtype)
  const mayBuild = name === onnxFile(undefined)
  const advice = mayBuild ? wayOut(source) : undefined
  const isOnnx = (path: string): boolean => path === name || path.startsWith(`${name}_data`) || path === `${name}.data`
  const directory = await resolveModel(
    source,
    // The settings of weights first: they may be of a model that the rest is fetched of in vain.
    (path, all) => (all.includes(name) ? isOnnx(path) : mayBuild && path === 'config.json' && weightFiles(all).length > 0),
    `ONNX model ${name}`,
    options,
    advice,
  )
  if (await isFile(join(directory, name))) return { directory, path: join(directory, name) }
  if (!mayBuild) return { directory, path: await findOnnxFile(directory, name) }
  const isRepository = directory !== source
  const files = await readdir(directory)
  const weights = weightFiles(files)
  if (!isRepository && weights.length === 0) {
    const pickled = files.filter((file) => /^pytorch_model.*\.bin$/.test(file))
    const found = pickled.length > 0 ? `There is only ${pickled.join(', ')}. ` : ''
    return { directory, path: await findOnnxFile(directory, name, found + advice) }
  }

  const configPath = join(directory, 'config.json')
  const known = knownEncoder(await optionalJson(configPath), configPath)
  if (typeof known === 'string')
    throw new ModelNotFoundError(
      join(directory, name),
      'ONNX model',
      `The weights are of ${known}, and graphs are written for ${knownTypes.join(', ')} only. ${advice}`,
    )
  const building = { ...known, directory }
  if (!isRepository)
    return { directory, path: join(cacheOf(options), 'from-weights', await nameOf(building, weights), 'model.onnx'), building }
  const path = join(directory, `from-weights-${graphVersion}`, 'model.onnx')
  // Once there is a graph, nothing needs them.
  if (!(await isFile(path)))
    await resolveModel(source, (file, all) => weightFiles(all).includes(file), 'weights', { ...options, revision: basename(directory) })
  return { directory, path, building }
}

/** Equal for equal weights, wherever they lie. */
async function nameOf({ directory, shape, activation }: Building, files: readonly string[]): Promise<string> {
  const hash = await hashOf(files.map((file) => join(directory, file)))
  return fingerprint(`${shape.modelType}-${graphVersion}`, hash.digest(), { shape, activation })
}

async function hashOf(paths: readonly string[]): Promise<Hash> {
  const hash = createHash('sha256')
  for (const path of paths) for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  return hash
}

function wayOut(source: string): string {
  return (
    `Give a repository, or a \`revision\` of it, with model.safetensors or onnx/model.onnx; or export it ` +
    `(optimum-cli export onnx --model ${source} --task feature-extraction ./exported) and give './exported' with \`file: 'model.onnx'\`.`
  )
}
