import { existsSync, rmSync } from 'node:fs'
import { connect } from '../store/embedded/connection.ts'
import { InvalidDataError } from '../errors.ts'

/**
 * Makes this call the only one that writes an output: two would pay for every line twice and write them between each other's. The operating
 * system holds the lock for an open file beside it, so it goes when the process does, however it ends.
 * @throws InvalidDataError at once when another call has it
 */
export function lockOutput(out: string): { release(): void } {
  const path = `${out}.lock`
  const database = connect(path, { timeout: 0 })
  try {
    // Nothing is ever written to it.
    database.pragma('journal_mode = OFF')
    database.exec('BEGIN EXCLUSIVE')
    // The call before has taken its file away between our two steps: that of the next one would be another.
    if (!existsSync(path)) throw busy(out)
  } catch (error) {
    database.close()
    throw String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY') ? busy(out, error) : error
  }
  return {
    release() {
      if (!database.open) return
      try {
        rmSync(path, { force: true })
      } catch {
        // Windows takes away no file that is open. It does no harm where it is.
      }
      database.close()
    },
  }
}

function busy(out: string, cause?: unknown): InvalidDataError {
  return new InvalidDataError(out, undefined, 'is being written by another call. Wait for it, or give another file to write to', cause)
}
