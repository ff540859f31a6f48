import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { runStudy, saveStudy, studyNames, studyTable, type Study, type StudyName, type StudyProgress } from '../../src/eval/index.ts'
import { folder } from '../cli/folder.ts'
import { care } from '../eval/beir-fixture.ts'
import { clinic, toyPack, toySets } from './toy-field.ts'

const last = (study: Study) => study.points.at(-1)!

describe('the study of the number of experts', () => {
  it('lets experts arrive one by one and routing gain with each', async () => {
    const study = await runStudy('experts', await toySets(), { pack: await toyPack() })

    expect(study).toMatchObject({ name: 'experts', varied: 'experts', metric: 'ndcg@10', merged: false, seed: 1 })
    expect(study.points.map(({ at }) => at)).toEqual([1, 2])
    expect(study.points.map(({ note }) => note).sort()).toEqual(['+ medical', '+ shell'])
    const [one, two] = study.points.map(({ mean }) => mean)
    expect(one!.general).toBe(two!.general)
    expect(two!.routed!).toBeGreaterThan(one!.routed! + 0.1)
    expect(two!.routed!).toBeGreaterThan(two!.general! + 0.2)
    expect(two!['oracle:set']).toBe(1)
    expect(Object.keys(last(study).sets)).toEqual(['clinic', 'terminal'])
  })

  it('never lets a choice of one expert exceed the oracle of those that are there', async () => {
    const { points } = await runStudy('experts', await toySets(), { pack: await toyPack(), merged: true })

    for (const { sets } of points)
      for (const scores of Object.values(sets))
        for (const system of ['general', 'router:pilot-mean', 'router:pilot-max', 'oracle:set'])
          expect(scores['oracle:query']!).toBeGreaterThanOrEqual(scores[system]! - 1e-12)
  })

  it('is the same for the same seed, in another order for another', async () => {
    const pack = await toyPack()
    const orders = new Set<string>()
    for (const seed of [1, 1, 2, 3, 4, 5]) {
      const { points } = await runStudy('experts', await toySets(), { pack, seed })
      orders.add(JSON.stringify(points))
    }

    expect(orders.size).toBe(2)
  })
})

describe('the study of pilots', () => {
  it('varies how many stand for a group', async () => {
    const study = await runStudy('pilots', await toySets(), { pack: await toyPack(), sizes: [1, 4] })

    expect(study.points.map(({ at }) => at)).toEqual([1, 4])
    expect(Object.keys(last(study).mean)).toEqual(['general', 'router:pilot-mean', 'router:pilot-max', 'oracle:set'])
    expect(last(study).mean['router:pilot-max']!).toBeGreaterThan(last(study).mean.general!)
  })

  it('compares mean and nearest under several kinds of hygiene', async () => {
    const study = await runStudy('aggregation', await toySets(), { pack: await toyPack() })

    expect(study.points[0]).toMatchObject({ at: 'as in the paper' })
    expect(study.points.length).toBeGreaterThan(5)
    for (const { mean } of study.points) expect(Object.keys(mean)).toEqual(['router:pilot-mean', 'router:pilot-max'])
  })
})

describe('the study that leaves experts out', () => {
  it('tells what becomes of their own sets, and how many queries fall back', async () => {
    const { points } = await runStudy('leave-one-out', await toySets(), { pack: await toyPack() })

    expect(points.map(({ at }) => at)).toEqual(['medical', 'shell'])
    expect(points.map(({ sets }) => Object.keys(sets))).toEqual([['clinic'], ['terminal']])
    for (const { mean, note } of points) {
      expect(mean['with its expert']!).toBeGreaterThan(mean.routed! + 0.2)
      expect(note).toMatch(/^\d+\.\d % of 8 queries fall back$/)
    }
  })

  it('leaves out those it is told to', async () => {
    const { points } = await runStudy('leave-one-out', await toySets(), { pack: await toyPack(), experts: ['shell'] })

    expect(points.map(({ at }) => at)).toEqual(['shell'])
  })
})

describe('the study that adds experts', () => {
  it('lifts the sets of each newcomer and leaves the earlier ones as they were', async () => {
    const { points } = await runStudy('add-expert', await toySets(), { pack: await toyPack() })

    expect(points.map(({ at }) => at).sort()).toEqual(['medical', 'shell'])
    for (const { mean } of points) expect(mean['own sets after']!).toBeGreaterThan(mean['own sets before']! + 0.2)
    expect(points[0]!.note).toBe('the first')
    expect(points[0]!.mean).not.toHaveProperty('earlier sets before')
    expect(points[1]!.mean['earlier sets after']!).toBeGreaterThan(points[1]!.mean['earlier sets before']! - 0.05)
    expect(points[1]!.note).toMatch(/^\d+\.\d % of 8 earlier queries go elsewhere, [+−]\d+\.\d\d on all of them$/)
  })
})

describe('runStudy', () => {
  it('asks as many queries of each set as wanted', async () => {
    const pack = await toyPack()
    const { points } = await runStudy('leave-one-out', await toySets(), { pack, queries: 3 })

    expect(points[0]!.note).toContain('of 3 queries')
  })

  it('reports progress that only grows, to the end', async () => {
    const shares: number[] = []
    const stages = new Set<StudyProgress['stage']>()
    await runStudy('pilots', await toySets(), {
      pack: await toyPack(),
      onProgress: ({ stage, share }) => {
        stages.add(stage)
        shares.push(share)
      },
    })

    expect([...stages]).toEqual(['documents', 'questions'])
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.at(-1)).toBeCloseTo(1, 6)
  })

  it('stops when told', async () => {
    const pack = await toyPack()
    for (const name of studyNames) {
      const stopped = runStudy(name, await toySets(), { pack, signal: AbortSignal.abort(new Error('enough')) })

      await expect(stopped, name).rejects.toThrow('enough')
    }
  })

  it('refuses what it cannot study, saying what to do', async () => {
    const pack = await toyPack()

    await expect(runStudy('everything' as StudyName, await toySets(), { pack })).rejects.toThrow(/Studies: experts, pilots/)
    await expect(runStudy('experts', [], { pack })).rejects.toThrow(/"?sets"? is empty/)
    await expect(runStudy('experts', [await care()], { pack })).rejects.toThrow(/--router-data/)
    await expect(runStudy('experts', [await clinic()], { pack, split: 'train' })).rejects.toThrow(/--router-data/)
    await expect(runStudy('leave-one-out', await toySets(), { pack, experts: ['law'] })).rejects.toThrow(/no expert named "law"/)
    await expect(runStudy('pilots', await toySets(), { pack, sizes: [0] })).rejects.toThrow(/whole numbers above 0/)
    await expect(runStudy('training-size', await toySets(), { pack, repeats: 1.5 })).rejects.toThrow(/repeats/)
  })

  it('learns from the train queries of other sets where it is told to', async () => {
    const { points } = await runStudy('pilots', [await care()], { pack: await toyPack(), routerData: await toySets(), sizes: [1] })

    expect(Object.keys(points[0]!.sets)).toEqual(['care'])
  })
})

describe('a study', () => {
  const study: Study = {
    name: 'experts',
    varied: 'experts',
    metric: 'ndcg@10',
    merged: true,
    seed: 7,
    points: [
      { at: 1, note: '+ law', mean: { routed: 0.5 }, sets: { a: { routed: 0.4 }, b: { routed: 0.6 } } },
      { at: 2, mean: { routed: 0.61, general: 0.512 }, sets: { a: { routed: 0.61 } } },
    ],
  }

  it('reads as a Markdown table', () => {
    expect(studyTable(study)).toBe(
      [
        'experts: ndcg@10, one collection of all sets, seed 7',
        '',
        '| experts | routed | general |       |',
        '| ------- | -----: | ------: | ----- |',
        '| 1       |   50.0 |       – | + law |',
        '| 2       |   61.0 |    51.2 |       |',
        '',
      ].join('\n'),
    )
    expect(studyTable(study, { sets: true })).toMatch(/\nb\n\n\| experts \| routed \| {7}\|\n.*\n\| 1 {7}\| {3}60\.0 \| \+ law \|\n$/)
  })

  it('is saved where reports look for it', async () => {
    const directory = folder()
    const path = await saveStudy(directory, study)

    expect(path).toBe(`${directory}/studies/experts.json`)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(study)
  })
})
