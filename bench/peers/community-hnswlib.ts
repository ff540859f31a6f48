/** LangChain community's HNSWLib, with its own settings. */
import { serveSearch } from '../harness/serve-search.ts'
import { peer } from './package-of.ts'

interface Found {
  readonly metadata: { readonly place: number }
}

interface Community {
  readonly HNSWLib: new (
    embeddings: object,
    args: object,
  ) => {
    addVectors(vectors: number[][], documents: readonly object[]): Promise<void>
    similaritySearchVectorWithScore(query: number[], k: number): Promise<[Found, number][]>
  }
}

serveSearch(async (vectors) => {
  const { HNSWLib } = await peer<Community>('@langchain/community/vectorstores/hnswlib')
  const store = new HNSWLib({}, { space: 'cosine', numDimensions: vectors[0]!.length })
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
