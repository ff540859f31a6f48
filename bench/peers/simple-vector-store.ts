/** LlamaIndex's SimpleVectorStore. */
import { serveSearch } from '../harness/serve-search.ts'
import { peer } from './package-of.ts'

interface LlamaIndex {
  readonly SimpleVectorStore: new (init: object) => {
    add(nodes: readonly object[]): Promise<string[]>
    query(query: object): Promise<{ ids: readonly string[] }>
  }
  readonly TextNode: new (init: object) => object
  readonly VectorStoreQueryMode: { readonly DEFAULT: string }
}

serveSearch(async (vectors) => {
  const { SimpleVectorStore, TextNode, VectorStoreQueryMode } = await peer<LlamaIndex>('llamaindex')
  const store = new SimpleVectorStore({ embedModel: {} })
  await store.add(vectors.map((vector, place) => new TextNode({ id_: String(place), text: '', embedding: Array.from(vector) })))
  return {
    async search(query, k) {
      const { ids } = await store.query({ queryEmbedding: Array.from(query), similarityTopK: k, mode: VectorStoreQueryMode.DEFAULT })
      return ids.map(Number)
    },
  }
})
