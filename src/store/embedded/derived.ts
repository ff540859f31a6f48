import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection } from './database.ts'

/** A file that can be made from the database at any time: an index structure, saved so that the next opening is quick. */
export interface DerivedFile {
  readonly path: string
  /** The state of the database it was made from. */
  readonly sequence: number
  /** What its maker wanted to remember beside it. */
  readonly detail: Buffer
}

/** Saved files and their checksums, which are kept in the database: a file from any other state or index does not verify. */
export interface DerivedFiles {
  /** The file of this name, if it is whole and the very one that was saved. */
  find(name: string): DerivedFile | undefined
  /** Replaces the file of this name. `write` fills a temporary file, which takes its place only when complete. */
  save(name: string, sequence: number, write: (path: string) => Buffer): void
  /** Forgets all files but these: of spaces that are gone, of settings that changed. */
  keep(names: readonly string[]): void
  /** Removes files that no entry names: left by a crash. */
  sweep(): void
}

export function derivedFiles(directory: string, database: Connection): DerivedFiles {
  const folder = join(directory, 'derived')
  const entry = database.prepare('SELECT file, sequence, checksum, detail FROM derived WHERE name = ?')
  const put = database.prepare('INSERT OR REPLACE INTO derived VALUES (?, ?, ?, ?, ?)')
  const remove = database.prepare('DELETE FROM derived WHERE name = ?')
  const names = database.prepare('SELECT name FROM derived').pluck()
  const files = database.prepare('SELECT file FROM derived').pluck()

  const sweep = (): void => {
    const known = new Set(files.all())
    try {
      for (const file of readdirSync(folder)) if (!known.has(file)) rmSync(join(folder, file), { force: true, recursive: true })
    } catch {
      // No folder, nothing to sweep.
    }
  }

  return {
    find(name) {
      const found = entry.get(name) as { file: string; sequence: number; checksum: string; detail: Buffer | null } | undefined
      if (!found) return undefined
      const path = join(folder, found.file)
      try {
        if (checksum(path) !== found.checksum) return undefined
      } catch {
        return undefined
      }
      return { path, sequence: found.sequence, detail: found.detail ?? Buffer.alloc(0) }
    },
    save(name, sequence, write) {
      mkdirSync(folder, { recursive: true })
      const file = `${name}-${sequence}`
      const path = join(folder, file)
      const temporary = `${path}.tmp`
      try {
        const detail = write(temporary)
        const sum = checksum(temporary)
        const handle = openSync(temporary, 'r+')
        fsyncSync(handle)
        closeSync(handle)
        renameSync(temporary, path)
        // From here on the new file counts; the old one is swept.
        put.run(name, file, sequence, sum, detail)
      } catch (error) {
        // Half a file would hold space that a full disk needs.
        rmSync(temporary, { force: true })
        throw error
      }
      sweep()
    },
    keep(kept) {
      for (const name of names.all() as string[]) if (!kept.includes(name)) remove.run(name)
      sweep()
    },
    sweep,
  }
}

function checksum(path: string): string {
  const hash = createHash('sha256')
  const chunk = Buffer.alloc(1 << 20)
  const handle = openSync(path, 'r')
  try {
    for (let length; (length = readSync(handle, chunk)) > 0;) hash.update(chunk.subarray(0, length))
  } finally {
    closeSync(handle)
  }
  return hash.digest('hex')
}
