import { describe, expect, it } from 'vitest'
import { evaluatePack, evaluateTaskSets, taskSystems, type LoadedPack } from '../../src/eval/index.ts'
import { care, unix } from '../eval/beir-fixture.ts'
import { toyPack } from '../eval/pack-fixture.ts'

/** The toy pack with an expert bound to a task. */
async function withTask(...names: string[]): Promise<LoadedPack> {
  const pack = await toyPack()
  return { ...pack, experts: pack.experts.map((expert) => (names.includes(expert.name) ? { ...expert, task: 'tool' } : expert)) }
}

describe('evaluateTaskSets', () => {
  it('scores the sets of each task as an evaluation of the pack does, at the depth of the task', async () => {
    const pack = await withTask('shell')
    const [first, second] = [await care(), await unix()]

    const found = await evaluateTaskSets(pack, { tool: [first, second], convsearch: [second] })

    expect(Object.keys(found)).toEqual(['convsearch', 'tool'])
    expect(Object.keys(found.tool!.systems)).toEqual(['bm25', 'general', 'routed', 'routed+bm25', 'expert:shell'])
    expect(Object.keys(found.convsearch!.systems)).toEqual(['bm25', 'general', 'routed', 'routed+bm25'])
    const plain = await evaluatePack(pack, [first, second], {
      metrics: ['ndcg@5', 'recall@5'],
      systems: ['bm25', 'general', 'routed', 'expert:shell'],
    })
    for (const [name, { sets, significance }] of Object.entries(plain.systems)) {
      expect(found.tool!.systems[name]!.sets).toEqual(sets)
      expect(found.tool!.systems[name]!.significance).toEqual(significance)
    }
    expect(found.convsearch!.systems.general!.mean).toHaveProperty('ndcg@3')
    expect(found.tool!.systems.routed!.significance!.general!.mean['ndcg@5']!.p).toBeGreaterThan(0)
  })

  it('takes other depths and systems, and reports growing progress', async () => {
    const shares: number[] = []

    const found = await evaluateTaskSets(
      await toyPack(),
      { qa: [await care()], tool: [await unix()] },
      { cutoffs: { tool: 1 }, systems: ['general'], onProgress: ({ share }) => shares.push(share) },
    )

    expect(Object.keys(found.tool!.systems)).toEqual(['general'])
    expect(found.tool!.systems.general!.mean).toHaveProperty('ndcg@1')
    expect(found.qa!.systems.general!.mean).toHaveProperty('ndcg@10')
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.at(-1)).toBeCloseTo(1)
  })

  it('refuses what it cannot evaluate', async () => {
    const pack = await toyPack()
    const set = await unix()
    const wrong = [
      evaluateTaskSets(pack, {}),
      evaluateTaskSets(pack, { tool: [] }),
      evaluateTaskSets(pack, { tools: [set] } as never),
      evaluateTaskSets(pack, { tool: [set] }, { cutoffs: { tool: 0 } }),
    ]
    for (const one of wrong) await expect(one).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('asks every expert that is bound to the task, but not BM25 twice', async () => {
    expect(taskSystems(await withTask('shell', 'medical', 'keywords'), 'tool')).toEqual([
      'bm25',
      'general',
      'routed',
      'routed+bm25',
      'expert:medical',
      'expert:shell',
    ])
    expect(taskSystems(await withTask('shell'), 'qa')).toEqual(['bm25', 'general', 'routed', 'routed+bm25'])
  })
})
