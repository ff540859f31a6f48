import { adamUpdate } from '../adam.ts'
import { poolTokens, unpoolTokens } from '../pooling.ts'
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

/** Learns a token table of its own for queries, starting from the base's. Only rows of tokens it has seen change. */
export function tableQuerySide(base: StaticBase, texts: readonly string[]): QuerySide & { changes(): LearnedTable } {
  const { dimensions } = base
  const tokens = texts.map((text) => base.tokenize(text))
  const table = base.table.slice()
  const adam = { mean: new Float32Array(table.length), square: new Float32Array(table.length) }
  const gradient = new Float32Array(table.length)
  const touched = new Uint8Array(table.length / dimensions)
  const work = new Float32Array(dimensions)
  let kept = table.slice()
  let batch: readonly number[] = []
  let units: Float32Array = new Float32Array(0)
  let lengths: number[] = []

  return {
    dimensions,
    forward(queries, out) {
      batch = queries
      lengths = queries.map((query, i) => poolTokens(table, dimensions, tokens[query]!, 0, tokens[query]!.length, out, i * dimensions))
      units = out
    },
    learn(upstream, rate, step) {
      batch.forEach((query, i) => {
        const ids = tokens[query]!
        unpoolTokens(gradient, touched, dimensions, ids, 0, ids.length, units, lengths[i]!, upstream, i * dimensions, work)
      })
      for (let row = 0; row < touched.length; row++) {
        if (!touched[row]) continue
        const start = row * dimensions
        adamUpdate(table, gradient, adam, start, start + dimensions, { rate, step, beta2: 0.999 })
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
