import { setImmediate as nextTurn } from 'node:timers/promises'
import { bytesFor, type Workspace } from '../simd/workspace.ts'
import type { QuerySide } from './query-side.ts'

/** A static model as trainers see it; `loadStaticModel` gives one. */
export interface StaticBase {
  readonly id: string
  readonly dimensions: number
  /** One row for each token id. */
  readonly table: Float32Array
  tokenize(text: string): ArrayLike<number>
}

/** Sparse changes to a token table: what is added to the rows named, ascending. */
export interface LearnedTable {
  readonly rows: Uint32Array
  readonly deltas: Float32Array
}

/** The texts of queries as a static base reads them. */
export interface QueryTokens {
  /** Token ids that occur, ascending: the rows that may learn. */
  readonly rows: readonly number[]
  /** Places among `rows`. */
  readonly tokens: readonly number[]
  /** Query `i` is `tokens[offsets[i]…offsets[i + 1]]`. */
  readonly offsets: readonly number[]
}

/** Tokenises queries once. */
export async function queryTokens(base: StaticBase, texts: readonly string[], signal: AbortSignal | undefined): Promise<QueryTokens> {
  const ids: number[] = []
  const offsets = [0]
  let turn = performance.now()
  for (const text of texts) {
    for (const id of Array.from(base.tokenize(text))) ids.push(id)
    offsets.push(ids.length)
    if (performance.now() - turn < 20) continue
    await nextTurn()
    signal?.throwIfAborted()
    turn = performance.now()
  }
  const rows = [...new Set(ids)].sort((a, b) => a - b)
  const placeOf = new Map(rows.map((row, place) => [row, place]))
  return { rows, tokens: ids.map((id) => placeOf.get(id)!), offsets }
}

/** Bytes that `tableQuerySide` takes of its workspace. */
export function tableBytes({ dimensions }: StaticBase, { rows, tokens }: QueryTokens): number {
  const size = rows.length * dimensions
  return bytesFor(size, size, size, size, dimensions, tokens.length, tokens.length)
}

/** The query side of a table expert. */
export interface TableQuerySide extends QuerySide {
  /** Sets the start: so many times the given changes, upon the base's rows. */
  startFrom(changes: LearnedTable, times: number): void
  changes(): LearnedTable
}

/**
 * Learns a token table of its own for queries, starting from the base's. Only rows of tokens that queries use learn; changes
 * it starts from stay for the others.
 */
export function tableQuerySide(space: Workspace, base: StaticBase, queries: QueryTokens): TableQuerySide {
  const { dimensions } = base
  const { rows, offsets } = queries
  const size = rows.length * dimensions
  const table = space.floats(size)
  const adam = { mean: space.floats(size), square: space.floats(size) }
  const gradient = space.floats(size)
  const work = space.floats(dimensions)
  const tokens = space.integers(queries.tokens.length)
  tokens.set(queries.tokens)
  const remaining = space.integers(queries.tokens.length)
  const touched = new Uint8Array(rows.length)
  const plain = new Float32Array(size)
  rows.forEach((row, i) => plain.set(base.table.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions))
  const start = plain.slice()
  const kept = plain.slice()
  table.set(plain)
  let others: LearnedTable = { rows: new Uint32Array(0), deltas: new Float32Array(0) }
  let units: Float32Array = new Float32Array(0)
  let batch: readonly { readonly source: Uint32Array; readonly from: number; readonly to: number; readonly length: number }[] = []

  return {
    dimensions,
    state: { table, kept, mean: adam.mean, square: adam.square },
    startFrom(changes, times) {
      start.set(plain)
      const placeOf = new Map(rows.map((row, place) => [row, place]))
      const left: number[] = []
      changes.rows.forEach((row, i) => {
        const at = placeOf.get(row)
        if (at === undefined) left.push(i)
        else for (let d = 0; d < dimensions; d++) start[at * dimensions + d]! += times * changes.deltas[i * dimensions + d]!
      })
      others = times === 0 ? { rows: new Uint32Array(0), deltas: new Float32Array(0) } : scaled(changes, left, times, dimensions)
    },
    reset() {
      table.set(start)
      adam.mean.fill(0)
      adam.square.fill(0)
    },
    forward(numbers, out, dropout) {
      let next = 0
      batch = numbers.map((query, i) => {
        let [source, from, to] = [tokens, offsets[query]!, offsets[query + 1]!]
        if (dropout && dropout.share > 0) {
          const first = next
          for (let t = from; t < to; t++) if (dropout.generator.next() >= dropout.share) remaining[next++] = tokens[t]!
          // Whatever the dice say, a query says something.
          if (next === first && to > from) remaining[next++] = tokens[from + dropout.generator.below(to - from)]!
          ;[source, from, to] = [remaining, first, next]
        }
        return { source, from, to, length: space.poolTokens(table, dimensions, source, from, to, out, i * dimensions) }
      })
      units = out
    },
    learning: {
      learn(upstream, rate, step) {
        batch.forEach(({ source, from, to, length }, i) => {
          space.unpoolTokens(gradient, touched, dimensions, source, from, to, units, length, upstream, i * dimensions, work)
        })
        for (let row = 0; row < touched.length; row++) {
          if (!touched[row]) continue
          const at = row * dimensions
          space.adamUpdate(table, gradient, adam, at, at + dimensions, { rate, step, beta2: 0.999 })
          gradient.fill(0, at, at + dimensions)
          touched[row] = 0
        }
      },
    },
    keep() {
      kept.set(table)
    },
    restore() {
      table.set(kept)
    },
    changes() {
      const deltaOf = new Map<number, Float32Array>()
      others.rows.forEach((row, i) => deltaOf.set(row, others.deltas.subarray(i * dimensions, (i + 1) * dimensions)))
      rows.forEach((row, i) => {
        const delta = table.slice(i * dimensions, (i + 1) * dimensions)
        for (let d = 0; d < dimensions; d++) delta[d]! -= plain[i * dimensions + d]!
        if (delta.some((value) => value !== 0)) deltaOf.set(row, delta)
      })
      const changed = Uint32Array.from(deltaOf.keys()).sort()
      const deltas = new Float32Array(changed.length * dimensions)
      changed.forEach((row, i) => deltas.set(deltaOf.get(row)!, i * dimensions))
      return { rows: changed, deltas }
    },
  }
}

/** Some of the changes, multiplied. */
function scaled({ rows, deltas }: LearnedTable, places: readonly number[], times: number, dimensions: number): LearnedTable {
  const part = new Float32Array(places.length * dimensions)
  places.forEach((place, i) => {
    for (let d = 0; d < dimensions; d++) part[i * dimensions + d] = times * deltas[place * dimensions + d]!
  })
  return { rows: Uint32Array.from(places, (place) => rows[place]!), deltas: part }
}
