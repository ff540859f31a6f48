import type { EncodeOptions, Encoder } from '../encoder/encoder.ts'
import { ndcg } from '../eval/metrics/ndcg.ts'
import { rewardGains } from '../eval/metrics/reward-ndcg.ts'
import type { HeldOutQuery } from '../routing/fitting/queries.ts'
import { embeddedStore } from '../store/embedded.ts'
import type { LexicalOptions } from '../store/store.ts'
import type { TrainingQuery } from '../train/expert/pairs.ts'
import type { Vector } from '../vector.ts'

/** A held-out query with its answers, by document id. */
export interface JudgedQuery extends HeldOutQuery {
  readonly grades: ReadonlyMap<string, number>
}

/** Vectors of queries, in their order. */
export type QueryView = (texts: readonly string[], options: EncodeOptions | undefined) => Promise<readonly Vector[]>

export interface SearchHeldOutOptions {
  readonly base: Encoder
  /** How each expert turns queries into vectors. */
  readonly views: readonly QueryView[]
  /** What embeds the documents that each expert searches, in the order of the views. @default the base for all */
  readonly documentEncoders?: readonly Encoder[]
  readonly lexical?: LexicalOptions
  readonly signal?: AbortSignal
  /** Documents embedded by all encoders, then queries searched. */
  readonly onProgress?: (done: number, total: number) => void
}

/** Candidates of each expert and of BM25. */
const depth = 100
/** Documents embedded and queries searched at once. */
const block = 256

/** Searches a collection that lives for the moment with every expert's vector of every query, and with BM25. */
export async function searchHeldOut(
  documents: readonly string[],
  queries: readonly TrainingQuery[],
  { base, views, documentEncoders = views.map(() => base), lexical, signal, onProgress }: SearchHeldOutOptions,
): Promise<JudgedQuery[]> {
  const encoders = new Map(documentEncoders.map((encoder) => [encoder.id, encoder]))
  const options = signal && { signal }
  const total = documents.length + queries.length
  const store = await embeddedStore(':memory:', { graphFrom: Infinity, ...(lexical && { lexical }), ...options })
  try {
    for (let from = 0; from < documents.length; from += block) {
      const part = documents.slice(from, from + block)
      const made: (readonly [space: string, vectors: readonly Vector[]])[] = []
      for (const [space, encoder] of encoders) made.push([space, await encoder.encode(part, options)])
      const vectorsOf = (i: number): Record<string, Vector> => Object.fromEntries(made.map(([space, vectors]) => [space, vectors[i]!]))
      await store.upsert(
        part.map((text, i) => ({ document: { id: String(from + i), text }, hash: '', vectors: vectorsOf(i) })),
        options,
      )
      onProgress?.(from + part.length, total)
    }
    const judged: JudgedQuery[] = []
    for (let from = 0; from < queries.length; from += block) {
      const part = queries.slice(from, from + block)
      const texts = part.map(({ text }) => text)
      const own = await base.encode(texts, options)
      const seen = await Promise.all(views.map((view) => view(texts, options)))
      const results = await store.search(
        texts.map((text, i) => ({
          vectors: seen.map((vectors, v) => ({ space: documentEncoders[v]!.id, vector: vectors[i]! })),
          text,
          topK: depth,
        })),
        options,
      )
      part.forEach((query, i) => {
        const { text } = query
        const grades = gradesOf(query)
        const found = [{ result: results[i]!, score: (ranked: readonly string[]) => ndcg(grades, ranked, 10) }]
        judged.push({ text, vector: own[i]!, found, grades })
      })
      onProgress?.(documents.length + from + part.length, total)
    }
    return judged
  } finally {
    await store.close()
  }
}

/** Its answers; where a teacher has judged candidates, those in proportion to their rewards. */
function gradesOf({ positives, rewards }: TrainingQuery): Map<string, number> {
  const gains = rewards && rewardGains(rewards.values)
  return gains
    ? new Map(rewards.places.map((place, i) => [String(place), gains[i]!]))
    : new Map(positives.map((place) => [String(place), 1]))
}
