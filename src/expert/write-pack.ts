import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { PackNotWrittenError } from '../errors.ts'
import type { Pack, PackManifest } from './pack.ts'

/** What a pack becomes. */
export interface PackChange {
  /** Its new manifest; checksums are added when it is written. */
  readonly manifest: Omit<PackManifest, 'files'>
  /** New files by path. In place they must not be called like an old one: use `versionedPath`. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Old files that the new manifest has no use for. */
  readonly dropped: readonly string[]
}

/** A path that names its content, so that a pack can gain a new version of a file beside the old: `table.safetensors` → `table-1a2b3c4d.safetensors`. */
export function versionedPath(path: string, content: Uint8Array): string {
  return path.replace(/(?=\.[^./]*$)/, `-${checksum(content).slice(0, 8)}`)
}

/**
 * Writes a changed pack: in place when `directory` is the pack's own, else a whole new one. Either way it is there at
 * once: until the last rename the old pack (or nothing) is what a reader finds, even if the process is killed.
 * @throws PackNotWrittenError
 */
export async function writePack(pack: Pack, directory: string, change: PackChange): Promise<void> {
  try {
    await (resolve(directory) === resolve(pack.directory) ? update(pack, change) : create(pack, resolve(directory), change))
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    throw new PackNotWrittenError(directory, error.message, error)
  }
}

/** New files first, the manifest last: until then it names the old ones, which stay. */
async function update({ directory, manifest: old }: Pack, { manifest, files, dropped }: PackChange): Promise<void> {
  for (const [path, content] of files) await put(join(directory, path), content)
  const kept = Object.entries(old.files ?? (await checksumsOf(directory))).filter(([path]) => !dropped.includes(path))
  const present = await readFile(join(directory, 'pack.json'), 'utf8')
  if (JSON.stringify(JSON.parse(present)) !== JSON.stringify(old)) {
    for (const path of files.keys()) if (!old.files || !(path in old.files)) await rm(join(directory, path), { force: true })
    throw new PackNotWrittenError(directory, 'somebody else changed it meanwhile; do it again')
  }
  await put(join(directory, 'pack.json'), manifestBytes(manifest, kept, files))
  for (const path of dropped) if (!files.has(path)) await rm(join(directory, path), { force: true })
}

/** Beside where it belongs, then renamed. */
async function create(pack: Pack, directory: string, { manifest, files, dropped }: PackChange): Promise<void> {
  const part = `${directory}.part-${process.pid}`
  try {
    await rm(part, { recursive: true, force: true })
    const kept = Object.entries(pack.manifest.files ?? (await checksumsOf(pack.directory))).filter(([path]) => !dropped.includes(path))
    for (const [path, sum] of kept) {
      const content = await readFile(join(pack.directory, path))
      if (checksum(content) !== sum)
        throw new PackNotWrittenError(directory, `somebody else changed ${path} of ${pack.directory} meanwhile; do it again`)
      await put(join(part, path), content)
    }
    for (const [path, content] of files) await put(join(part, path), content)
    await put(join(part, 'pack.json'), manifestBytes(manifest, kept, files))
    await makeRoom(directory)
    await rename(part, directory)
  } finally {
    await rm(part, { recursive: true, force: true })
  }
}

/** Only an empty directory gives way. */
async function makeRoom(directory: string): Promise<void> {
  try {
    await rmdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Writes a file under another name, waits for the disk and renames it. */
async function put(path: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const part = `${path}.part-${process.pid}`
  try {
    const file = await open(part, 'w')
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}

function manifestBytes(
  manifest: Omit<PackManifest, 'files'>,
  kept: readonly (readonly [path: string, checksum: string])[],
  files: ReadonlyMap<string, Uint8Array>,
): Uint8Array {
  const sums = new Map([...kept, ...[...files].map(([path, content]) => [path, checksum(content)] as const)])
  const sorted = Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)))
  return Buffer.from(`${JSON.stringify({ ...manifest, files: sorted }, undefined, 2)}\n`)
}

/** For packs made by hand, whose manifest lists no files. */
async function checksumsOf(directory: string): Promise<Record<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(resolve(directory).length + 1)
        .split(sep)
        .join('/'),
    )
    .filter((path) => path !== 'pack.json' && !/\.part-\d+$/.test(path))
  return Object.fromEntries(await Promise.all(paths.map(async (path) => [path, checksum(await readFile(join(directory, path)))] as const)))
}

function checksum(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
