import { beforeAll, describe, expect, it } from 'vitest'
import { loadPack, runStudy, type BeirSet, type Study, type StudyProgress } from '../../src/eval/index.ts'
import { bundledPack } from '../../src/load-pack.ts'
import { writePackWithout } from '../../src/studies/pack-without.ts'
import { folder } from '../cli/folder.ts'
import { beir } from '../eval/beir-fixture.ts'
import { newQuestions, tradePairs } from '../pack-training/pairs.ts'

/** Words of a trade as a retrieval set: ninety-six train queries, twelve others to judge by. */
async function trade(): Promise<BeirSet> {
  const texts = [...new Set(tradePairs.map(({ document }) => document))]
  const idOf = (meaning: string): string => `d${texts.findIndex((text) => text.startsWith(meaning))}`
  return beir(
    'trade',
    Object.fromEntries(texts.map((text, i) => [`d${i}`, text])),
    Object.fromEntries(newQuestions.map(({ question, meaning }, i) => [`q${i}`, [question, idOf(meaning)]])),
    { train: Object.fromEntries(tradePairs.map(({ query, document }, i) => [`t${i}`, [query, idOf(document)]])) },
  )
}

describe('the study of the training size', () => {
  let study: Study
  const seen: StudyProgress[] = []

  beforeAll(async () => {
    study = await runStudy('training-size', [await trade()], {
      sizes: [12, 96, 5000],
      repeats: 1,
      onProgress: (progress) => seen.push(progress),
    })
  }, 120_000)

  it('trains an expert of the set in every size that it has the queries for', () => {
    expect(study).toMatchObject({ name: 'training-size', varied: 'train queries', metric: 'ndcg@10' })
    expect(study.points.map(({ at }) => at)).toEqual([12, 96])
  })

  it('finds more with more queries, and the router asks the expert', () => {
    const [few, many] = study.points.map(({ mean }) => mean)

    expect(many!.expert!).toBeGreaterThan(many!.general! + 0.2)
    expect(many!.expert!).toBeGreaterThan(few!.expert!)
    expect(many!.routed!).toBeGreaterThan(many!.general! + 0.2)
    expect(few!.general).toBe(many!.general)
  })

  it('counts trainings, to the end', () => {
    const shares = seen.map(({ share }) => share)

    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(seen.at(-1)).toEqual({ stage: 'trainings', done: 3, total: 3, share: 1 })
  })

  it('refuses sets that nothing can be trained on', async () => {
    const set = await beir('plain', { d: 'tar' }, { q: ['tar', 'd'] })

    await expect(runStudy('training-size', [set])).rejects.toThrow(/no train split/)
  })
})

describe('writePackWithout', () => {
  it('writes a pack that lacks the expert, whom its router does not know', async () => {
    const pack = await loadPack(bundledPack())
    const directory = `${folder()}/without`
    await writePackWithout(pack, 'bank', directory)
    const without = await loadPack(directory)

    expect(without.experts.map(({ name }) => name)).toEqual(pack.experts.map(({ name }) => name).filter((name) => name !== 'bank'))
    expect(without.router.experts).not.toContain('bank')
    expect(without.router.experts).toHaveLength(pack.router.experts.length - 1)
    expect(without.pack.manifest.files).not.toHaveProperty('experts/bank/table.safetensors')
    const query = { text: 'unpack a tar archive', vector: (await without.base.encode(['unpack a tar archive']))[0]! }
    expect(without.router.route(query)).toEqual(pack.router.without('bank').route(query))
  })
})
