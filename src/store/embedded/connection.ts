import Database from 'better-sqlite3'

export type Connection = Database.Database

/** Everything native that was made in this thread, so that none of it is ever collected. */
const kept: unknown[] = []

/**
 * Opens a database whose statements are made once and live as long as the thread. better-sqlite3 12, the last version for
 * Node 20, aborts the process on Node 24.19 and later when a statement or
 * the rows it iterates over are garbage-collected outside of any call.
 */
export function connect(path: string | Buffer, options: Database.Options = {}): Connection {
  const database = new Database(path, options)
  const statements = new Map<string, Database.Statement>()
  const make = database.prepare.bind(database)
  kept.push(database, statements)

  const prepare = (source: string): Database.Statement => {
    const known = statements.get(source)
    if (known) return known
    const statement = make(source)
    statements.set(source, statement)
    const iterate = statement.iterate.bind(statement)
    return Object.assign(statement, {
      iterate(...parameters: unknown[]) {
        const rows = iterate(...parameters)
        kept.push(rows)
        return rows
      },
    })
  }
  const pragma = (source: string, { simple = false }: Database.PragmaOptions = {}): unknown => {
    const statement = prepare(`PRAGMA ${source}`)
    if (!statement.reader) return void statement.run()
    return simple ? statement.pluck().get() : statement.all()
  }
  return Object.assign(database, { prepare, pragma }) as Connection
}
