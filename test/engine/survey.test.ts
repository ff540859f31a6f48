import { describe, expect, it } from 'vitest'
import { surveyor } from '../../src/engine/surveyor.ts'
import type { Router, Survey, SurveyedDocument } from '../../src/routing/router.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { toyEncoder } from '../engine-fixture.ts'

const base = toyEncoder()
const add = async (store: Store, from: number, count: number): Promise<void> => {
  const texts = Array.from({ length: count }, (_, i) => `fever ${'x'.repeat(500)} ${from + i}`)
  const vectors = await base.encode(texts)
  await store.upsert(
    texts.map((text, i) => ({ document: { id: String(from + i), text, title: 'dose' }, hash: text, vectors: { [base.id]: vectors[i]! } })),
  )
}

/** Counts how often it is asked, and of what. */
function countingRouter(): Router & { readonly asked: { sample: readonly SurveyedDocument[]; documents: number }[] } {
  const asked: { sample: readonly SurveyedDocument[]; documents: number }[] = []
  const survey = (sample: readonly SurveyedDocument[], documents: number): Promise<Survey> => {
    asked.push({ sample, documents })
    return Promise.resolve({ documents, sampled: sample.length, regions: [], claims: new Map() })
  }
  return { asked, survey } as unknown as ReturnType<typeof countingRouter>
}

describe('the surveyor', () => {
  it('looks once for all questions, at the beginnings of a sample', async () => {
    const store = memoryStore()
    await add(store, 0, 400)
    const surveys = surveyor(base, store)
    const router = countingRouter()

    const [first, second] = await Promise.all([surveys.survey(router), surveys.survey(router)])

    expect(first).toBe(second)
    expect(router.asked).toHaveLength(1)
    expect(router.asked[0]!.documents).toBe(400)
    expect(router.asked[0]!.sample.length).toBe(320)
    expect(router.asked[0]!.sample.every(({ text }) => text.startsWith('dose fever') && text.length === 200)).toBe(true)
  })

  it('looks again once a tenth has changed, and for another router', async () => {
    const store = memoryStore()
    await add(store, 0, 100)
    const surveys = surveyor(base, store)
    const router = countingRouter()
    await surveys.survey(router)

    surveys.changed(9)
    await surveys.survey(router)
    expect(router.asked).toHaveLength(1)

    await add(store, 100, 20)
    surveys.changed(11)
    await surveys.survey(router)
    expect(router.asked.map(({ documents }) => documents)).toEqual([100, 120])

    const other = countingRouter()
    await surveys.survey(other)
    expect(other.asked).toHaveLength(1)
  })

  it('gives nothing where the store cannot be sampled or the router takes no notice', async () => {
    const { sample: _, ...plain } = memoryStore()

    expect(await surveyor(base, plain).survey(countingRouter())).toBeUndefined()
    expect(await surveyor(base, memoryStore()).survey({} as Router)).toBeUndefined()
    expect(await surveyor(base, memoryStore()).survey(undefined)).toBeUndefined()
  })

  it('tries again after it has failed', async () => {
    const store = memoryStore()
    await add(store, 0, 10)
    let fails = true
    const flaky: Store = { ...store, sample: (...given) => (fails ? Promise.reject(new Error('busy')) : store.sample!(...given)) }
    const surveys = surveyor(base, flaky)
    const router = countingRouter()

    await expect(surveys.survey(router)).rejects.toThrow('busy')
    fails = false
    expect((await surveys.survey(router))!.documents).toBe(10)
  })
})
