import { afterEach, describe, expect, it } from 'vitest'
import { exactStore } from '../../src/store/exact.ts'
import { searchThreads } from '../../src/store/exact/threads.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { Store, StoreEntry, StoreQuery } from '../../src/store/store.ts'
import { normalize, type Vector } from '../../src/vector.ts'
import { seededRandom as random } from '../conformance/random.ts'

const words = 'fever dose child tar archive file loan bank rose garden'.split(' ')

/** Documents in clusters, with exact copies among them, so that equal and nearly equal scores are the rule. */
function entries(count: number, dimensions: number, next: () => number): StoreEntry[] {
  const centres = Array.from({ length: 5 }, () => Array.from({ length: dimensions }, () => next() - 0.5))
  const made: StoreEntry[] = []
  for (let i = 0; i < count; i++) {
    const copied = i % 7 === 3 ? made[i - 1] : undefined
    const centre = centres[i % 5]!
    const vector = copied?.vectors.a ?? normalize(Float32Array.from(centre, (value) => value + (next() - 0.5) / 20))
    const text = Array.from({ length: 6 }, () => words[Math.floor(next() * words.length)]).join(' ')
    made.push({ document: { id: `d${(i * 7919) % count}`, text }, hash: '', vectors: { a: vector } })
  }
  return made
}

function queries(count: number, dimensions: number, next: () => number): StoreQuery[] {
  const vector = (): Vector => normalize(Float32Array.from({ length: dimensions }, () => next() - 0.5))
  return Array.from({ length: count }, (_, i) => ({
    vectors: [
      { space: 'a', vector: vector() },
      { space: 'a', vector: i % 5 === 0 ? new Float32Array(dimensions) : vector() },
    ],
    ...(i % 3 > 0 && { text: `${words[i % words.length]} ${words[(i * 3) % words.length]}` }),
    topK: 20,
  }))
}

async function both(stored: readonly StoreEntry[]): Promise<{ exact: ReturnType<typeof exactStore>; plain: Store }> {
  const [exact, plain] = [exactStore(), memoryStore()]
  await Promise.all([exact.upsert(stored), plain.upsert(stored)])
  return { exact, plain }
}

describe('exactStore', () => {
  const open: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close()
  })

  it.each([3, 8, 21])('finds what a plain scan finds, score for score, in %i dimensions', async (dimensions) => {
    const next = random(dimensions)
    const { exact, plain } = await both(entries(1100, dimensions, next))
    open.push(exact)
    const asked = queries(25, dimensions, next)

    expect(await exact.search(asked)).toEqual(await plain.search(asked))
  })

  it('finds the same when it was prepared, alone or together', async () => {
    const next = random(1)
    const { exact, plain } = await both(entries(600, 16, next))
    open.push(exact)
    const asked = queries(40, 16, next)
    const single = asked.map(({ vectors, topK }) => ({ vectors: vectors.slice(1), topK: topK / 2 }))

    await exact.prepare(asked)

    expect(await exact.search(asked)).toEqual(await plain.search(asked))
    expect(await exact.search(single)).toEqual(await plain.search(single))
    expect(await exact.search([asked[1]!])).toEqual(await plain.search([asked[1]!]))
  })

  it('finds the same in threads', { timeout: 30_000 }, async () => {
    const next = random(2)
    const threads = searchThreads(2)
    const [exact, plain] = [exactStore({ threads }), memoryStore()]
    open.push(exact, threads)
    const stored = entries(1000, 256, next)
    await Promise.all([exact.upsert(stored), plain.upsert(stored)])
    // Enough for threads to pay: 50 × 2 vectors × 1000 documents × 256 dimensions.
    const asked = queries(50, 256, next)

    expect(await exact.search(asked)).toEqual(await plain.search(asked))
  })

  it('sees documents that were added since the last search', async () => {
    const next = random(3)
    const stored = entries(50, 8, next)
    const { exact, plain } = await both(stored.slice(0, 30))
    open.push(exact)
    const asked = queries(5, 8, next)
    await exact.search(asked)

    await Promise.all([exact.upsert(stored.slice(30)), plain.upsert(stored.slice(30))])

    expect(await exact.search(asked)).toEqual(await plain.search(asked))
    expect((await exact.info()).documents).toBe(50)
  })

  it('answers from an empty collection, and asks for more than there is', async () => {
    const exact = exactStore()
    open.push(exact)

    expect(await exact.search([{ vectors: [], text: 'fever', topK: 5 }])).toEqual([{ candidates: [], lexicalBound: 0 }])
    await exact.upsert(entries(3, 4, random(4)))
    const [result] = await exact.search([{ vectors: [{ space: 'a', vector: new Float32Array([1, 0, 0, 0]) }], topK: 100 }])
    expect(result!.candidates).toHaveLength(3)
  })

  it('says what it cannot do', async () => {
    const exact = exactStore()
    open.push(exact)
    await exact.upsert(entries(3, 4, random(5)))

    await expect(exact.delete({ ids: ['d0'] })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    await expect(exact.search([{ vectors: [], text: 'fever', topK: 5, filter: { a: 1 } }])).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    await expect(exact.upsert(entries(1, 4, random(6)))).rejects.toMatchObject({ code: 'DUPLICATE_ID' })
  })

  it('refuses work once closed', async () => {
    const exact = exactStore()
    await exact.close()
    await exact.close()

    await expect(exact.info()).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
