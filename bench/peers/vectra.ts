/** vectra's LocalIndex: one JSON file, scanned. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serveSearch } from '../harness/serve-search.ts'
import { peer } from './package-of.ts'

interface Vectra {
  readonly LocalIndex: new (folder: string) => {
    createIndex(): Promise<void>
    batchInsertItems(items: readonly object[]): Promise<unknown>
    queryItems(vector: number[], query: string, topK: number): Promise<{ item: { metadata: { place: number } } }[]>
  }
}

serveSearch(async (vectors) => {
  const { LocalIndex } = await peer<Vectra>('vectra')
  const directory = mkdtempSync(join(tmpdir(), 'pilotfish-bench-vectra-'))
  const index = new LocalIndex(directory)
  await index.createIndex()
  await index.batchInsertItems(vectors.map((vector, place) => ({ id: String(place), vector: Array.from(vector), metadata: { place } })))
  return {
    async search(query, k) {
      return (await index.queryItems(Array.from(query), '', k)).map(({ item }) => item.metadata.place)
    },
    async close() {
      rmSync(directory, { recursive: true })
    },
  }
})
