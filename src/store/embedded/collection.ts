import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Selection } from '../../document.ts'
import { DimensionMismatchError, IndexReadOnlyError, InvalidArgumentError } from '../../errors.ts'
import { compareStrings } from '../filter.ts'
import { lexicalSettings } from '../lexical/bm25.ts'
import type { LexicalOptions, ScanPage, StoreInfo, StoreQuery } from '../store.ts'
import { closeDatabase, databaseFile, guarded, markHalves, openDatabase, type Connection } from './database.ts'
import { derivedFiles } from './derived.ts'
import { documents as documentTable, type StoredRow } from './documents.ts'
import { lockForWriting } from './lock.ts'
import type { EntriesMessage, FoundMessage } from './messages.ts'
import { metadataRows } from './metadata-rows.ts'
import { mirror as newMirror } from './mirror.ts'
import { has, rowsOf } from './row-set.ts'
import { search } from './search.ts'
import { writeVector, type VectorForm } from './stored-vectors.ts'

/** The embedded store without its thread: every method runs to its end before it returns. */
export interface Collection {
  readonly database: Connection
  info(): StoreInfo
  upsert(entries: EntriesMessage): void
  delete(selection: Selection): number
  search(query: StoreQuery): FoundMessage
  /** Looks ahead for searches that follow with these very objects. */
  prepareVectors(queries: readonly StoreQuery[]): void
  /** Scores a text ahead, for a search that follows. */
  prepare(text: string): void
  get(ids: readonly string[]): (RowWithSpaces | undefined)[]
  scan(page: ScanPage): { rows: RowWithSpaces[]; next?: string }
  vectors(space: string, ids: readonly string[]): (Float32Array | undefined)[]
  sample(space: string, count: number): SampleMessage
  /** Builds graphs for some milliseconds and returns whether there is more to do. */
  work(milliseconds: number): boolean
  close(): void
}

export interface RowWithSpaces extends StoredRow {
  readonly spaces: readonly string[]
}

export interface SampleMessage {
  readonly rows: readonly StoredRow[]
  /** In the order of the rows. */
  readonly vectors: readonly Float32Array[]
  readonly total: number
}

export interface CollectionOptions {
  /** `undefined` for memory only. */
  readonly directory: string | undefined
  readonly readOnly: boolean
  readonly lexical: LexicalOptions | undefined
  /** Vectors from which on a space gets a graph. */
  readonly graphFrom: number
  /** The share of the nearest that a graph is to find, in (0, 1). @default 0.995 */
  readonly recall?: number
  /** How a new index keeps its vectors. */
  readonly vectors?: VectorForm | undefined
}

/** Opens or makes an index. @throws see `openDatabase` and `lockForWriting` */
export function openCollection({
  directory,
  readOnly,
  lexical: options,
  graphFrom,
  recall = 0.995,
  vectors,
}: CollectionOptions): Collection {
  if (options) lexicalSettings(options)
  const location = directory ?? ':memory:'
  const path = directory === undefined ? location : join(directory, databaseFile)
  if (directory !== undefined && !readOnly) prepareDirectory(directory)
  const lock = directory !== undefined && !readOnly ? lockForWriting(directory) : undefined
  const opened: Connection[] = []
  try {
    const database = openDatabase(directory, readOnly)
    opened.push(database)
    return guarded(path, () => start(database))
  } catch (error) {
    opened[0]?.close()
    lock?.release()
    throw error
  }

  function start(database: Connection): Collection {
    const documents = documentTable(database)
    const metadata = metadataRows(database)
    const derived = directory === undefined ? undefined : derivedFiles(directory, database)
    const lexical = lexicalSettings(options ?? storedLexical())
    const form = vectorForm()
    const mirror = newMirror(documents, { path, lexical, graphFrom, recall, derived, readOnly })
    let version: unknown
    database.transaction(mirror.follow)()
    if (!readOnly) {
      // Not before everything was read: nothing is written to an index that turns out to be corrupt.
      if (JSON.stringify(lexical) !== documents.setting('lexical')) documents.set('lexical', JSON.stringify(lexical))
      if (form === 'float16' && documents.setting('vectors') === undefined) {
        database.transaction(() => {
          documents.set('vectors', form)
          markHalves(database)
        })()
      }
      derived?.sweep()
    }

    /** What the index keeps; what was asked, where it keeps nothing yet. */
    function vectorForm(): VectorForm {
      const kept = (documents.setting('vectors') as VectorForm | undefined) ?? (documents.spaces().length > 0 ? 'float32' : undefined)
      if (kept && vectors && kept !== vectors)
        throw new InvalidArgumentError('vectors', `is "${vectors}", but the index keeps ${kept}`, 'Leave it out, or build another index.')
      return kept ?? vectors ?? 'float32'
    }

    function storedLexical(): LexicalOptions {
      return JSON.parse((documents.setting('lexical') as string | undefined) ?? '{}') as LexicalOptions
    }

    /** Runs a read on one state of the database, with the mirror at that state. */
    const reading = <T>(action: () => T): T =>
      guarded(path, () => {
        if (!readOnly) return action()
        return database.transaction(() => {
          const now = database.pragma('data_version', { simple: true })
          if (now !== version) {
            metadata.changed()
            mirror.follow()
            version = now
          }
          return action()
        })()
      })

    /** Runs a change as one transaction; the mirror follows only what was committed. */
    const writing = <T>(action: (sequence: number) => T): T => {
      if (readOnly) throw new IndexReadOnlyError(location, 'it was opened with `readOnly: true`')
      return guarded(path, () => {
        const result = database
          .transaction(() => {
            const sequence = (documents.setting('sequence') as number) + 1
            documents.set('sequence', sequence)
            return action(sequence)
          })
          .immediate()
        metadata.changed()
        database.transaction(mirror.follow)()
        return result
      })
    }

    const checkDimensions = (space: string, dimensions: number): void => {
      const known = mirror.spaces.get(space)?.dimensions ?? dimensions
      if (known !== dimensions) throw new DimensionMismatchError(`The space ${JSON.stringify(space)}`, known, dimensions)
    }
    const dropEmptySpaces = (): void => {
      for (const { number } of documents.spaces()) if (documents.isEmpty(number)) documents.dropSpace(number)
    }
    const withSpaces = (row: StoredRow): RowWithSpaces => ({
      ...row,
      spaces: [...mirror.spaces.values()]
        .filter(({ arena }) => arena.has(row.row))
        .map(({ name }) => name)
        .sort(compareStrings),
    })

    return {
      database,

      info: () =>
        reading(() => ({
          documents: mirror.alive().size,
          spaces: [...mirror.spaces.values()]
            .map(({ name, dimensions, arena }) => ({ space: name, dimensions, vectors: arena.size }))
            .sort((a, b) => compareStrings(a.space, b.space)),
          location,
          readOnly,
        })),

      upsert({ documents: entries, spaces }) {
        for (const { space, dimensions } of spaces) checkDimensions(space, dimensions)
        if (entries.length === 0) return
        writing((sequence) => {
          const free = mirror.free.values()
          let end = mirror.ids.length
          const allocate = (): number => (free.next().value as number | undefined) ?? end++
          const existing = documents.spaces()
          let lostVectors = false
          const rows = entries.map((entry) => {
            const old = documents.head(entry.id)
            if (old?.hash === entry.hash) return old.row
            if (old) {
              metadata.delete(old.row, old.metadata)
              for (const { number } of existing) documents.deleteVector(number, old.row)
              lostVectors = true
            }
            const row = old?.row ?? allocate()
            documents.write({ ...entry, row }, sequence)
            metadata.insert(row, entry.metadata)
            return row
          })
          for (const { space, dimensions, positions, values } of spaces) {
            const { number } = existing.find(({ name }) => name === space) ?? documents.addSpace(space, dimensions)
            positions.forEach((position, i) => {
              documents.setVector(number, rows[position]!, writeVector(values.subarray(i * dimensions, (i + 1) * dimensions), form))
              documents.touch(rows[position]!, sequence)
            })
          }
          if (lostVectors) dropEmptySpaces()
        })
      },

      delete: (selection) =>
        writing((sequence) => {
          const ids =
            'filter' in selection && selection.filter
              ? Array.from(rowsOf(metadata.select(selection.filter, mirror.alive())), (row) => mirror.ids[row]!)
              : (selection as { ids: readonly string[] }).ids
          const spaces = documents.spaces()
          let count = 0
          for (const id of ids) {
            const found = documents.head(id)
            if (!found) continue
            metadata.delete(found.row, found.metadata)
            for (const { number } of spaces) documents.deleteVector(number, found.row)
            documents.delete(found.row, sequence)
            count++
          }
          if (count > 0) dropEmptySpaces()
          return count
        }),

      search: (query) =>
        reading(() => {
          for (const { space, vector } of query.vectors) checkDimensions(space, vector.length)
          const result = search(mirror, query.filter && metadata.select(query.filter, mirror.alive()), query)
          const first = query.documents ? result.candidates.slice(0, query.documents) : []
          return { result, rows: first.map(({ id }) => documents.find(id)!) }
        }),

      prepareVectors: (queries) =>
        reading(() => {
          const open = queries.filter(({ filter }) => !filter)
          const k = Math.max(0, ...open.map(({ topK }) => topK))
          for (const space of mirror.spaces.values()) {
            const vectors = open.flatMap((query) => query.vectors.filter((part) => part.space === space.name).map(({ vector }) => vector))
            space.prepare(
              vectors.filter(({ length }) => length === space.dimensions),
              k,
            )
          }
        }),

      prepare: (text) => reading(() => mirror.postings.prepare(text)),

      get: (ids) => reading(() => ids.map((id) => documents.find(id)).map((row) => row && withSpaces(row))),

      scan: ({ after, limit, missing, filter }) =>
        reading(() => {
          const allowed = filter && metadata.select(filter, mirror.alive())
          const space = missing === undefined ? undefined : mirror.spaces.get(missing)
          const ids: string[] = []
          for (const { row, id } of documents.after(after)) {
            if ((allowed && !has(allowed, row)) || space?.arena.has(row)) continue
            ids.push(id)
            if (ids.length > limit) break
          }
          const rows = ids.slice(0, limit).map((id) => withSpaces(documents.find(id)!))
          return { rows, ...(ids.length > limit && { next: ids[limit - 1]! }) }
        }),

      vectors: (space, ids) =>
        reading(() => {
          const arena = mirror.spaces.get(space)?.arena
          return ids.map((id) => documents.head(id)).map((found) => found && arena?.get(found.row))
        }),

      sample: (space, count) =>
        reading(() => {
          const arena = mirror.spaces.get(space)?.arena
          const numbers = arena ? arena.rows() : new Int32Array(0)
          const size = Math.min(numbers.length, Math.max(0, count))
          const chosen = Array.from({ length: size }, (_, i) => numbers[Math.floor((i * numbers.length) / size)]!)
          const found = chosen.flatMap((row) => documents.at(row) ?? [])
          return { rows: found, vectors: found.map(({ row }) => arena!.get(row)!), total: mirror.alive().size }
        }),

      work: mirror.work,

      close() {
        try {
          if (!readOnly) {
            documents.pruneDeletions()
            mirror.save()
          }
        } catch {
          // Derived files and old deletions only: what could not be saved, for want of space say, is made again.
        } finally {
          mirror.dispose()
          closeDatabase(database, !readOnly)
          lock?.release()
        }
      },
    }
  }
}

function prepareDirectory(directory: string): void {
  if (existsSync(directory) && !statSync(directory).isDirectory())
    throw new InvalidArgumentError('directory', `is a file: ${directory}`, 'Give the path of a directory.')
  guarded(directory, () => {
    mkdirSync(directory, { recursive: true })
    accessSync(directory, constants.W_OK)
  })
}
