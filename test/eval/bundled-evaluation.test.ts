import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Document } from '../../src/document.ts'
import { evaluateEngine, evaluatePack, readBeir } from '../../src/eval/index.ts'
import { openPilotfish } from '../../src/open.ts'

const data = fileURLToPath(new URL('../../../shared/data/mtrag-un', import.meta.url))

describe.skipIf(!existsSync(data))('the bundled pack, on ../shared/data/mtrag-un where it is there', () => {
  it('scores in memory as the index that users have does', { timeout: 60_000 }, async () => {
    const set = await readBeir(data)
    const options = { systems: ['bm25', 'general', 'expert:tools', 'routed', 'routed+bm25'], metrics: ['ndcg@10', 'recall@20'] } as const

    const inMemory = await evaluatePack(undefined, [set], options)

    const fish = await openPilotfish()
    const documents: Document[] = []
    for await (const document of set.corpus()) documents.push({ ...document, id: `${set.name}/${document.id}` })
    await fish.add(documents)
    const indexed = await evaluateEngine(fish, [set], options)
    await fish.close()
    for (const name of ['bm25', 'general', 'expert:tools']) expect(inMemory.systems[name]).toMatchObject(indexed.systems[name]!)
    // A router may know the collection by a sample, which the two stores draw each in its own way.
    for (const name of ['routed', 'routed+bm25'])
      expect(inMemory.systems[name]!.mean['ndcg@10']).toBeCloseTo(indexed.systems[name]!.mean['ndcg@10']!, 2)
    expect(inMemory.systems.bm25!.mean['ndcg@10']).toBeGreaterThan(0.7)
  })
})
