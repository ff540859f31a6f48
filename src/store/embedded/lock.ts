import { join } from 'node:path'
import { connect } from './connection.ts'
import { IndexLockedError } from '../../errors.ts'
import { guarded } from './database.ts'

/**
 * Makes this the only writer of a directory. The operating system holds the lock for an open file, so it goes when the
 * process does, however it ends: there is no stale lock.
 * @throws IndexLockedError at once when another writer has it
 */
export function lockForWriting(directory: string): { release(): void } {
  const path = join(directory, 'writer.lock')
  return guarded(directory, () => {
    const database = connect(path, { timeout: 0 })
    try {
      // No rollback journal: the lock file is never written, so nothing is left behind or needs recovery.
      database.pragma('journal_mode = OFF')
      database.exec('BEGIN EXCLUSIVE')
    } catch (error) {
      database.close()
      if (String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY')) throw new IndexLockedError(directory)
      throw error
    }
    return {
      release() {
        if (database.open) database.close()
      },
    }
  })
}
