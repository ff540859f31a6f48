import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type Connection } from './connection.ts'
import {
  IndexCorruptError,
  IndexLockedError,
  IndexNotFoundError,
  IndexReadOnlyError,
  PilotfishError,
  StorageError,
  UnsupportedError,
} from '../../errors.ts'
import { readOnlyCopy } from './read-only-copy.ts'

export type { Connection }

/** The file that holds everything true about an index. */
export const databaseFile = 'index.sqlite'
/** The stored format of new indexes; raised when an older Pilotfish could no longer read it. */
const formatVersion = 1
/** That of indexes whose vectors are halves. */
const halvesVersion = 2
/** "PiFi": tells our files from any other SQLite database. */
const applicationId = 0x50694669

/**
 * Opens the database of an index, making it when there is none.
 * @throws IndexNotFoundError, IndexCorruptError, IndexReadOnlyError, UnsupportedError, StorageError
 */
export function openDatabase(directory: string | undefined, readOnly: boolean): Connection {
  if (directory === undefined) return prepare(connect(':memory:'))
  const path = join(directory, databaseFile)
  if (readOnly && !existsSync(path)) throw new IndexNotFoundError(directory)
  return guarded(path, () => {
    if (readOnly) return openForReading(directory, path)
    const isNew = !existsSync(path)
    // A crash while it is made may leave an empty file, but never one with files made from it.
    if (!isNew && statSync(path).size === 0 && existsSync(join(directory, 'derived'))) throw new IndexCorruptError(path, 'is empty')
    const database = connect(path, { timeout: 5000 })
    try {
      if (!isNew) checkFormat(database, path)
      database.pragma('journal_mode = WAL')
      // A commit that was reported survives a power cut, not only the end of the process.
      database.pragma('synchronous = FULL')
      return prepare(database)
    } catch (error) {
      database.close()
      throw error
    }
  })
}

/** Runs an action, turning SQLite's errors into ours. */
export function guarded<T>(path: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw translate(path, error)
  }
}

/** Moves everything out of the write-ahead log, so that the index is one file that opens from read-only media. */
export function closeDatabase(database: Connection, writer: boolean): void {
  if (!database.open) return
  if (writer) {
    try {
      database.pragma('wal_checkpoint(TRUNCATE)')
      database.pragma('journal_mode = DELETE')
    } catch {
      // Readers are connected, or the disk is full: the log stays, and the next opening takes it in.
    }
  }
  database.close()
}

/** Keeps an older Pilotfish from taking halves for damage. */
export function markHalves(database: Connection): void {
  database.pragma(`user_version = ${halvesVersion}`)
}

function openForReading(directory: string, path: string): Connection {
  let database = connect(path, { readonly: true, timeout: 5000 })
  try {
    database.prepare('SELECT 1 FROM sqlite_schema').get()
  } catch (error) {
    database.close()
    // A log cannot be shared where no file may be made.
    if (!/^SQLITE_(CANTOPEN|READONLY)/.test(codeOf(error) ?? '')) throw error
    database = connect(readOnlyCopy(path), { readonly: true })
  }
  try {
    if (database.pragma('user_version', { simple: true }) === 0 && isEmpty(database)) throw new IndexNotFoundError(directory)
    checkFormat(database, path)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function checkFormat(database: Connection, path: string): void {
  const version = database.pragma('user_version', { simple: true }) as number
  if (version === 0 && isEmpty(database)) return
  if (database.pragma('application_id', { simple: true }) !== applicationId) throw new IndexCorruptError(path, 'is not a Pilotfish index')
  if (version > halvesVersion) {
    throw new UnsupportedError(
      `The index at ${path} has format ${version};`,
      `this Pilotfish reads up to ${halvesVersion}. Update the package, or build the index again.`,
    )
  }
}

function isEmpty(database: Connection): boolean {
  return database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0
}

function prepare(database: Connection): Connection {
  if (!isEmpty(database)) return database
  database.transaction(() => {
    database.exec(schema)
    database.pragma(`application_id = ${applicationId}`)
    database.pragma(`user_version = ${formatVersion}`)
  })()
  return database
}

/**
 * `sequence` counts transactions. `content` is the sequence at which title or text changed last, so that a new vector
 * does not cost a new lexical analysis. Each space's vectors are in a table of their own, `vectors_<number>`.
 */
const schema = `
  CREATE TABLE settings (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
  INSERT INTO settings VALUES ('sequence', 0), ('pruned', 0);
  CREATE TABLE documents (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT, text TEXT NOT NULL, metadata TEXT, hash TEXT NOT NULL,
    sequence INTEGER NOT NULL, content INTEGER NOT NULL
  );
  CREATE INDEX documents_by_sequence ON documents (sequence);
  CREATE TABLE spaces (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, dimensions INTEGER NOT NULL);
  CREATE TABLE metadata (key TEXT, kind INTEGER, value, row INTEGER, PRIMARY KEY (key, kind, value, row)) WITHOUT ROWID;
  CREATE TABLE deletions (sequence INTEGER, row INTEGER, PRIMARY KEY (sequence, row)) WITHOUT ROWID;
  CREATE TABLE derived (name TEXT PRIMARY KEY, file TEXT NOT NULL, sequence INTEGER NOT NULL, checksum TEXT NOT NULL, detail BLOB) WITHOUT ROWID;
`

function translate(path: string, error: unknown): unknown {
  if (PilotfishError.is(error)) return error
  const code = codeOf(error) ?? ''
  const message = error instanceof Error ? error.message : String(error)
  if (/^SQLITE_(CORRUPT|NOTADB|FORMAT|MISMATCH|SCHEMA)/.test(code) || message.startsWith('no such table')) {
    return new IndexCorruptError(path, `cannot be read (${message})`, error)
  }
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return new IndexLockedError(path)
  if (code.startsWith('SQLITE_READONLY') || /^(EACCES|EROFS|EPERM)$/.test(code))
    return new IndexReadOnlyError(path, `its directory may not be written (${message})`)
  if (code.startsWith('SQLITE_') || /^E[A-Z]+$/.test(code)) return new StorageError(path, message, error)
  return error
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}
