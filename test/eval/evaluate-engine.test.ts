import { describe, expect, it } from 'vitest'
import { comparisonTable, evaluateEngine, systemNames, type BeirSet } from '../../src/eval/index.ts'
import { toyEngine } from '../engine-fixture.ts'
import { beir, care, unix } from './beir-fixture.ts'

async function filled(sets: readonly BeirSet[]) {
  const engine = await toyEngine()
  for (const set of sets) for await (const document of set.corpus()) await engine.add([{ ...document, id: `${set.name}/${document.id}` }])
  return engine
}

describe('evaluateEngine', () => {
  it('scores every system on every set of one collection', async () => {
    const sets = [await care(), await unix()]
    const engine = await filled(sets)

    const result = await evaluateEngine(engine, sets, { metrics: ['ndcg@10', 'mrr@10'] })

    expect(Object.keys(result.systems)).toEqual([...systemNames])
    expect(result.documents).toBe(5)
    expect(result.queries).toEqual({ care: 3, unix: 2 })
    for (const { mean, sets: scores } of Object.values(result.systems)) {
      expect(scores.unix).toEqual({ 'ndcg@10': 1, 'mrr@10': 1 })
      expect(mean['ndcg@10']).toBeCloseTo((scores.care!['ndcg@10']! + 1) / 2, 10)
    }
    await engine.close()
  })

  it('drops the hit that is the query itself', async () => {
    const sets = [await care()]
    const engine = await filled(sets)

    const { systems } = await evaluateEngine(engine, sets, { systems: ['general'], metrics: ['mrr@1'] })

    // Query d3 says "pain", as document d3 does; without d3 the best of the rest is d2 by id.
    expect(systems.general!.sets.care!['mrr@1']).toBeGreaterThanOrEqual(2 / 3)
    await engine.close()
  })

  it('counts a document of another set as wrong, whatever its id', async () => {
    const sets = [await care(), await beir('more', { d1: 'ibuprofen dose', d9: 'roses' }, { q9: ['roses', 'd9'] })]
    const engine = await filled(sets)

    const { systems } = await evaluateEngine(engine, sets, { systems: ['general'], metrics: ['mrr@10'] })

    // The very words of q1 are in more/d1, which is not the answer care/d1.
    expect(systems.general!.sets.care!['mrr@10']).toBeLessThan(1)
    await engine.close()
  })

  it('says where queries were sent', async () => {
    const sets = [await care(), await unix()]
    const engine = await filled(sets)

    const { routes } = await evaluateEngine(engine, sets, { systems: ['routed', 'bm25'] })

    expect(routes.care).toEqual({ experts: { medical: 3 }, fallback: 0, fused: 0 })
    expect(routes.unix).toEqual({ experts: { shell: 2 }, fallback: 0, fused: 0 })
    await engine.close()
  })

  it('reports progress up to the total and stops when told', async () => {
    const sets = [await care(), await unix()]
    const engine = await filled(sets)
    const seen: [number, number][] = []
    const abort = new AbortController()

    await evaluateEngine(engine, sets, {
      systems: ['bm25', 'general'],
      blockSize: 2,
      onProgress: ({ done, total }) => seen.push([done, total]),
    })
    const stopped = evaluateEngine(engine, sets, { blockSize: 1, signal: abort.signal, onProgress: () => abort.abort(new Error('enough')) })

    expect(seen.at(-1)).toEqual([10, 10])
    expect(seen.map(([done]) => done)).toEqual([2, 4, 5, 6, 8, 10])
    await expect(stopped).rejects.toThrow('enough')
    await engine.close()
  })

  it('refuses what it cannot evaluate, saying what to do', async () => {
    const set = await care()
    const engine = await filled([set])

    await expect(evaluateEngine(engine, [await unix()])).rejects.toThrow(/"unix\/d1".*not in the collection.*pilotfish add/)
    await expect(evaluateEngine(engine, [])).rejects.toThrow(/sets is empty/)
    await expect(evaluateEngine(engine, [set], { systems: ['oracle'] })).rejects.toThrow(/Systems: bm25/)
    await expect(evaluateEngine(engine, [set], { systems: ['expert:law'] })).rejects.toThrow(/no expert named "law"/)
    await expect(evaluateEngine(engine, [set], { split: 'dev' })).rejects.toThrow(/dev\.tsv is missing/)
    await engine.close()
  })
})

describe('comparisonTable', () => {
  it('is Markdown, in percent', () => {
    const table = comparisonTable({
      queries: { a: 1, b: 1 },
      systems: {
        bm25: {
          mean: { 'ndcg@10': 0.5 } as never,
          sets: { a: { 'ndcg@10': 0.75 } as never, b: { 'ndcg@10': 0.25 } as never },
        },
      },
    })

    expect(table).toBe('| ndcg@10 | mean | a | b |\n| --- | ---: | ---: | ---: |\n| bm25 | 50.0 | 75.0 | 25.0 |\n')
  })
})
