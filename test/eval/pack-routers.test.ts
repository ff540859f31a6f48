import { describe, expect, it } from 'vitest'
import { evaluatePack, packSystems } from '../../src/eval/index.ts'
import type { PackExpert } from '../../src/expert/pack.ts'
import { medicalWords, shellWords, toyExpert, type toyEncoder } from '../engine-fixture.ts'
import { beir, care, unix, type Queries } from './beir-fixture.ts'
import { careTrain, declared, toyPack, unixTrain } from './pack-fixture.ts'

/** A set whose questions only its own expert answers: to the other, the words of the wrong documents weigh more. */
function telling(name: string, own: readonly string[], other: string) {
  const ask = (word: string): string => `${word} ${other}`
  const documents = Object.fromEntries([...own.map((word, i) => [`d${i}`, `${word} garden`]), ['wrong', other]])
  const queries = (from: number, to: number): Queries =>
    Object.fromEntries(own.slice(from, to).map((word, i) => [`q${from + i}`, [ask(word), `d${from + i}`]]))
  return beir(name, documents, queries(0, 2), { train: queries(2, 8) })
}

const tellingSets = () =>
  Promise.all([
    telling('care', ['fever', 'dose', 'ibuprofen', 'cough', 'doctor', 'cold', 'pain', 'child'], 'file list'),
    telling('unix', ['tar', 'grep', 'archive', 'kill', 'process', 'command', 'file', 'list'], 'fever dose'),
  ])

const learned = ['router:pilot-mean', 'router:pilot-max', 'router:dataset', 'router:classification-head', 'router:expert-classifiers']

describe('evaluatePack, with the routers of the paper', () => {
  it('learns them from train queries, and says from how many', async () => {
    const sets = await tellingSets()

    const { systems, learnedFrom, notices } = await evaluatePack(await toyPack(declared), sets, { merged: true })

    // A third of them, which training keeps out, with what every expert scores; the others as examples of their domain.
    expect(learnedFrom).toEqual({ care: 6, unix: 6 })
    expect(notices).toEqual([])
    for (const name of learned) expect(Object.keys(systems[name]!.accuracy!)).toEqual(['best', 'owner', 'sets'])
    expect(systems['router:dataset']!.mean['mrr@10']).toBeGreaterThan(systems.general!.mean['mrr@10']!)
  })

  it('teaches them with other sets where it is told to', async () => {
    const teachers = [await care({ train: careTrain }), await unix({ train: unixTrain })]

    const { systems, learnedFrom } = await evaluatePack(await toyPack(declared), [await unix()], {
      systems: ['router:dataset', 'expert:shell'],
      routerData: teachers,
    })

    expect(learnedFrom).toEqual({ care: 6, unix: 6 })
    expect(systems['router:dataset']!.sets).toEqual(systems['expert:shell']!.sets)
  })

  it('leaves them out with a notice where there is nothing to learn from, and refuses when they are named', async () => {
    const pack = await toyPack(declared)

    const { systems, notices } = await evaluatePack(pack, [await unix()])

    for (const name of learned) expect(systems[name]).toBeUndefined()
    expect(notices).toEqual([expect.stringMatching(/^Left out router:pilot-mean, .*no set with a train split belongs to an expert/)])
    await expect(evaluatePack(pack, [await unix()], { systems: ['router:dataset'] })).rejects.toThrow(
      /nothing to learn from.*--router-data/,
    )
  })

  it('never learns from the queries it is scored on', async () => {
    const set = await unix({ train: unixTrain })

    const { learnedFrom, notices } = await evaluatePack(await toyPack(declared), [set], { split: 'train' })

    expect(learnedFrom).toBeUndefined()
    expect(notices).toHaveLength(1)
  })

  it('tells what routers cost and how often they were right', async () => {
    const sets = [await care({ train: careTrain }), await unix({ train: unixTrain })]

    const { systems } = await evaluatePack(await toyPack(declared), sets)

    // Medical is an adapter, shell a table with an encoder of its own.
    expect(systems['router:default']!.cost).toEqual({
      passes: 1,
      lookups: 0.5,
      stores: 1,
      lexical: 0,
      sets: { care: { passes: 1, lookups: 0, stores: 1, lexical: 0 }, unix: { passes: 1, lookups: 1, stores: 1, lexical: 0 } },
    })
    expect(systems.bm25!.cost).toMatchObject({ passes: 0, lookups: 0, stores: 0, lexical: 1 })
    expect(systems['routed+bm25']!.cost).toMatchObject({ passes: 1, stores: 1, lexical: 1 })
    expect(systems['router:default']!.accuracy).toMatchObject({ best: 1, owner: 1 })
    expect(systems['oracle:set']!.cost).toBeUndefined()
    expect(systems.general!.accuracy).toBeUndefined()
  })

  it('does not say how often the best expert was found where it did not ask them all', async () => {
    const { systems } = await evaluatePack(await toyPack(declared), [await unix()], { systems: ['routed'] })

    expect(systems.routed!.accuracy).toEqual({ owner: 1, sets: { unix: { owner: 1 } } })
  })

  it('compares every system with the general expert, and the default router with all others', async () => {
    const sets = [await care({ train: careTrain }), await unix({ train: unixTrain })]

    const { systems } = await evaluatePack(await toyPack(declared), sets)

    expect(Object.keys(systems['router:default']!.significance!)).toEqual(['general', ...learned])
    expect(Object.keys(systems.bm25!.significance!)).toEqual(['general'])
    expect(systems.general!.significance).toBeUndefined()
    const { mean, sets: bySet } = systems.bm25!.significance!.general!
    expect(mean['ndcg@10']!.difference).toBeCloseTo(systems.bm25!.mean['ndcg@10']! - systems.general!.mean['ndcg@10']!, 12)
    expect(Object.keys(bySet)).toEqual(['care', 'unix'])
    for (const { p, interval } of Object.values(mean)) {
      expect(p).toBeGreaterThan(0)
      expect(p).toBeLessThanOrEqual(1)
      expect(interval[0]).toBeLessThanOrEqual(interval[1])
    }
    const [low, high] = systems.bm25!.intervals!.mean['ndcg@10']!
    expect(low).toBeLessThanOrEqual(systems.bm25!.mean['ndcg@10']!)
    expect(high).toBeGreaterThanOrEqual(systems.bm25!.mean['ndcg@10']!)
  })
})

describe('evaluatePack, with a multi-task expert', () => {
  const withAll = async () => {
    const pack = await toyPack([
      ...declared,
      { name: 'all', kind: 'adapter', path: 'x', sets: ['care', 'unix'], multiTask: true } satisfies PackExpert,
    ])
    const words = [...medicalWords, ...shellWords]
    const all = { ...toyExpert('all', words, pack.base as ReturnType<typeof toyEncoder>, words), adapt: (vector: Float32Array) => vector }
    return { ...pack, experts: [...pack.experts, all] }
  }

  it('asks it under a name of its own, and no router and no oracle does', async () => {
    const pack = await withAll()
    const sets = [await care({ train: careTrain }), await unix({ train: unixTrain })]

    const { systems, owners, routes } = await evaluatePack(pack, sets)

    expect(packSystems(pack)).toContain('multi-task')
    expect(Object.keys(systems)).not.toContain('expert:all')
    expect(systems['multi-task']!.sets).toEqual(systems.general!.sets)
    expect(systems['multi-task']!.cost).toMatchObject({ passes: 1, lookups: 0, stores: 1 })
    expect(Object.keys(systems['router:default']!.significance!)).toContain('multi-task')
    expect(owners).toEqual({ care: { expert: 'medical', by: 'pack' }, unix: { expert: 'shell', by: 'pack' } })
    expect(routes.care!.experts).not.toHaveProperty('all')
  })

  it('is no system of a pack without one', async () => {
    await expect(evaluatePack(await toyPack(), [await unix()], { systems: ['multi-task'] })).rejects.toThrow(/names "multi-task"/)
  })
})
