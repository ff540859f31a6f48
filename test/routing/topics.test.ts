import { describe, expect, it } from 'vitest'
import { topicWords } from '../../src/routing/features.ts'
import type { QueryGroup } from '../../src/routing/fitting/queries.ts'
import { topicLogOdds } from '../../src/routing/fitting/topics.ts'
import { learnRouter } from '../../src/routing/fitting/learn.ts'
import { routerOf } from '../../src/routing/text-router.ts'

const group = (expert: string, queries: readonly string[], passages: readonly string[]): QueryGroup => ({
  set: expert,
  expert,
  queries: queries.map((text) => ({ text, vector: Float32Array.of(1, 0), found: [] })),
  lessons: [],
  passages,
})
const medical = group(
  'medical',
  ['what is (are) asthma ?', 'what is (are) gout ?'],
  ['Ibuprofen eases pain.', 'Asthma narrows the airways.', 'Gout hurts.'],
)
const shell = group(
  'shell',
  ['list files', 'kill a process'],
  ['The archive is unpacked by tar.', 'A process is killed by its number.', 'Files are listed.'],
)
const the = (word: string): number => [...topicWords(word)][0]!

describe('topicLogOdds', () => {
  it('speaks for the expert whose documents use a word, and against the others', () => {
    const [forMedical, forShell] = topicLogOdds([medical, shell], ['medical', 'shell'])

    expect(forMedical![the('ibuprofen')]).toBeGreaterThan(1)
    expect(forShell![the('ibuprofen')]).toBeLessThan(-1)
    expect(forMedical![the('weather')]).toBe(0)
  })

  it('hears no function words', () => {
    expect(topicWords('is it what the')).toEqual(new Set())
  })

  it('says nothing where an expert has no documents to compare with', () => {
    const [forMedical] = topicLogOdds([medical, { ...shell, passages: [] }], ['medical', 'shell'])

    expect(forMedical!.every((value) => value === 0)).toBe(true)
  })

  it('lets a router send a question to the expert whose documents know its words, though no query did', async () => {
    const vector = Float32Array.of(1, 0)
    const plain = [medical, shell].map((one) => ({ ...one, passages: [] }))
    const scoreOf = async (groups: readonly QueryGroup[]): Promise<number> =>
      routerOf(await learnRouter(groups))
        .route({ text: 'can I give my child ibuprofen', vector })
        .scores.find(({ expert }) => expert === 'medical')!.score

    expect(await scoreOf([medical, shell])).toBeGreaterThan(await scoreOf(plain))
    expect(await scoreOf([medical, shell])).toBeGreaterThan(0.5)
  })
})
