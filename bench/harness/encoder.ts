import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeEncoder } from '../../models/encoders/files.ts'
import type { ShapeName } from '../../models/encoders/shapes.ts'

const cache = fileURLToPath(new URL('../../.cache/bench/', import.meta.url))

/**
 * Directory of an encoder of a published shape with random weights, fp32 and int8, made when it is not there yet: speed and memory
 * do not depend on what a model has learned. A `copy` is the same in another place, so that it is loaded once more.
 */
export function randomEncoder(shape: ShapeName, { copy = '' }: { readonly copy?: string } = {}): string {
  const directory = join(cache, `${shape}${copy && `-${copy}`}`)
  if (existsSync(directory)) return directory
  const unfinished = `${directory}.${process.pid}`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(cache, { recursive: true })
  if (copy) cpSync(randomEncoder(shape), unfinished, { recursive: true })
  else writeEncoder(unfinished, shape, { int8: true })
  renameSync(unfinished, directory)
  return directory
}
