import type { Workspace } from '../simd/workspace.ts'
import { neighboursKept, type PackedTask, type PackedTexts } from './packed.ts'

/** What a thread needs to look for neighbours: room for two blocks of vectors and their cosines. */
export interface NeighbourRoom {
  readonly space: Workspace
  readonly left: Float32Array
  readonly right: Float32Array
  readonly cosines: Float32Array
  /** Rows of a block. */
  readonly size: number
  /** Writes the unit vectors of texts, one after another. */
  readonly embed: (texts: PackedTexts, places: readonly number[], vectors: Float32Array) => void
}

/**
 * Finds for each query the answers of other queries that the table ranks high and that do not answer it, and writes down
 * one query for each: batches made of neighbours hold negatives that are hard. Queries are shared out between threads.
 */
export function findNeighbours(
  task: PackedTask,
  room: NeighbourRoom,
  dimensions: number,
  share: { thread: number; threads: number },
): void {
  const { space, left, right, cosines, size } = room
  const { asked, places } = askedDocuments(task)
  const count = task.queries.offsets.length - 1
  for (let from = share.thread * size; from < count; from += share.threads * size) {
    const rows = range(from, Math.min(count, from + size))
    room.embed(task.queries, rows, left)
    const best = rows.map((): { place: number; cosine: number }[] => [])
    const answers = rows.map((query) => answersOf(task, query))
    for (let start = 0; start < places.length; start += size) {
      const columns = places.slice(start, start + size)
      room.embed(task.documents, columns, right)
      const height = Math.ceil(rows.length / 4) * 4
      const width = Math.ceil(columns.length / 4) * 4
      space.multiplyTransposed(left, right, cosines, height, width, dimensions)
      rows.forEach((_, row) => {
        const kept = best[row]!
        columns.forEach((place, column) => {
          const cosine = cosines[row * width + column]!
          if (kept.length === neighboursKept && cosine <= kept.at(-1)!.cosine) return
          if (answers[row]!.has(place)) return
          let at = kept.length
          while (at > 0 && kept[at - 1]!.cosine < cosine) at--
          kept.splice(at, 0, { place, cosine })
          if (kept.length > neighboursKept) kept.pop()
        })
      })
    }
    rows.forEach((query, row) =>
      best[row]!.forEach(({ place }, n) => {
        const askers = asked.get(place)!
        task.neighbours[query * neighboursKept + n] = askers[query % askers.length]!
      }),
    )
  }
}

/** The documents that answer some query, equal texts once, and which queries they answer. */
function askedDocuments(task: PackedTask): { asked: Map<number, number[]>; places: number[] } {
  const asked = new Map<number, number[]>()
  for (let query = 0; query + 1 < task.positives.offsets.length; query++) {
    for (const place of answersOf(task, query)) {
      const queries = asked.get(place)
      if (queries) queries.push(query)
      else asked.set(place, [query])
    }
  }
  return { asked, places: [...asked.keys()] }
}

function answersOf({ positives: { tokens, offsets }, same }: PackedTask, query: number): Set<number> {
  const answers = new Set<number>()
  for (let p = offsets[query]!; p < offsets[query + 1]!; p++) answers.add(same[tokens[p]!]!)
  return answers
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}
