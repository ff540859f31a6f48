import { describe, expect, it } from 'vitest'
import { isDense } from '../../src/expert/expert.ts'
import { loadPack } from '../../src/load-pack.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { buildPilots, type PilotSet } from '../../src/train/index.ts'
import type { Vector } from '../../src/vector.ts'
import { fakeEndpoint } from '../encoder/fake-endpoint.ts'
import { everydayPairs } from '../pack-training/pairs.ts'
import { clinic, clinicFiles, law, lawFiles, transformerPack } from './packs.ts'

describe('experts of different kinds in one pack', () => {
  it('become one router with a scale for each, whatever space they search', async () => {
    const server = await fakeEndpoint()
    const letters = { name: 'letters', kind: 'remote', endpoint: { url: `${server.url}/embed`, model: 'letters', dimensions: 26 } }
    const pack = await loadPack(
      transformerPack([law, clinic, letters, { name: 'words', kind: 'lexical' }], { ...lawFiles, ...clinicFiles }),
    )
    const store = memoryStore()
    const encoders = new Map(pack.experts.filter(isDense).map(({ documentEncoder }) => [documentEncoder.id, documentEncoder]))
    for (const [i, { document }] of everydayPairs.entries()) {
      const text = String(document)
      const vectors: Record<string, Vector> = {}
      for (const [space, encoder] of encoders) vectors[space] = (await encoder.encode([text]))[0]!
      await store.upsert([{ document: { id: String(i), text }, hash: '', vectors }])
    }
    const set = (expert: string, from: number): PilotSet => ({
      name: `${expert} questions`,
      expert,
      queries: everydayPairs.slice(from, from + 4).map(({ query }, i) => ({ text: query, grades: new Map([[String(from + i), 1]]) })),
    })

    const { router, calibration } = await buildPilots({
      sets: [set('law', 0), set('clinic', 4), set('letters', 8)],
      experts: pack.experts,
      base: pack.base,
      search: (queries, options) => store.search(queries, options),
    })
    const [vector] = await pack.base.encode([everydayPairs[5]!.query])
    const { scores } = router.route({ text: everydayPairs[5]!.query, vector: vector! })
    await pack.close()

    expect(encoders.size).toBe(3)
    expect(router.experts).toEqual(['law', 'clinic', 'letters'])
    expect(scores[0]!.expert).toBe('clinic')
    expect(Object.keys(calibration.similarity.experts).sort()).toEqual(['clinic', 'general', 'law', 'letters'])
  })
})
