import type { Document } from '../../document.ts'
import type { Connection } from './database.ts'

/** A row of the documents table, as it crosses the thread: metadata stays JSON text. */
export interface StoredRow {
  readonly row: number
  readonly id: string
  readonly title: string | null
  readonly text: string
  readonly metadata: string | null
  readonly hash: string
}

/** The documents, spaces and counters in the database; knows SQL and nothing else. */
export interface Documents {
  find(id: string): StoredRow | undefined
  at(row: number): StoredRow | undefined
  head(id: string): { readonly row: number; readonly hash: string; readonly metadata: string | null } | undefined
  content(row: number): { readonly title: string | null; readonly text: string }
  /** Inserts or replaces. */
  write(document: StoredRow, sequence: number): void
  touch(row: number, sequence: number): void
  delete(row: number, sequence: number): void
  /** Rows after an id, in the order of ids. */
  after(id: string | undefined): IterableIterator<{ readonly row: number; readonly id: string }>
  /** Every row and its id. */
  ids(): [row: number, id: string][]
  /** Rows and ids of everything changed after a sequence, and whether title or text changed. */
  changedSince(sequence: number): { readonly row: number; readonly id: string; readonly content: number }[]
  deletedSince(sequence: number): number[]
  spaces(): SpaceRow[]
  addSpace(name: string, dimensions: number): SpaceRow
  dropSpace(number: number): void
  /** @param vector As it is written. */
  setVector(space: number, row: number, vector: Buffer): void
  deleteVector(space: number, row: number): void
  vector(space: number, row: number): Buffer | undefined
  /** All of a space, in the order of rows. */
  vectors(space: number): Iterable<[row: number, vector: Buffer]>
  isEmpty(space: number): boolean
  setting(name: string): number | string | undefined
  set(name: string, value: number | string): void
  /** Forgets all deletions but the latest; readers that are further behind load everything again. */
  pruneDeletions(): void
}

export interface SpaceRow {
  readonly number: number
  readonly name: string
  readonly dimensions: number
}

const deletionsKept = 50_000
/** Vectors that are read in one call: twice as fast as one by one. */
const vectorsAtOnce = 500

export function documents(database: Connection): Documents {
  const columns = 'row, id, title, text, metadata, hash'
  const find = database.prepare(`SELECT ${columns} FROM documents WHERE id = ?`)
  const at = database.prepare(`SELECT ${columns} FROM documents WHERE row = ?`)
  const head = database.prepare('SELECT row, hash, metadata FROM documents WHERE id = ?')
  const content = database.prepare('SELECT title, text FROM documents WHERE row = ?')
  const write = database.prepare(`
    INSERT INTO documents (${columns}, sequence, content) VALUES (@row, @id, @title, @text, @metadata, @hash, @sequence, @sequence)
    ON CONFLICT (row) DO UPDATE SET id = @id, title = @title, text = @text, metadata = @metadata, hash = @hash, sequence = @sequence, content = @sequence`)
  const touch = database.prepare('UPDATE documents SET sequence = ? WHERE row = ?')
  const remove = database.prepare('DELETE FROM documents WHERE row = ?')
  const addDeletion = database.prepare('INSERT OR IGNORE INTO deletions VALUES (?, ?)')
  const after = database.prepare('SELECT row, id FROM documents WHERE id > ? ORDER BY id')
  const changed = database.prepare('SELECT row, id, content FROM documents WHERE sequence > ?')
  const ids = database.prepare('SELECT row, id FROM documents').raw()
  const everything = database.prepare('SELECT row, id, 1 AS content FROM documents')
  const deleted = database.prepare('SELECT row FROM deletions WHERE sequence > ?').pluck()
  const setting = database.prepare('SELECT value FROM settings WHERE name = ?').pluck()
  const set = database.prepare('INSERT OR REPLACE INTO settings VALUES (?, ?)')

  const perSpace = <T>(prepare: (table: string) => T): ((space: number) => T) => {
    const prepared = new Map<number, T>()
    return (space) => {
      let statement = prepared.get(space)
      if (!statement) prepared.set(space, (statement = prepare(`vectors_${space}`)))
      return statement
    }
  }
  const setVector = perSpace((table) => database.prepare(`INSERT OR REPLACE INTO ${table} VALUES (?, ?)`))
  const deleteVector = perSpace((table) => database.prepare(`DELETE FROM ${table} WHERE row = ?`))
  const vector = perSpace((table) => database.prepare(`SELECT vector FROM ${table} WHERE row = ?`).pluck())
  const vectorsAfter = perSpace((table) =>
    database.prepare(`SELECT row, vector FROM ${table} WHERE row > ? ORDER BY row LIMIT ${vectorsAtOnce}`).raw(),
  )
  const any = perSpace((table) => database.prepare(`SELECT 1 FROM ${table} LIMIT 1`).pluck())

  return {
    find: (id) => find.get(id) as StoredRow | undefined,
    at: (row) => at.get(row) as StoredRow | undefined,
    head: (id) => head.get(id) as ReturnType<Documents['head']>,
    content: (row) => content.get(row) as ReturnType<Documents['content']>,
    write: (document, sequence) => void write.run({ ...document, sequence }),
    touch: (row, sequence) => void touch.run(sequence, row),
    delete(row, sequence) {
      remove.run(row)
      addDeletion.run(sequence, row)
    },
    // Ids are not empty, so every id is above the empty string.
    after: (id) => after.iterate(id ?? '') as ReturnType<Documents['after']>,
    ids: () => ids.all() as [number, string][],
    changedSince: (sequence) => (sequence < 0 ? everything.all() : changed.all(sequence)) as ReturnType<Documents['changedSince']>,
    deletedSince: (sequence) => deleted.all(sequence) as number[],
    spaces: () => database.prepare('SELECT number, name, dimensions FROM spaces ORDER BY number').all() as SpaceRow[],
    addSpace(name, dimensions) {
      const number = Number(database.prepare('INSERT INTO spaces (name, dimensions) VALUES (?, ?)').run(name, dimensions).lastInsertRowid)
      database.exec(`CREATE TABLE vectors_${number} (row INTEGER PRIMARY KEY, vector BLOB NOT NULL)`)
      return { number, name, dimensions }
    },
    dropSpace(number) {
      database.exec(`DROP TABLE vectors_${number}`)
      database.prepare('DELETE FROM spaces WHERE number = ?').run(number)
    },
    setVector: (space, row, vector) => void setVector(space).run(row, vector),
    deleteVector: (space, row) => void deleteVector(space).run(row),
    vector: (space, row) => vector(space).get(row) as Buffer | undefined,
    *vectors(space) {
      for (let last = -1; ;) {
        const page = vectorsAfter(space).all(last) as [number, Buffer][]
        yield* page
        if (page.length < vectorsAtOnce) return
        last = page.at(-1)![0]
      }
    },
    isEmpty: (space) => any(space).get() === undefined,
    setting: (name) => setting.get(name) as number | string | undefined,
    set: (name, value) => void set.run(name, value),
    pruneDeletions() {
      const cut = database.prepare('SELECT sequence FROM deletions ORDER BY sequence DESC LIMIT 1 OFFSET ?').pluck().get(deletionsKept) as
        | number
        | undefined
      if (cut === undefined) return
      database.prepare('DELETE FROM deletions WHERE sequence <= ?').run(cut)
      set.run('pruned', cut)
    },
  }
}

/** A document as callers know it. */
export function toDocument({ id, title, text, metadata }: Pick<StoredRow, 'id' | 'title' | 'text' | 'metadata'>): Document {
  return {
    id,
    ...(title !== null && { title }),
    text,
    ...(metadata !== null && { metadata: JSON.parse(metadata) as Document['metadata'] & object }),
  }
}
