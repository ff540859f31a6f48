/** Pilotfish's embedded store, on vectors alone. */
import { embeddedStore, type Candidate, type StoreQuery } from 'pilotfish'
import { serveSearch } from '../harness/serve-search.ts'
import { settled } from '../harness/settled.ts'

serveSearch(async (vectors) => {
  const store = await embeddedStore(':memory:')
  for (let at = 0; at < vectors.length; at += 1_000) {
    await store.upsert(
      vectors.slice(at, at + 1_000).map((vector, i) => ({
        document: { id: String(at + i), text: '' },
        hash: String(at + i),
        vectors: { base: vector },
      })),
    )
  }
  await settled()
  const asked = (vector: Float32Array, topK: number): StoreQuery => ({ vectors: [{ space: 'base', vector }], topK })
  const places = (candidates: readonly Candidate[]): number[] => candidates.map(({ id }) => Number(id))
  return {
    async search(query, k) {
      const [result] = await store.search([asked(query, k)])
      return places(result!.candidates)
    },
    async searchMany(queries, k) {
      const results = await store.search(queries.map((query) => asked(query, k)))
      return results.map(({ candidates }) => places(candidates))
    },
    close: () => store.close(),
  }
})
