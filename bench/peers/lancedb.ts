/** LanceDB: without an index it scans, on all cores; with `options.index` it builds its HNSW index (scalar quantised). */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serveSearch } from '../harness/serve-search.ts'
import { peer } from './package-of.ts'

interface Query {
  distanceType(type: string): Query
  limit(count: number): Query
  select(columns: readonly string[]): Query
  ef(breadth: number): Query
  toArray(): Promise<{ place: number }[]>
}

interface Lance {
  connect(directory: string): Promise<{
    createTable(
      name: string,
      rows: readonly object[],
    ): Promise<{ vectorSearch(vector: Float32Array): Query; createIndex(column: string, options: object): Promise<void> }>
  }>
  readonly Index: { hnswSq(options: object): unknown }
}

serveSearch(async (vectors, { index }) => {
  const { connect, Index } = await peer<Lance>('@lancedb/lancedb')
  const directory = mkdtempSync(join(tmpdir(), 'pilotfish-bench-lance-'))
  const database = await connect(directory)
  const table = await database.createTable(
    'documents',
    vectors.map((vector, place) => ({ place, vector: Array.from(vector) })),
  )
  if (index) {
    const config = Index.hnswSq({ distanceType: 'cosine', numPartitions: 1, m: 24, efConstruction: 200 })
    await table.createIndex('vector', { config })
  }
  let breadth = 64
  return {
    tune: (wanted) => {
      breadth = wanted
    },
    async search(query, k) {
      const asked = table.vectorSearch(query).distanceType('cosine').limit(k).select(['place'])
      return (await (index ? asked.ef(breadth) : asked).toArray()).map(({ place }) => place)
    },
    async close() {
      rmSync(directory, { recursive: true })
    },
  }
})
