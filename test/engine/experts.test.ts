import { describe, expect, it } from 'vitest'
import { DimensionMismatchError, DuplicateExpertError, NoExpertsError, UnknownExpertError } from '../../src/errors.ts'
import type { ModelExpert } from '../../src/expert/expert.ts'
import { medicalWords, shellWords, toy, toyDocuments, toyEncoder, toyExpert } from '../engine-fixture.ts'

const words = [...medicalWords, ...shellWords, 'rose', 'roses', 'sun', 'soil']
const gardenQueries = ['roses in the sun', 'soil for roses', 'rose soil', 'how much sun for a rose', 'rose', 'soil']

async function withGarden() {
  const base = toyEncoder(words)
  const setup = await toy(undefined, base)
  await setup.engine.add(toyDocuments)
  return { ...setup, garden: toyExpert('garden', ['rose', 'roses', 'sun', 'soil'], base, words) }
}

describe('experts', () => {
  it('lists what is there', async () => {
    const { engine } = await withGarden()

    expect(engine.experts.list().map(({ name, kind, routed }) => ({ name, kind, routed }))).toEqual([
      { name: 'general', kind: 'model', routed: false },
      { name: 'medical', kind: 'adapter', routed: true },
      { name: 'shell', kind: 'adapter', routed: true },
    ])
  })

  it('are added to a running engine without embedding a document again', async () => {
    const { engine, base, garden } = await withGarden()
    base.texts.length = 0

    await engine.experts.add(garden, { queries: gardenQueries, lexicalWeight: 0.3 })
    const { route } = await engine.retrieve('which soil for roses')

    expect(base.texts).toEqual([...gardenQueries, 'which soil for roses'])
    expect(route.experts[0]!.name).toBe('garden')
  })

  it('leave the hits under the other experts as they were', async () => {
    const { engine, garden } = await withGarden()
    const questions = ['ibuprofen dose', 'grep a file']
    const before = await engine.retrieveMany(questions)

    await engine.experts.add(garden, { queries: gardenQueries })
    const after = await engine.retrieveMany(questions)

    expect(after.map(({ route }) => route.experts)).toEqual(before.map(({ route }) => route.experts))
    expect(after.map(({ hits }) => hits)).toEqual(before.map(({ hits }) => hits))
  })

  it('route as before once the newcomer is removed', async () => {
    const { engine, garden } = await withGarden()
    const before = await engine.route('roses with a fever')

    await engine.experts.add(garden, { queries: gardenQueries })
    await engine.experts.remove('garden')

    expect(await engine.route('roses with a fever')).toEqual(before)
  })

  it('are asked only by name when they come without queries', async () => {
    const { engine, garden } = await withGarden()

    await engine.experts.add(garden)

    expect(engine.experts.list().find(({ name }) => name === 'garden')?.routed).toBe(false)
    expect((await engine.retrieve('roses', { expert: 'garden' })).route.experts[0]!.name).toBe('garden')
    expect((await engine.retrieve('roses')).route.experts[0]!.name).not.toBe('garden')
  })

  it('with a model of their own get the stored texts embedded first', async () => {
    const { engine } = await withGarden()
    const own = toyEncoder(['roses', 'sun'], 'own-model')
    const expert: ModelExpert = { kind: 'model', name: 'flowers', queryEncoder: own, documentEncoder: own }
    const progress: number[] = []

    await engine.experts.add(expert, { queries: ['roses', 'sun'], onProgress: ({ done }) => progress.push(done) })

    expect(progress.at(-1)).toBe(toyDocuments.length)
    const { hits } = await engine.retrieve('roses', { expert: 'flowers', topK: 1, lexicalWeight: 0 })
    expect(hits[0]?.document.id).toBe('x1')
    expect((await engine.info()).spaces.map(({ space }) => space)).toContain('own-model')
  })

  it('may be purely lexical', async () => {
    const { engine } = await withGarden()

    await engine.experts.add({ kind: 'lexical', name: 'words' })
    const { hits, route } = await engine.retrieve('roses sun', { expert: 'words' })

    expect(route.experts).toEqual([{ name: 'words', weight: 1 }])
    expect(hits.map(({ document }) => document.id)).toEqual(['x1'])
    expect(hits[0]!.lexical).toBeGreaterThan(0)
    expect(hits[0]!.expert).toBe('words')
  })

  it('are not added twice under one name', async () => {
    const { engine, garden } = await withGarden()

    await expect(engine.experts.add({ ...garden, name: 'medical' })).rejects.toThrow(DuplicateExpertError)
  })

  it('whose two sides do not fit are refused', async () => {
    const { engine, garden } = await withGarden()

    await expect(engine.experts.add({ ...garden, documentEncoder: toyEncoder(['a', 'b']) })).rejects.toThrow(DimensionMismatchError)
  })

  it.each(['', 'two words', 'x'.repeat(65), 7])('are refused under the name %j', async (name) => {
    const { engine, garden } = await withGarden()

    await expect(engine.experts.add({ ...garden, name: name as string })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('that are unknown cannot be removed', async () => {
    const { engine } = await withGarden()

    await expect(engine.experts.remove('law')).rejects.toThrow(UnknownExpertError)
  })

  it('that the router knew may all go; the general one then answers', async () => {
    const { engine } = await withGarden()

    await engine.experts.remove('medical')
    await engine.experts.remove('shell')
    const { route } = await engine.retrieve('ibuprofen dose')

    expect(route).toMatchObject({ decision: 'fallback', experts: [{ name: 'general', weight: 1 }], scores: [] })
  })

  it('answer as long as one is left; the last one cannot be removed', async () => {
    const { engine } = await withGarden()

    await engine.experts.remove('general')
    await engine.experts.remove('shell')

    expect((await engine.retrieve('no word of this is known')).route.experts).toEqual([{ name: 'medical', weight: 1 }])
    await expect(engine.experts.remove('medical')).rejects.toThrow(NoExpertsError)
    expect((await engine.retrieve('ibuprofen dose', { topK: 1 })).hits[0]?.document.id).toBe('m1')
  })
})
