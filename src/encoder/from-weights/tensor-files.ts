import { open, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidModelError } from '../../errors.ts'
import { headLength, readLayout, toFloat32, type Extent } from '../../safetensors.ts'
import { optionalJson } from '../tokenizer.ts'

/** Names of the files that may hold a model's weights, relative to its directory. */
const singleFile = 'model.safetensors'
const indexFile = `${singleFile}.index.json`
const part = /^model-\d+-of-\d+\.safetensors$/

/** Of these files, those that hold the weights: one, or several with their index; none where a model has no such weights. */
export function weightFiles(files: readonly string[]): string[] {
  if (files.includes(singleFile)) return [singleFile]
  return files.includes(indexFile) ? [indexFile, ...files.filter((file) => part.test(file))] : []
}

/** Tensors of one or several safetensors files, read one by one. */
export interface TensorFiles {
  /** By the names of the files. */
  readonly tensors: ReadonlyMap<string, Extent & { readonly path: string }>
  /** As 32-bit floats. @throws InvalidModelError for values that are no finite floating-point numbers */
  values(name: string): Promise<Float32Array>
  close(): Promise<void>
}

const floating = ['F32', 'F16', 'BF16', 'F64']

/** @throws InvalidModelError where a file is missing or does not add up */
export async function openTensors(directory: string): Promise<TensorFiles> {
  const handles = new Map<string, FileHandle>()
  const tensors = new Map<string, Extent & { readonly path: string }>()
  const close = async (): Promise<void> => {
    for (const handle of handles.values()) await handle.close()
    handles.clear()
  }
  try {
    for (const path of await pathsIn(directory)) {
      const handle = await openFile(path)
      handles.set(path, handle)
      for (const [name, extent] of await layoutOf(handle, path)) {
        const other = tensors.get(name)
        if (other) throw new InvalidModelError(path, `has a tensor "${name}", which ${other.path} has too`)
        tensors.set(name, { ...extent, path })
      }
    }
  } catch (error) {
    await close()
    throw error
  }
  return {
    tensors,
    async values(name) {
      const { dtype, shape, start, end, path } = tensors.get(name)!
      if (!floating.includes(dtype))
        throw new InvalidModelError(path, `has a tensor "${name}" of type ${dtype}, where floating-point values are needed`)
      const data = await read(handles.get(path)!, start, end, path)
      // These are ours alone: no need for another copy.
      const values = dtype === 'F32' ? new Float32Array(data.buffer) : toFloat32({ dtype, shape, data }, path)
      if (!isFinite(values)) throw new InvalidModelError(path, `has a tensor "${name}" with values that are no finite numbers`)
      return values
    },
    close,
  }
}

/** The files of a directory that hold tensors. An index that names others than those beside it is refused. */
async function pathsIn(directory: string): Promise<string[]> {
  const single = join(directory, singleFile)
  if (await isFile(single)) return [single]
  const index = join(directory, indexFile)
  const { weight_map: map } = await optionalJson(index)
  const names = [...new Set(Object.values(map ?? {}))]
  for (const name of names) {
    if (typeof name !== 'string' || !part.test(name))
      throw new InvalidModelError(index, `names ${JSON.stringify(name)}, which is no safetensors file beside it`)
  }
  if (names.length === 0) throw new InvalidModelError(index, 'names no files')
  return names.map((name) => join(directory, String(name)))
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    throw new InvalidModelError(path, code === 'ENOENT' ? 'is missing' : `cannot be read (${code ?? String(error)})`, error)
  }
}

async function layoutOf(handle: FileHandle, path: string): Promise<ReadonlyMap<string, Extent>> {
  const { size } = await handle.stat()
  const first = await read(handle, 0, Math.min(8, size), path)
  const head = await read(handle, 0, headLength(first, size, path), path)
  return readLayout(head, size, path).extents
}

/** Some systems give at most 2 GiB at once. */
const mostAtOnce = 1 << 30

/** A loop, as a call for each of a hundred million values takes seconds. */
function isFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!(Math.abs(values[i]!) < Infinity)) return false
  return true
}

async function read(handle: FileHandle, start: number, end: number, path: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - start)
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(mostAtOnce, bytes.length - done), start + done)
    if (bytesRead === 0) throw new InvalidModelError(path, 'became shorter while it was read')
    done += bytesRead
  }
  return bytes
}

export function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}
