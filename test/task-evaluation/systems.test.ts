import { describe, expect, it } from 'vitest'
import { bm25System, embedderSystem, oracleSystem, randomSystem } from '../../src/eval/index.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { taskEncoders } from '../../src/tasks/task-encoders.ts'
import { medicalWords, shellWords, toyEncoder } from '../engine-fixture.ts'
import { sample } from './samples.ts'

const candidates = [
  'tar an archive',
  'a cold and a cough',
  'dose of ibuprofen for a child',
  'the child has a cold',
  'kill a process',
  'nothing',
]

describe('bm25System', () => {
  it('orders candidates as a store does that holds them', async () => {
    const one = sample({ task: 'qa', query: 'which cold dose for the child', candidates })
    const store = memoryStore({ lexical: { k1: 0.9, b: 0.4 } })
    await store.upsert(candidates.map((text, place) => ({ document: { id: String(place), text }, hash: text, vectors: {} })))
    const [found] = await store.search([{ vectors: [], text: one.query, topK: 6 }])

    const [order] = await bm25System({ k1: 0.9, b: 0.4 }).order([one])

    const matching = found!.candidates.map(({ id }) => Number(id))
    expect(matching.length).toBeGreaterThan(2)
    expect(order!.slice(0, matching.length)).toEqual(matching)
    expect([...order!].sort()).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('gives no place away for knowing nothing: equal scores go by lot, the same every time', async () => {
    const samples = Array.from({ length: 200 }, (_, i) =>
      sample({ task: 'qa', query: `zebra ${i}`, candidates: ['a', 'b', 'c', 'd'], positives: 1 }),
    )

    const first = await bm25System().order(samples)
    const again = await bm25System().order(samples)

    const leading = first.filter((order) => order![0] === 0).length
    expect(leading).toBeGreaterThan(25)
    expect(leading).toBeLessThan(75)
    expect(again).toEqual(first)
  })
})

describe('randomSystem', () => {
  it('draws every order about as often, by the seed', async () => {
    const samples = Array.from({ length: 600 }, (_, i) => sample({ task: 'qa', query: `${i}`, candidates: ['a', 'b', 'c'] }))

    const orders = (await randomSystem().order(samples, { seed: 3 })).map(String)

    const counts = new Map<string, number>()
    for (const order of orders) counts.set(order, (counts.get(order) ?? 0) + 1)
    expect(counts.size).toBe(6)
    for (const count of counts.values()) expect(Math.abs(count - 100)).toBeLessThan(40)
    expect((await randomSystem().order(samples, { seed: 3 })).map(String)).toEqual(orders)
    expect((await randomSystem().order(samples, { seed: 4 })).map(String)).not.toEqual(orders)
  })
})

describe('oracleSystem', () => {
  it('orders by rewards, else puts first what helps, else has no order', async () => {
    const [scored, judged, neither] = await oracleSystem().order([
      sample({ task: 'qa', query: 'q', candidates: ['a', 'b', 'c'], positives: 1, scores: [0.1, 0.9, 0.5] }),
      sample({ task: 'tool', query: 'q', candidates: ['a', 'b', 'c'], positives: 2 }),
      sample({ task: 'chat', query: 'q', candidates: ['a', 'b', 'c'] }),
    ])

    expect(scored).toEqual([1, 2, 0])
    expect(judged![2]).toBe(2)
    expect(neither).toBeUndefined()
  })
})

describe('embedderSystem', () => {
  it('orders candidates by their cosine with the query', async () => {
    const encoder = toyEncoder()
    const [order] = await embedderSystem({ name: 'toy', query: encoder, key: encoder }).order([
      sample({
        task: 'qa',
        query: 'ibuprofen dose for a child',
        candidates: ['tar', 'a child', 'dose of ibuprofen', 'child ibuprofen dose'],
      }),
    ])

    expect(order).toEqual([3, 2, 1, 0])
  })

  it('reads every text once, and a list that samples share only in the first block', async () => {
    const encoder = toyEncoder()
    const system = embedderSystem({ name: 'toy', query: encoder, key: encoder })
    const shared = ['tar', 'kill', 'tar']

    await system.order([
      sample({ task: 'icl', query: 'cold', candidates: shared }),
      sample({ task: 'icl', query: 'cold', candidates: shared }),
    ])
    await system.order([sample({ task: 'icl', query: 'pain', candidates: shared })])

    expect(encoder.texts).toEqual(['cold', 'tar', 'kill', 'pain'])
  })

  it("reads a task's instructions before both sides", async () => {
    const encoder = toyEncoder()
    await embedderSystem({ name: 'toy', ...taskEncoders(encoder, 'tool') }).order([
      sample({ task: 'tool', query: 'cold', candidates: ['tar'] }),
    ])

    expect(encoder.texts).toEqual([
      'Transform this user request for fetching helpful tool descriptions: cold',
      'Transform this tool description for retrieval: tar',
    ])
  })

  it('counts the texts of which only the beginning was read', async () => {
    const encoder = toyEncoder()
    const short = {
      ...encoder,
      encode: async (texts: readonly string[], options: Parameters<typeof encoder.encode>[1] = {}) => {
        texts.forEach((text, index) => text.length > 5 && options.onTruncated?.({ index, tokens: text.length, limit: 5 }))
        return encoder.encode(texts, options)
      },
    }
    const seen: object[] = []
    const one = sample({ task: 'qa', query: 'archive', candidates: ['ibuprofen', 'tar', 'ibuprofen'] })

    await embedderSystem({ name: 'toy', query: short, key: short }).order([one, one], { onTruncated: (texts) => seen.push(texts) })

    expect(seen).toEqual([
      { queries: 1, candidates: 2 },
      { queries: 1, candidates: 2 },
    ])
  })

  it('refuses two sides that do not compare', () => {
    expect(() => embedderSystem({ name: 'odd', query: toyEncoder(medicalWords), key: toyEncoder([...shellWords, 'rose']) })).toThrowError(
      expect.objectContaining({ code: 'DIMENSION_MISMATCH' }) as Error,
    )
  })

  it('stops when it is told to', async () => {
    const encoder = toyEncoder()
    const system = embedderSystem({ name: 'toy', query: encoder, key: encoder })
    const one = sample({ task: 'qa', query: 'cold', candidates })

    await expect(system.order([one], { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
  })
})
