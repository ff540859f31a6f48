import { poolTokens } from '../../src/train/pooling.ts'
import { meanNdcg10, type StaticBase } from '../../src/train/index.ts'
import type { JudgedQuery, TrainingSet } from './sets.ts'

/** nDCG@10; 0 where a set has no such queries. */
export interface Score {
  readonly heldOut: number
  readonly dev: number
}

/** nDCG@10 of a set's held-out and dev queries over its own documents; `queryTable` embeds queries where an expert does. */
export function scoreGeneral(base: StaticBase, { documents, heldOut, dev }: TrainingSet, queryTable = base.table): Score {
  const { dimensions } = base
  const vectors = new Float32Array(documents.length * dimensions)
  const embed = (table: Float32Array, text: string, out: Float32Array, at: number): void => {
    const tokens = base.tokenize(text)
    poolTokens(table, dimensions, tokens, 0, tokens.length, out, at)
  }
  documents.forEach(({ title, text }, i) => embed(base.table, `${title} ${text}`, vectors, i * dimensions))
  const score = (queries: readonly JudgedQuery[]): number => {
    const embedded = queries.map(({ text }) => {
      const vector = new Float32Array(dimensions)
      embed(queryTable, text, vector, 0)
      return vector
    })
    return meanNdcg10(
      embedded,
      vectors,
      queries.map(({ positives }) => positives),
    )
  }
  return { heldOut: score(heldOut), dev: score(dev) }
}
