import { readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { InvalidModelError } from '../../errors.ts'
import { readOnnx, writeOnnx } from '../../onnx/protobuf.ts'
import { quantizeDynamic } from '../../onnx/quantize.ts'
import { appearing } from '../from-weights/build.ts'
import { isFile } from '../from-weights/tensor-files.ts'
import { firstLine } from './runtime.ts'

/**
 * Makes an int8 file of a model, unless it is there; it appears when all of it is written. Takes half a second for 90 MB, and blocks its thread:
 * for workers. The same model gives the same bytes everywhere.
 * @throws InvalidModelError for a model that cannot be read, or whose weights lie in a file of their own; UnsupportedError where it cannot be written
 */
export async function quantiseFile(path: string, from: string): Promise<void> {
  if (await isFile(path)) return
  let bytes: Uint8Array
  try {
    bytes = writeOnnx(quantizeDynamic(readOnnx(await readFile(from))))
  } catch (error) {
    throw new InvalidModelError(from, `cannot be quantised to int8 (${firstLine(error)})`, error)
  }
  await appearing(dirname(path), (unfinished) => writeFile(join(unfinished, basename(path)), bytes))
}
