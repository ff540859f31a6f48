import type { EncodeOptions, Encoder } from '../encoder/encoder.ts'
import { ndcg } from '../eval/metrics/ndcg.ts'
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
  /** How each expert turns queries into vectors; all of them search the base's space. */
  readonly views: readonly QueryView[]
  readonly lexical?: LexicalOptions
  readonly signal?: AbortSignal
  /** Documents embedded, then queries searched. */
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
  { base, views, lexical, signal, onProgress }: SearchHeldOutOptions,
): Promise<JudgedQuery[]> {
  const options = signal && { signal }
  const total = documents.length + queries.length
  const store = await embeddedStore(':memory:', { graphFrom: Infinity, ...(lexical && { lexical }), ...options })
  try {
    for (let from = 0; from < documents.length; from += block) {
      const part = documents.slice(from, from + block)
      const vectors = await base.encode(part, options)
      await store.upsert(
        part.map((text, i) => ({ document: { id: String(from + i), text }, hash: '', vectors: { [base.id]: vectors[i]! } })),
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
        texts.map((text, i) => ({ vectors: seen.map((vectors) => ({ space: base.id, vector: vectors[i]! })), text, topK: depth })),
        options,
      )
      part.forEach(({ text, positives }, i) => {
        const grades = new Map(positives.map((place) => [String(place), 1]))
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
