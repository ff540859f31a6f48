import { describe, expect, it } from 'vitest'
import { UnknownExpertError } from '../../src/errors.ts'
import type { Expert } from '../../src/expert/expert.ts'
import { loadRouter, saveRouter } from '../../src/routing/saved-router.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { buildPilots, type PilotSet } from '../../src/train/build-pilots.ts'
import { medicalWords, shellWords, toyEncoder, toyExpert } from '../engine-fixture.ts'

const words = [...medicalWords, ...shellWords]
const base = toyEncoder(words)
const general: Expert = { kind: 'model', name: 'general', queryEncoder: base, documentEncoder: base }
const experts: Expert[] = [general, toyExpert('medical', medicalWords, base, words), toyExpert('shell', shellWords, base, words)]

/** Two words a document; a query asks with both of them and a word of the other domain, which its own expert ignores. */
async function collection(): Promise<{ store: Store; sets: PilotSet[] }> {
  const store = memoryStore()
  const sets: PilotSet[] = []
  for (const [expert, own, other] of [
    ['medical', medicalWords, shellWords],
    ['shell', shellWords, medicalWords],
  ] as const) {
    const queries: { text: string; grades: Map<string, number> }[] = []
    for (let i = 0; i < own.length; i++) {
      for (let j = i + 1; j < own.length; j++) {
        const id = `${expert}-${i}-${j}`
        const text = `${own[i]} ${own[j]}`
        const [vector] = await base.encode([text])
        await store.upsert([{ document: { id, text, metadata: { set: expert } }, hash: id, vectors: { [base.id]: vector! } }])
        queries.push({ text: `what of ${own[j]} with ${own[i]} ${(i + j) % 3 === 0 ? other[i] : ''}`, grades: new Map([[id, 1]]) })
      }
    }
    sets.push({ name: expert, expert, queries, lessons: own.map((word) => `tell me of ${word}`), filter: { set: expert } })
  }
  return { store, sets }
}

describe('buildPilots', () => {
  it('builds a router that sends unseen questions to the expert of their domain', async () => {
    const { store, sets } = await collection()

    const { router, figures } = await buildPilots({ sets, experts, base, search: store.search })

    expect([...router.experts].sort()).toEqual(['medical', 'shell'])
    for (const [text, expert] of [
      ['a child with pain', 'medical'],
      ['grep each process', 'shell'],
    ] as const) {
      const [vector] = await base.encode([text])
      expect(router.route({ text, vector: vector! }).experts[0]!.name).toBe(expert)
    }
    expect(figures.accuracy).toBeGreaterThan(0.9)
    expect(figures.ndcg.routed).toBeGreaterThanOrEqual(figures.ndcg.general)
    expect(figures.fallback.own).toBeLessThan(0.2)
  })

  it('gives every expert a BM25 share and a similarity scale', async () => {
    const { store, sets } = await collection()

    const { router, calibration } = await buildPilots({ sets, experts, base, search: store.search })

    expect(Object.keys(calibration.similarity.experts).sort()).toEqual(['general', 'medical', 'shell'])
    for (const { lexicalWeight } of router.state.experts) {
      expect(lexicalWeight).toBeGreaterThanOrEqual(0)
      expect(lexicalWeight).toBeLessThanOrEqual(1)
    }
  })

  it('gives the same router every time, and one that can be saved', async () => {
    const { store, sets } = await collection()

    const [one, two] = [
      await buildPilots({ sets, experts, base, search: store.search }),
      await buildPilots({ sets, experts, base, search: store.search }),
    ]

    expect(saveRouter(one.router)).toEqual(saveRouter(two.router))
    expect(one.calibration).toEqual(two.calibration)
    const { manifest, tensors } = saveRouter(one.router)
    const query = { text: 'grep each process', vector: (await base.encode(['grep each process']))[0]! }
    expect(loadRouter(manifest, tensors).route(query).experts).toEqual(one.router.route(query).experts)
  })

  it('can label queries by the expert that answers them best, and drop those that all answer alike', async () => {
    const { store, sets } = await collection()

    const { router } = await buildPilots({ sets, experts, base, search: store.search, labels: 'best', dropTies: true })

    // Few queries are answered differently by the two: only those remain as pilots.
    const pilots = router.state.experts.reduce((sum, expert) => sum + expert.examples.length, 0)
    expect(pilots).toBeGreaterThan(0)
    expect(pilots).toBeLessThan(sets.reduce((sum, { queries }) => sum + queries.length, 0))
  })

  it('works with one domain, where there is nothing to tell it from', async () => {
    const { store, sets } = await collection()

    const { router } = await buildPilots({ sets: sets.slice(0, 1), experts, base, search: store.search })

    const [vector] = await base.encode(['fever dose'])
    expect(router.route({ text: 'fever dose', vector: vector! }).confidence).not.toBeNaN()
  })

  it('reports progress and stops when told', async () => {
    const { store, sets } = await collection()
    const seen: number[] = []

    await buildPilots({ sets, experts, base, search: store.search, onProgress: ({ done }) => seen.push(done) })

    expect(seen.at(-1)).toBe(sets.reduce((sum, { queries }) => sum + queries.length, 0))
    await expect(
      buildPilots({ sets, experts, base, search: store.search, signal: AbortSignal.abort(new Error('enough')) }),
    ).rejects.toThrow('enough')
  })

  it('refuses sets of experts it was not given', async () => {
    const { store, sets } = await collection()

    await expect(buildPilots({ sets, experts: [general], base, search: store.search })).rejects.toBeInstanceOf(UnknownExpertError)
    await expect(buildPilots({ sets: [], experts, base, search: store.search })).rejects.toThrow(/no held-out queries/)
  })
})
