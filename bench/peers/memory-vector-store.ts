/** LangChain's MemoryVectorStore. */
import { serveSearch } from '../harness/serve-search.ts'
import { peer } from './package-of.ts'

interface Found {
  readonly metadata: { readonly place: number }
}

interface Memory {
  readonly MemoryVectorStore: new (embeddings: object) => {
    addVectors(vectors: number[][], documents: readonly object[]): Promise<void>
    similaritySearchVectorWithScore(query: number[], k: number): Promise<[Found, number][]>
  }
}

serveSearch(async (vectors) => {
  const { MemoryVectorStore } = await peer<Memory>('@langchain/classic/vectorstores/memory')
  const store = new MemoryVectorStore({})
  await store.addVectors(
    vectors.map((vector) => Array.from(vector)),
    vectors.map((_, place) => ({ pageContent: '', metadata: { place } })),
  )
  return {
    async search(query, k) {
      return (await store.similaritySearchVectorWithScore(Array.from(query), k)).map(([{ metadata }]) => metadata.place)
    },
  }
})
