import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join, normalize, sep } from 'node:path'
import { InvalidPackError } from '../errors.ts'
import { readSafetensors, toFloat32, type Tensor } from '../safetensors.ts'

/** `pack.json`: what a directory of experts holds and how they were calibrated. */
export interface PackManifest {
  /** Version of this format. */
  readonly format: 1
  readonly name: string
  readonly version: string
  /** Languages the experts were trained on (ISO 639-1); others go to the general expert or BM25. */
  readonly languages: readonly string[]
  readonly base: { readonly path: string; readonly kind: 'static' | 'onnx' }
  readonly experts: readonly PackExpert[]
  /** What `loadRouter` reads, beside the file `pilots` names. */
  readonly router?: unknown
  /** The router's tensors, relative to the pack. @default 'pilots.safetensors' */
  readonly pilots?: string
  /** What `fusion` reads. */
  readonly calibration?: unknown
  /** BM25 constants the calibration was made with. */
  readonly lexical?: { readonly k1?: number; readonly b?: number; readonly titleWeight?: number }
  /** SHA-256 (hex) of every other file of the pack, by path. */
  readonly files?: Readonly<Record<string, string>>
}

export interface PackExpert {
  readonly name: string
  readonly kind: 'table' | 'adapter' | 'lexical'
  /** Weights, relative to the pack; lexical experts have none. */
  readonly path?: string
  readonly description?: string
  /** Retrieval sets it was trained on, by name: whose expert an evaluation takes it for. */
  readonly sets?: readonly string[]
  /** nDCG@10 on held-out queries of its domain, fractions of 1. */
  readonly heldOut?: { readonly general: number; readonly expert: number }
  /** Arrived after the base: the base was trained without its questions. */
  readonly late?: boolean
  /** Trained on the questions of all experts; no router asks it. At most one in a pack. */
  readonly multiTask?: boolean
}

/** An open pack directory: files are read on demand, checked against the manifest's checksums. */
export interface Pack {
  readonly directory: string
  readonly manifest: PackManifest
  tensors(path: string): Promise<Map<string, Tensor>>
  has(path: string): boolean
}

/** Opens a pack directory. @throws InvalidPackError when it is missing, of another format, or incomplete */
export async function openPack(directory: string): Promise<Pack> {
  const manifestPath = join(directory, 'pack.json')
  let text: string
  try {
    text = await readFile(manifestPath, 'utf8')
  } catch (error) {
    throw new InvalidPackError(
      directory,
      'has no readable pack.json; give the directory of a pack, or leave `pack` out for the bundled one',
      error,
    )
  }
  const manifest = checkManifest(text, directory)
  const files = manifest.files ?? {}
  for (const path of Object.keys(files)) await bytes(directory, path, files[path])

  return {
    directory,
    manifest,
    has: (path) => path in files,
    async tensors(path) {
      return readSafetensors(await bytes(directory, path, undefined), join(directory, path)).tensors
    },
  }
}

async function bytes(directory: string, path: string, checksum: string | undefined): Promise<Uint8Array> {
  const clean = normalize(path)
  if (clean.startsWith('..') || clean.startsWith(sep)) throw new InvalidPackError(directory, `names the file "${path}" outside itself`)
  let content: Buffer
  try {
    content = await readFile(join(directory, clean))
  } catch (error) {
    throw new InvalidPackError(directory, `lacks its file ${path}; fetch the pack again`, error)
  }
  if (checksum !== undefined && createHash('sha256').update(content).digest('hex') !== checksum) {
    throw new InvalidPackError(directory, `has a changed or damaged file ${path} (its checksum differs); fetch the pack again`)
  }
  return content
}

function checkManifest(text: string, directory: string): PackManifest {
  let manifest: PackManifest
  try {
    manifest = JSON.parse(text) as PackManifest
  } catch (error) {
    throw new InvalidPackError(directory, 'has a pack.json that is not JSON', error)
  }
  const refuse = (problem: string): never => {
    throw new InvalidPackError(directory, problem)
  }
  if (typeof manifest !== 'object' || manifest === null) return refuse('has a pack.json that is not an object')
  if (manifest.format !== 1)
    return refuse(
      `is of format ${String(manifest.format)}; this version of Pilotfish reads format 1. Update Pilotfish, or make the pack again`,
    )
  if (typeof manifest.base?.path !== 'string') return refuse('names no base model in pack.json')
  if (manifest.base.kind !== 'static' && manifest.base.kind !== 'onnx')
    return refuse(`has a base of kind "${String(manifest.base.kind)}"; static and onnx are known`)
  if (!Array.isArray(manifest.experts)) return refuse('lists no experts in pack.json')
  for (const expert of manifest.experts) {
    if (typeof expert?.name !== 'string') return refuse('has an expert without a name in pack.json')
    if (!['table', 'adapter', 'lexical'].includes(expert.kind))
      return refuse(`has the expert "${expert.name}" of kind "${String(expert.kind)}"; table, adapter and lexical are known`)
    if (expert.kind !== 'lexical' && typeof expert.path !== 'string') return refuse(`names no file for the expert "${expert.name}"`)
    const { heldOut, late, multiTask } = expert
    if (heldOut !== undefined && !(isShare(heldOut?.general) && isShare(heldOut.expert)))
      return refuse(`has held-out figures for the expert "${expert.name}" that are not numbers from 0 to 1`)
    if (late !== undefined && typeof late !== 'boolean')
      return refuse(`says neither true nor false of "late" for the expert "${expert.name}"`)
    if (multiTask !== undefined && typeof multiTask !== 'boolean')
      return refuse(`says neither true nor false of "multiTask" for the expert "${expert.name}"`)
    if (multiTask && expert.kind === 'lexical') return refuse(`calls the lexical expert "${expert.name}" trained on all questions`)
  }
  const multiTask = manifest.experts.filter((expert) => expert.multiTask).map(({ name }) => name)
  if (multiTask.length > 1) return refuse(`has several multi-task experts: ${multiTask.join(', ')}`)
  return manifest
}

function isShare(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 1
}

/** Sparse changes to a static base's query-side token table, as a table expert's file holds them. */
export interface TableWeights {
  /** Ascending token ids. */
  readonly rows: Uint32Array
  /** rows.length × dimensions, row-major. */
  readonly deltas: Float32Array
}

/**
 * Reads `table.safetensors`: `rows` U32 [n], `scales` F32 [n], and `deltas` either I8 [n, dimensions] or U8
 * [n, dimensions / 2] with two 4-bit values a byte, low half first, offset by 8.
 * @throws InvalidPackError
 */
export function tableWeights(
  tensors: ReadonlyMap<string, Tensor>,
  dimensions: number,
  vocabularySize: number,
  where: string,
): TableWeights {
  const rows = tensors.get('rows')
  const scales = tensors.get('scales')
  const deltas = tensors.get('deltas')
  if (!rows || !scales || !deltas) throw new InvalidPackError(where, 'lacks one of the tensors rows, scales and deltas')
  const ids = new Uint32Array(new Uint8Array(rows.data).buffer)
  const scale = toFloat32(scales, where)
  const count = ids.length
  const packed = deltas.dtype === 'U8'
  const width = packed ? dimensions / 2 : dimensions
  if (scale.length !== count || deltas.data.length !== count * width) {
    throw new InvalidPackError(where, `does not fit a base of ${dimensions} dimensions`)
  }
  const ascending = ids.every((id, i) => i === 0 || id > ids[i - 1]!)
  if (!ascending || (count > 0 && ids[count - 1]! >= vocabularySize)) {
    throw new InvalidPackError(where, `names tokens that a base of ${vocabularySize} tokens does not have`)
  }

  const values = new Float32Array(count * dimensions)
  const bytes = deltas.data
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < dimensions; i++) {
      const at = row * width + (packed ? i >> 1 : i)
      const level = packed ? ((bytes[at]! >> (i & 1 ? 4 : 0)) & 15) - 8 : (bytes[at]! << 24) >> 24
      values[row * dimensions + i] = level * scale[row]!
    }
  }
  return { rows: ids, deltas: values }
}

/** Reads `adapter.safetensors`: `down` F32 [rank, dimensions] and `up` F32 [dimensions, rank]. @throws InvalidPackError */
export function adapterWeights(
  tensors: ReadonlyMap<string, Tensor>,
  dimensions: number,
  where: string,
): { down: Float32Array; up: Float32Array; rank: number } {
  const down = tensors.get('down')
  const up = tensors.get('up')
  const rank = down?.shape[0] ?? 0
  if (!down || !up || down.shape[1] !== dimensions || up.shape[0] !== dimensions || up.shape[1] !== rank) {
    throw new InvalidPackError(where, `does not fit a base of ${dimensions} dimensions`)
  }
  return { down: toFloat32(down, where), up: toFloat32(up, where), rank }
}
