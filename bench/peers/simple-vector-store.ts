/** LlamaIndex's SimpleVectorStore. */
import { serveSearch } from '../harness/serve-search.ts'
import { peer } from './package-of.ts'

interface LlamaIndex {
  readonly SimpleVectorStore: new () => {
    add(nodes: readonly object[]): Promise<string[]>
    query(query: object): Promise<{ ids: readonly string[] }>
  }
  readonly VectorStoreQueryMode: { readonly DEFAULT: string }
}

serveSearch(async (vectors) => {
  const { SimpleVectorStore, VectorStoreQueryMode } = await peer<LlamaIndex>('@llamaindex/core/vector-store')
  const { TextNode } = await peer<{ TextNode: new (init: object) => object }>('@llamaindex/core/schema')
  const store = new SimpleVectorStore()
  await store.add(vectors.map((vector, place) => new TextNode({ id_: String(place), text: '', embedding: Array.from(vector) })))
  return {
    async search(query, k) {
      const { ids } = await store.query({ queryEmbedding: Array.from(query), similarityTopK: k, mode: VectorStoreQueryMode.DEFAULT })
      return ids.map(Number)
    },
  }
})
