import { readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { InvalidArgumentError, ModelNotFoundError } from '../../errors.ts'

/** Element type of a model file, by the names transformers.js gives the variants of one model. */
export type OnnxDType = 'fp32' | 'fp16' | 'q8' | 'int8' | 'uint8' | 'q4' | 'q4f16' | 'bnb4'

const suffixes: Readonly<Record<OnnxDType, string>> = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
}

/** Which file of a model is meant, relative to its directory. */
export function onnxFile(file: string | undefined, dtype: OnnxDType = 'fp32'): string {
  if (file !== undefined) return file
  const suffix = suffixes[dtype]
  if (suffix === undefined) throw new InvalidArgumentError('dtype', `is "${String(dtype)}", not one of ${Object.keys(suffixes).join(', ')}`)
  return `onnx/model${suffix}.onnx`
}

/**
 * Its path, once it is known to be there.
 * @param advice Ends the error where no .onnx file is there at all.
 * @throws ModelNotFoundError that lists what is there instead
 */
export async function findOnnxFile(
  directory: string,
  file: string,
  advice = 'Give the directory of an exported model, with its .onnx file in the folder "onnx", or set `file`.',
): Promise<string> {
  const path = join(directory, file)
  if (
    await stat(path).then(
      (found) => found.isFile(),
      () => false,
    )
  )
    return path
  const present = await Promise.all(
    [directory, join(directory, 'onnx')].map((folder) =>
      readdir(folder).then(
        (names) => names.filter((name) => name.endsWith('.onnx')).map((name) => relative(directory, join(folder, name))),
        () => [],
      ),
    ),
  )
  const found = present.flat()
  throw new ModelNotFoundError(
    path,
    'ONNX model',
    found.length > 0 ? `There is ${found.join(', ')}: set \`file\` or \`dtype\` to use one of these.` : advice,
  )
}
