import { readdir, realpath, stat } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { InvalidArgumentError } from '../errors.ts'
import { bundledPack } from '../load-pack.ts'

/** Where a pack is read, and where it is written with its new expert: the same directory when it is changed in place. */
export interface PackTarget {
  readonly source: string
  readonly out: string
}

/**
 * Decides which pack is added to. A pack at `out` is added to in place; else a copy of `pack` (the bundled one) is written
 * there. Without `out`, `pack` itself is changed, unless it belongs to an installed package.
 * @throws InvalidArgumentError
 */
export async function packTarget({ pack, out }: { readonly pack?: string; readonly out?: string }): Promise<PackTarget> {
  const target = out ?? pack
  if (target === undefined) throw new InvalidArgumentError('out', 'is missing', 'Say where the pack goes.')
  const present = await isPack(target)
  const source = pack ?? (present ? target : bundledPack())
  if (!(await same(source, target))) {
    if (present)
      throw new InvalidArgumentError(
        'out',
        `already holds a pack: ${target}`,
        'Give only `out` to add an expert to that pack, or another directory for a copy.',
      )
    await mustBeFree(target)
  }
  if (await belongsToPackage(target))
    throw new InvalidArgumentError(
      out === undefined ? 'pack' : 'out',
      `lies in an installed package, whose files must stay as they are: ${target}`,
      'Name a directory of your own for the pack with the new expert (--out, `out`).',
    )
  return { source: resolve(source), out: resolve(target) }
}

async function isPack(directory: string): Promise<boolean> {
  return (await stat(join(directory, 'pack.json')).catch(() => undefined))?.isFile() ?? false
}

async function mustBeFree(directory: string): Promise<void> {
  const entries = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new InvalidArgumentError('out', `cannot be written to: ${directory} (${error.code})`)
  })
  if (entries.length > 0)
    throw new InvalidArgumentError('out', `is a directory with other files: ${directory}`, 'Name a new or an empty one.')
}

async function belongsToPackage(directory: string): Promise<boolean> {
  const path = await real(directory)
  return path === (await real(bundledPack())) || path.split(sep).includes('node_modules')
}

async function same(a: string, b: string): Promise<boolean> {
  return (await real(a)) === (await real(b))
}

async function real(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path))
}
