/** The floor of search: hnswlib-node alone, on the caller's thread, with the same graph as the store's and queries as the arrays it takes. */
import { serveSearch } from '../harness/serve-search.ts'
import { bareGraph } from './bare-graph.ts'

serveSearch(async (vectors) => {
  const graph = bareGraph(vectors)
  const arrays = new Map<Float32Array, number[]>()
  const array = (query: Float32Array): number[] => {
    let values = arrays.get(query)
    if (!values) arrays.set(query, (values = Array.from(query)))
    return values
  }
  return {
    tune: (breadth) => graph.setEf(breadth),
    search: (query, k) => graph.searchKnn(array(query), k).neighbors,
    searchMany: async (queries, k) => queries.map((query) => graph.searchKnn(array(query), k).neighbors),
  }
})
