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
  readonly tokens: readonly number[]
  /** Query `i` is `tokens[offsets[i]…offsets[i + 1]]`. */
  readonly offsets: readonly number[]
}

/** Tokenises queries once. */
export function queryTokens(base: StaticBase, texts: readonly string[]): QueryTokens {
  const tokens: number[] = []
  const offsets = [0]
  for (const text of texts) {
    for (const token of Array.from(base.tokenize(text))) tokens.push(token)
    offsets.push(tokens.length)
  }
  return { tokens, offsets }
}

/** Bytes that `tableQuerySide` takes of its workspace. */
export function tableBytes({ table, dimensions }: StaticBase, { tokens }: QueryTokens): number {
  return bytesFor(table.length, table.length, table.length, table.length, dimensions, tokens.length)
}

/** Learns a token table of its own for queries, starting from the base's. Only rows of tokens it has seen change. */
export function tableQuerySide(space: Workspace, base: StaticBase, queries: QueryTokens): QuerySide & { changes(): LearnedTable } {
  const { dimensions } = base
  const { offsets } = queries
  const size = base.table.length
  const table = space.floats(size)
  const adam = { mean: space.floats(size), square: space.floats(size) }
  const gradient = space.floats(size)
  const work = space.floats(dimensions)
  const tokens = space.integers(queries.tokens.length)
  tokens.set(queries.tokens)
  table.set(base.table)
  const touched = new Uint8Array(size / dimensions)
  let kept = table.slice()
  let batch: readonly number[] = []
  let units: Float32Array = new Float32Array(0)
  let lengths: number[] = []

  return {
    dimensions,
    reset() {
      table.set(base.table)
      adam.mean.fill(0)
      adam.square.fill(0)
    },
    forward(numbers, out) {
      batch = numbers
      lengths = numbers.map((query, i) =>
        space.poolTokens(table, dimensions, tokens, offsets[query]!, offsets[query + 1]!, out, i * dimensions),
      )
      units = out
    },
    learn(upstream, rate, step) {
      batch.forEach((query, i) => {
        space.unpoolTokens(
          gradient,
          touched,
          dimensions,
          tokens,
          offsets[query]!,
          offsets[query + 1]!,
          units,
          lengths[i]!,
          upstream,
          i * dimensions,
          work,
        )
      })
      for (let row = 0; row < touched.length; row++) {
        if (!touched[row]) continue
        const start = row * dimensions
        space.adamUpdate(table, gradient, adam, start, start + dimensions, { rate, step, beta2: 0.999 })
        gradient.fill(0, start, start + dimensions)
        touched[row] = 0
      }
    },
    keep() {
      kept = table.slice()
    },
    restore() {
      table.set(kept)
    },
    changes() {
      const rows: number[] = []
      for (let row = 0; row < touched.length; row++) {
        const start = row * dimensions
        if (table.subarray(start, start + dimensions).some((value, d) => value !== base.table[start + d])) rows.push(row)
      }
      const deltas = new Float32Array(rows.length * dimensions)
      rows.forEach((row, i) => {
        for (let d = 0; d < dimensions; d++) deltas[i * dimensions + d] = table[row * dimensions + d]! - base.table[row * dimensions + d]!
      })
      return { rows: Uint32Array.from(rows), deltas }
    },
  }
}
