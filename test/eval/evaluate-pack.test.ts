import { describe, expect, it } from 'vitest'
import { createEngine } from '../../src/engine/create.ts'
import type { Engine } from '../../src/engine.ts'
import { evaluateEngine, evaluatePack, packSystems, systemNames, type BeirSet, type LoadedPack } from '../../src/eval/index.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { toyEncoder } from '../engine-fixture.ts'
import { beir, care, unix } from './beir-fixture.ts'
import { careTrain, declared, noise, toyPack, unixTrain } from './pack-fixture.ts'

/** What users have: the same parts over an ordinary store. */
async function engineOf({ base, experts, router, fusion: fuse, lexical }: LoadedPack, sets: readonly BeirSet[]): Promise<Engine> {
  const store = memoryStore({ ...(lexical && { lexical }) })
  const engine = createEngine({ base, experts, general: 'general', router, fusion: fuse, store })
  for (const set of sets) for await (const document of set.corpus()) await engine.add([{ ...document, id: `${set.name}/${document.id}` }])
  return engine
}

describe('evaluatePack', () => {
  it('gives every system the scores that an engine over an ordinary store gives', async () => {
    const pack = await toyPack()
    const sets = [await noise('one', 1), await noise('two', 2)]
    const systems = [...systemNames, 'expert:medical', 'expert:keywords', 'expert:shell']
    const metrics = ['ndcg@10', 'recall@100', 'mrr', 'map@20'] as const

    const merged = await evaluatePack(pack, sets, { merged: true, systems, metrics, blockSize: 16 })
    const alone = await evaluatePack(pack, sets, { systems, metrics })

    const together = await evaluateEngine(await engineOf(pack, sets), sets, { systems, metrics })
    for (const system of systems) expect(merged.systems[system]).toMatchObject(together.systems[system]!)
    expect(merged.routes).toEqual(together.routes)
    for (const set of sets) {
      const own = await evaluateEngine(await engineOf(pack, [set]), [set], { systems, metrics })
      for (const system of systems) expect(alone.systems[system]!.sets[set.name]).toEqual(own.systems[system]!.sets[set.name])
    }
    expect(alone.systems['routed+bm25']).not.toEqual(merged.systems['routed+bm25'])
  })

  it('reports all systems of the pack, and what they were asked', async () => {
    const pack = await toyPack(declared)
    const sets = [await care({ train: careTrain }), await unix({ train: unixTrain })]

    const result = await evaluatePack(pack, sets)

    expect(Object.keys(result.systems)).toEqual([
      ...systemNames,
      'expert:medical',
      'expert:keywords',
      'expert:shell',
      'router:default',
      'router:pilot-mean',
      'router:pilot-max',
      'router:dataset',
      'router:classification-head',
      'router:expert-classifiers',
      'oracle:set',
      'oracle:query',
    ])
    expect(Object.keys(result.systems)).toEqual(packSystems(pack))
    expect(result).toMatchObject({
      pack: { name: 'toy', version: '1.2.3' },
      merged: false,
      split: 'test',
      documents: 5,
      queries: { care: 3, unix: 2 },
      routes: { care: { experts: { medical: 3 }, fallback: 0 } },
    })
    expect(result.systems['router:default']).toMatchObject({ mean: result.systems.routed!.mean, sets: result.systems.routed!.sets })
    expect(Object.keys(result.systems.routed!.mean)).toEqual(['ndcg@10', 'recall@100', 'mrr@10'])
  })

  it('asks the same questions of every expert once', async () => {
    const pack = await toyPack()
    const base = pack.base as ReturnType<typeof toyEncoder>
    base.texts.length = 0

    await evaluatePack(pack, [await unix()])

    // Two documents and two questions under the base; the questions again under the table expert, which is a pass of its own.
    expect(base.texts.filter((text) => text === 'tar')).toHaveLength(2)
    expect(base.texts.filter((text) => text === 'tar archive')).toHaveLength(1)
  })

  it('lets the query oracle be as good as the best expert on each query', async () => {
    const pack = await toyPack()
    const sets = [await noise('one', 3)]

    const { systems } = await evaluatePack(pack, sets, { metrics: ['mrr@10'] })

    for (const name of ['general', 'expert:medical', 'expert:shell', 'oracle:set'])
      expect(systems['oracle:query']!.mean['mrr@10']).toBeGreaterThan(systems[name]!.mean['mrr@10']! - 1e-12)
  })

  it('asks the expert that the pack trained on a set, and scores it as that expert', async () => {
    const experts = [{ name: 'shell', kind: 'adapter', path: 'x', sets: ['care'] }] as const
    const pack = await toyPack(experts)

    const { owners, systems } = await evaluatePack(pack, [await care()], { systems: ['oracle:set', 'expert:shell'] })

    expect(owners).toEqual({ care: { expert: 'shell', by: 'pack' } })
    expect(systems['oracle:set']!.sets).toEqual(systems['expert:shell']!.sets)
    expect(Object.keys(systems)).toEqual(['oracle:set', 'expert:shell'])
  })

  it('chooses a set its expert by another split, never by the one it scores', async () => {
    const documents = { m: 'fever child file list', s: 'tar archive fever child' }
    // By its test queries the set belongs to shell, by its train queries to medical.
    const forShell = { q1: ['fever child tar archive', 's'], q2: ['tar archive child', 's'] } as Record<string, [string, string]>
    const train = { t1: ['fever child tar file', 'm'], t2: ['child file fever list', 'm'] } as Record<string, [string, string]>
    const set = await beir('mixed', documents, forShell, { train })
    const pack = await toyPack()

    const { owners } = await evaluatePack(pack, [set], { systems: ['oracle:set'] })
    const reversed = await evaluatePack(pack, [set], { systems: ['oracle:set'], split: 'train' })
    const without = await evaluatePack(pack, [await unix()], { systems: ['oracle:set'] })

    expect(owners!.mixed!.by).toBe('train')
    expect(reversed.owners!.mixed).toEqual({ expert: 'general', by: 'nobody' })
    expect(without.owners).toEqual({ unix: { expert: 'general', by: 'nobody' } })
  })

  it('counts a document of another set as wrong when merged, and does not see it alone', async () => {
    const sets = [await care(), await beir('more', { d1: 'ibuprofen dose', d9: 'roses' }, { q9: ['roses', 'd9'] })]
    const options = { systems: ['general'], metrics: ['mrr@1'] } as const

    const merged = await evaluatePack(await toyPack(), sets, { ...options, merged: true })
    const alone = await evaluatePack(await toyPack(), sets, options)

    expect(merged.systems.general!.sets.care!['mrr@1']).toBeLessThan(alone.systems.general!.sets.care!['mrr@1']!)
  })

  it('reports progress that only grows, to the end', async () => {
    const seen: number[] = []
    const stages = new Set<string>()

    await evaluatePack(await toyPack(), [await noise('one', 4), await care()], {
      blockSize: 8,
      onProgress: ({ share, stage }) => {
        seen.push(share)
        stages.add(stage)
      },
    })

    expect(seen.at(-1)).toBeCloseTo(1, 6)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect([...stages]).toEqual(['documents', 'questions', 'results'])
  })

  it('stops when told, while embedding and while asking', async () => {
    for (const stage of ['documents', 'questions']) {
      const abort = new AbortController()
      const stopped = evaluatePack(await toyPack(), [await noise('one', 5), await care()], {
        signal: abort.signal,
        onProgress: (progress) => progress.stage === stage && abort.abort(new Error('enough')),
      })

      await expect(stopped).rejects.toThrow('enough')
    }
  })

  it('refuses what it cannot evaluate, saying what to do', async () => {
    const pack = await toyPack()
    const set = await care()

    await expect(evaluatePack(pack, [])).rejects.toThrow(/sets is empty/)
    await expect(evaluatePack(pack, [set, await care()])).rejects.toThrow(/two sets called "care"/)
    await expect(evaluatePack(pack, [set], { split: 'dev' })).rejects.toThrow(/dev\.tsv is missing; splits with judgements: test/)
    await expect(evaluatePack(pack, [set], { systems: ['magic'] })).rejects.toThrow(/Systems: bm25.*router:pilot-mean.*oracle:query/)
    await expect(evaluatePack(pack, [set], { systems: ['router:magic'] })).rejects.toThrow(/names "router:magic"/)
    await expect(evaluatePack(pack, [set], { systems: ['expert:law'] })).rejects.toThrow(/no expert named "law"/)
    await expect(evaluatePack('nowhere', [set])).rejects.toMatchObject({ code: 'INVALID_PACK' })
  })
})
