import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { PackNotWrittenError } from '../errors.ts'
import type { Pack, PackManifest } from './pack.ts'

/** What a pack becomes. */
export interface PackChange {
  /** Its new manifest; checksums are added when it is written. */
  readonly manifest: Omit<PackManifest, 'files'>
  /** New files by path. In place they must not be called like an old one: use `versionedPath` or `versionedFolder`. */
  readonly files: ReadonlyMap<string, PackContent>
  /** Old files that the new manifest has no use for, and directories of such. */
  readonly dropped: readonly string[]
}

/** Bytes, or a file to copy: models may be larger than memory should be. */
export type PackContent = Uint8Array | { readonly copy: string }

/** A path that names its content, so that a pack can gain a new version of a file beside the old: `table.safetensors` → `table-1a2b3c4d.safetensors`. */
export function versionedPath(path: string, content: Uint8Array): string {
  return path.replace(/(?=\.[^./]*$)/, `-${checksum(content).slice(0, 8)}`)
}

/** The same for a directory of files: `experts/law` → `experts/law-1a2b3c4d`. @param files By their paths in it. */
export async function versionedFolder(path: string, files: ReadonlyMap<string, PackContent>): Promise<string> {
  const sums: string[] = []
  for (const [name, content] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) sums.push(`${name} ${await checksumOf(content)}`)
  return `${path}-${checksum(Buffer.from(sums.join('\n'))).slice(0, 8)}`
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
  const known = Object.entries(old.files ?? (await checksumsOf(directory)))
  const sums = new Map<string, string>()
  for (const [path, content] of files) sums.set(path, await put(join(directory, path), content))
  const present = await readFile(join(directory, 'pack.json'), 'utf8')
  if (JSON.stringify(JSON.parse(present)) !== JSON.stringify(old)) {
    const mine = [...files.keys()].filter((path) => !old.files || !(path in old.files))
    for (const path of mine) await rm(join(directory, path), { force: true })
    await removeEmpty(directory, mine)
    throw new PackNotWrittenError(directory, 'somebody else changed it meanwhile; do it again')
  }
  const kept = known.filter(([path]) => !isBelow(path, dropped))
  await put(join(directory, 'pack.json'), manifestBytes(manifest, new Map([...kept, ...sums])))
  const gone = known.map(([path]) => path).filter((path) => isBelow(path, dropped) && !files.has(path))
  for (const path of gone) await rm(join(directory, path), { force: true })
  await removeEmpty(directory, gone)
}

/** Beside where it belongs, then renamed. */
async function create(pack: Pack, directory: string, { manifest, files, dropped }: PackChange): Promise<void> {
  const part = `${directory}.part-${process.pid}`
  try {
    await rm(part, { recursive: true, force: true })
    const kept = Object.entries(pack.manifest.files ?? (await checksumsOf(pack.directory))).filter(([path]) => !isBelow(path, dropped))
    for (const [path, sum] of kept) {
      if ((await put(join(part, path), { copy: join(pack.directory, path) })) !== sum)
        throw new PackNotWrittenError(directory, `somebody else changed ${path} of ${pack.directory} meanwhile; do it again`)
    }
    const sums = new Map(kept)
    for (const [path, content] of files) sums.set(path, await put(join(part, path), content))
    await put(join(part, 'pack.json'), manifestBytes(manifest, sums))
    await makeRoom(directory)
    await rename(part, directory)
  } finally {
    await rm(part, { recursive: true, force: true })
  }
}

function isBelow(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(`${place}/`))
}

/** Directories that lost their last file. */
async function removeEmpty(directory: string, gone: readonly string[]): Promise<void> {
  const folders = new Set(gone.flatMap((path) => path.split('/').map((_, i, parts) => parts.slice(0, i).join('/'))))
  folders.delete('')
  // The deepest first; what is not empty stays.
  for (const folder of [...folders].sort((a, b) => b.length - a.length)) await rmdir(join(directory, folder)).catch(() => {})
}

/** Only an empty directory gives way. */
async function makeRoom(directory: string): Promise<void> {
  try {
    await rmdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Writes a file under another name, waits for the disk and renames it. Returns its checksum. */
async function put(path: string, content: PackContent): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  const part = `${path}.part-${process.pid}`
  const hash = createHash('sha256')
  try {
    const file = await open(part, 'w')
    try {
      for await (const piece of piecesOf(content)) {
        hash.update(piece)
        await file.writeFile(piece)
      }
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(part, path)
    return hash.digest('hex')
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}

function piecesOf(content: PackContent): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  return content instanceof Uint8Array ? [content] : (createReadStream(content.copy, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>)
}

function manifestBytes(manifest: Omit<PackManifest, 'files'>, sums: ReadonlyMap<string, string>): Uint8Array {
  const sorted = Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)))
  return Buffer.from(`${JSON.stringify({ ...manifest, files: sorted }, undefined, 2)}\n`)
}

/** For packs made by hand, whose manifest lists no files. */
async function checksumsOf(directory: string): Promise<Record<string, string>> {
  const paths = (await filesIn(directory)).filter((path) => path !== 'pack.json' && !/\.part-\d+$/.test(path))
  const sums: Record<string, string> = {}
  for (const path of paths) sums[path] = await checksumOf({ copy: join(directory, path) })
  return sums
}

/** Paths of all files below a directory, with slashes. */
export async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
}

async function checksumOf(content: PackContent): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of piecesOf(content)) hash.update(piece)
  return hash.digest('hex')
}

function checksum(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
