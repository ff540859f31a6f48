import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type * as Runtime from 'onnxruntime-node'
import { MissingPackageError, UnsupportedError } from '../../errors.ts'

/** onnxruntime, which is an optional package. @throws MissingPackageError, UnsupportedError */
export async function loadRuntime(): Promise<typeof Runtime> {
  try {
    return await import('onnxruntime-node')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND' || (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') {
      // Its install script fetches CUDA files that a processor has no use for, and fails where it cannot.
      throw new MissingPackageError(
        'onnxruntime-node',
        'Running an ONNX model',
        'ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node',
        error,
      )
    }
    throw new UnsupportedError(
      `onnxruntime-node is installed but does not load here (${firstLine(error)}).`,
      'It runs on glibc Linux, macOS on Apple silicon, and Windows. A static model needs no native code.',
    )
  }
}

/** What a model file is, seen from outside. */
export interface InspectedFile {
  /** Of the graph. */
  readonly bytes: Uint8Array
  /** Of graph and external weights. */
  readonly hash: string
  /** In bytes, with external weights. */
  readonly size: number
  /** A sequence's values depend on its batch-mates, as activations are quantised over the whole batch. */
  readonly batchDependent: boolean
}

export async function inspectFile(path: string): Promise<InspectedFile> {
  const bytes = await readFile(path)
  const hash = createHash('sha256').update(bytes)
  let size = bytes.length
  const folder = dirname(path)
  const siblings = (await readdir(folder)).filter((name) => name.startsWith(`${basename(path)}_data`) || name === `${basename(path)}.data`)
  for (const name of siblings.sort()) {
    for await (const chunk of createReadStream(join(folder, name))) {
      hash.update(chunk as Uint8Array)
      size += (chunk as Uint8Array).length
    }
  }
  return { bytes, hash: hash.digest('hex'), size, batchDependent: bytes.includes('DynamicQuantize') }
}

/** The part of a native error that is meant for people. */
export function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error)
    .split('\n')[0]!
    .slice(0, 300)
}
