import { IndexCorruptError } from '../../errors.ts'
import { isFinite, type Vector } from '../../vector.ts'
import { analyzerVersion, englishAnalyzer } from '../lexical/analyzer.ts'
import type { LexicalSettings } from '../lexical/lexical.ts'
import { postings as newPostings, type Postings } from '../lexical/postings.ts'
import type { Breadth } from './breadth.ts'
import type { DerivedFiles } from './derived.ts'
import type { Documents, SpaceRow } from './documents.ts'
import { loadGraph } from './graph.ts'
import { rowSet, type RowSet } from './row-set.ts'
import { readPostings, writePostings } from './saved-postings.ts'
import { readVector } from './stored-vectors.ts'
import { space as newSpace, type Space } from './space.ts'

/** What searches need in memory: ids, vectors and postings. Follows the database by sequence number and never leads it. */
export interface Mirror {
  /** Ids by row; `undefined` where a row is free. */
  readonly ids: readonly (string | undefined)[]
  /** Rows below `ids.length` that are free. */
  readonly free: ReadonlySet<number>
  readonly spaces: ReadonlyMap<string, Space>
  readonly postings: Postings
  /** All rows that hold a document. */
  alive(): RowSet
  /** Takes in what was committed since the last call. Repeats what an earlier call that failed began. */
  follow(): void
  /** Builds graphs for some milliseconds and returns whether there is more to do. */
  work(milliseconds: number): boolean
  /** Saves every derived file that is behind. */
  save(): void
  dispose(): void
}

export interface MirrorOptions {
  readonly path: string
  readonly lexical: LexicalSettings
  readonly graphFrom: number
  /** The share of the nearest that graphs are to find, in (0, 1). */
  readonly recall: number
  /** `undefined` when there is no directory. */
  readonly derived: DerivedFiles | undefined
  readonly readOnly: boolean
}

/** Rows a graph may be ahead of its file before it is saved without waiting for `close()`. */
const unsavedRows = 10_000

export function mirror(documents: Documents, { path, lexical, graphFrom, recall, derived, readOnly }: MirrorOptions): Mirror {
  const analyze = englishAnalyzer()
  const postingsName = `postings-${analyzerVersion}-${lexical.titleWeight}`
  let sequence = -1
  let ids: (string | undefined)[] = []
  let alive: RowSet | undefined
  const free = new Set<number>()
  const spaces = new Map<string, Space>()
  let postings = newPostings(analyze, lexical)
  /** Sequence, size and breadth at which each derived file was loaded or saved. */
  const saved = new Map<string, { sequence: number; size: number; breadth?: Breadth | undefined }>()

  const load = (): void => {
    for (const [row, id] of documents.ids()) ids[row] = id
    for (let row = 0; row < ids.length; row++) if (ids[row] === undefined) free.add(row)
    for (const row of documents.spaces()) loadSpace(row)
    loadPostings()
  }

  const loadSpace = (row: SpaceRow): void => {
    const loaded = newSpace(row.number, row.name, row.dimensions, { graphFrom, recall, expected: ids.length })
    spaces.set(row.name, loaded)
    for (const [at, vector] of documents.vectors(row.number)) loaded.set(at, toVector(vector, row))
    if (loaded.arena.size < graphFrom) return
    const file = derived?.find(graphName(row.number))
    if (!file) return
    try {
      const graph = loadGraph(file.path, row.dimensions, file.detail)
      loaded.adopt(
        graph,
        documents.changedSince(file.sequence).map((changed) => changed.row),
      )
      saved.set(graphName(row.number), { sequence: file.sequence, size: graph.size, breadth: graph.breadth })
    } catch {
      // Not this graph after all: it is built again.
    }
  }

  const loadPostings = (): void => {
    const file = derived?.find(postingsName)
    let from = -1
    if (file) {
      const before = readPostings(file.path, file.detail)
      postings = newPostings(analyze, lexical, before)
      for (const row of before.rows) if (ids[row] === undefined) postings.delete(row)
      from = file.sequence
      saved.set(postingsName, { sequence: from, size: 0 })
    }
    for (const { row, content } of documents.changedSince(from)) if (from < 0 || content > from) indexText(row)
  }

  const indexText = (row: number): void => {
    const { title, text } = documents.content(row)
    postings.set(row, title ?? undefined, text)
  }

  const toVector = (bytes: Buffer, { name, dimensions }: SpaceRow): Vector => {
    const vector = readVector(bytes, dimensions)
    if (!vector) throw new IndexCorruptError(path, `holds a vector of the space ${JSON.stringify(name)} that has the wrong length`)
    if (!isFinite(vector)) throw new IndexCorruptError(path, `holds a vector of the space ${JSON.stringify(name)} that is not finite`)
    return vector
  }

  const followSpaces = (rows: readonly SpaceRow[]): void => {
    const numbers = new Set(rows.map(({ number }) => number))
    for (const [name, space] of spaces) {
      if (numbers.has(space.number)) continue
      space.dispose()
      spaces.delete(name)
    }
    for (const { number, name, dimensions } of rows)
      if (!spaces.has(name)) spaces.set(name, newSpace(number, name, dimensions, { graphFrom, recall }))
  }

  const followRow = (row: number, spaceRows: readonly SpaceRow[]): void => {
    for (const spaceRow of spaceRows) {
      const space = spaces.get(spaceRow.name)!
      const bytes = documents.vector(spaceRow.number, row)
      if (!bytes) {
        space.delete(row)
        continue
      }
      const vector = toVector(bytes, spaceRow)
      // An equal vector is not put into the graph again.
      if (!space.arena.equals(row, vector)) space.set(row, vector)
    }
  }

  const reset = (): void => {
    for (const space of spaces.values()) space.dispose()
    spaces.clear()
    free.clear()
    ids = []
    postings = newPostings(analyze, lexical)
  }

  const saveGraph = (space: Space): void => {
    const { graph, number } = space
    const name = graphName(number)
    const last = saved.get(name)
    if (!graph || (last?.sequence === sequence && last.size === graph.size && last.breadth === graph.breadth)) return
    derived!.save(name, sequence, (file) => graph.save(file))
    saved.set(name, { sequence, size: graph.size, breadth: graph.breadth })
  }

  return {
    get ids() {
      return ids
    },
    free,
    spaces,
    get postings() {
      return postings
    },
    alive: () =>
      (alive ??= rowSet(
        ids.flatMap((id, row) => (id === undefined ? [] : row)),
        ids.length,
      )),

    follow() {
      const latest = documents.setting('sequence') as number
      if (latest === sequence) return
      alive = undefined
      if (sequence < (documents.setting('pruned') as number)) {
        reset()
        load()
      } else {
        // Deletions first: a freed row may hold another document by now.
        const deleted = documents.deletedSince(sequence)
        for (const row of deleted) {
          ids[row] = undefined
          free.add(row)
          postings.delete(row)
          for (const space of spaces.values()) space.delete(row)
        }
        const spaceRows = documents.spaces()
        followSpaces(spaceRows)
        for (const { row, id, content } of documents.changedSince(sequence)) {
          for (let gap = ids.length; gap < row; gap++) free.add(gap)
          ids[row] = id
          free.delete(row)
          followRow(row, spaceRows)
          if (content > sequence) indexText(row)
        }
      }
      sequence = latest
    },

    work(milliseconds) {
      for (const space of spaces.values()) {
        if (space.work(milliseconds)) return true
        const size = space.graph?.size ?? 0
        const name = graphName(space.number)
        if (!derived || readOnly || size - (saved.get(name)?.size ?? 0) < unsavedRows) continue
        try {
          saveGraph(space)
        } catch {
          // A full disk, say. Tried again when the graph has grown, and by `close()`.
          saved.set(name, { sequence: -1, size })
        }
      }
      return false
    },

    save() {
      if (!derived || readOnly) return
      if (saved.get(postingsName)?.sequence !== sequence) {
        derived.save(postingsName, sequence, (file) => writePostings(file, postings.save()))
        saved.set(postingsName, { sequence, size: 0 })
      }
      for (const space of spaces.values()) saveGraph(space)
      const graphs = [...spaces.values()].filter(({ graph }) => graph)
      derived.keep([postingsName, ...graphs.map(({ number }) => graphName(number))])
    },

    dispose: reset,
  }
}

function graphName(space: number): string {
  return `graph-${space}`
}
