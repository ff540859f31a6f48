import { existsSync, readFileSync, statSync } from 'node:fs'
import { StorageError } from '../../errors.ts'

/**
 * The bytes of a database in write-ahead mode that lies where no file may be made. SQLite cannot open it there, but can
 * open a copy in memory whose header says that it has no log, which is true once the log was emptied into it.
 */
export function readOnlyCopy(path: string): Buffer {
  const log = `${path}-wal`
  if (existsSync(log) && statSync(log).size > 0) {
    throw new StorageError(
      path,
      'it lies in a directory that may not be written, with changes that were not moved into it. Open and close it once where it may be written',
    )
  }
  const bytes = readFileSync(path)
  // File format versions for writing and reading: 2 is write-ahead, 1 is the rollback journal (SQLite file format, 1.3.3).
  bytes[18] = 1
  bytes[19] = 1
  return bytes
}
