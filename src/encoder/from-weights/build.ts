import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { PilotfishError, UnsupportedError } from '../../errors.ts'
import { writeOnnxFile, type OnnxFileOptions } from '../../onnx/file.ts'
import type { Building } from './config.ts'
import { encoderGraph } from './encoder-graph.ts'
import type { NeededWeight } from './graph-writer.ts'
import { namedWeights } from './named-weights.ts'
import { isFile, openTensors, type TensorFiles } from './tensor-files.ts'

/**
 * Makes an .onnx file of an encoder's weights, unless it is there. Its folder appears at once when all of it is written, whoever else is
 * writing the same. Needs memory for the largest weight a few times, and blocks its thread while weights are turned: for workers.
 * @throws InvalidModelError, UnsupportedError where it cannot be written
 */
export async function buildOnnx(path: string, { directory, shape, activation }: Building, options?: OnnxFileOptions): Promise<void> {
  if (await isFile(path)) return
  const folder = dirname(path)
  const files = await openTensors(directory)
  try {
    const names = namedWeights(files.tensors, shape, directory)
    const { model, weights } = encoderGraph(shape, activation)
    const late = weights.map((weight) => ({ ...weight, values: () => valuesOf(weight, names, files) }))
    await appearing(folder, (unfinished) => writeOnnxFile(join(unfinished, basename(path)), model, late, options))
  } finally {
    await files.close()
  }
}

async function valuesOf(
  { parameter, transposed, sides }: NeededWeight,
  names: ReadonlyMap<string, string>,
  files: TensorFiles,
): Promise<Float32Array> {
  const values = await files.values(names.get(parameter)!)
  return transposed ? turned(values, sides[0]!, sides[1]!) : values
}

/** Columns as rows: a matrix of these sides from one of the opposite. */
function turned(values: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length)
  // In squares, as long strides through memory take several times as long.
  const side = 32
  for (let top = 0; top < rows; top += side) {
    for (let left = 0; left < columns; left += side) {
      const [bottom, right] = [Math.min(rows, top + side), Math.min(columns, left + side)]
      for (let row = top; row < bottom; row++)
        for (let column = left; column < right; column++) result[row * columns + column] = values[column * rows + row]!
    }
  }
  return result
}

/** Fills a folder under another name and gives it its own when it is whole. */
export async function appearing(folder: string, fill: (unfinished: string) => Promise<void>): Promise<void> {
  const prefix = `${basename(folder)}.part-${hostname()}-`
  const unfinished = join(dirname(folder), `${prefix}${process.pid}-${randomUUID()}`)
  try {
    await mkdir(dirname(folder), { recursive: true })
    await removeAbandoned(dirname(folder), prefix)
    await mkdir(unfinished)
    await fill(unfinished)
    await rename(unfinished, folder).catch((error: NodeJS.ErrnoException) => {
      // Somebody else was faster.
      if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(error.code ?? '')) throw error
    })
  } catch (error) {
    if (PilotfishError.is(error) || !(error as NodeJS.ErrnoException).syscall) throw error
    throw new UnsupportedError(
      `The ONNX graph of the model cannot be written to ${folder} (${(error as NodeJS.ErrnoException).code}).`,
      'Free some space, or give another `cacheDirectory`.',
    )
  } finally {
    // Where it could not be made, neither can it be removed; the first error is the one that tells.
    await rm(unfinished, { recursive: true, force: true }).catch(() => {})
  }
}

/** What processes left that ended while they wrote. */
async function removeAbandoned(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix)) continue
    const pid = Number(name.slice(prefix.length).split('-')[0])
    if (!isAlive(pid)) await rm(join(folder, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
