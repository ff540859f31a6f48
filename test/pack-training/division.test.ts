import { describe, expect, it } from 'vitest'
import { divide, judgingQueries } from '../../src/pack-training/division.ts'
import type { TrainingSet } from '../../src/train/index.ts'

const set = (count: number): TrainingSet => ({
  documents: Array.from({ length: count }, (_, i) => `passage ${i}`),
  queries: Array.from({ length: count }, (_, i) => ({ text: `question ${i}`, positives: [i] })),
})

describe('who judges an expert', () => {
  it('is every question in turn where they are few', () => {
    const division = divide(set(999), undefined, 1)

    expect(division).toMatchObject({ judges: 'folds', madeUp: false })
    expect(judgingQueries(division)).toHaveLength(999)
  })

  it('is a part that is set aside where they are many', () => {
    const division = divide(set(2000), undefined, 1)

    expect(division.judges).toBe('held-out')
    expect(judgingQueries(division)).toHaveLength(300)
    expect(division.sets[0].queries).toHaveLength(1700)
  })

  it('is never a question made of documents, unless there are no others', () => {
    const both = divide(set(20), set(2000), 1)
    const alone = divide(undefined, set(20), 1)

    expect(judgingQueries(both)).toHaveLength(20)
    expect(both.sets[1]!.heldOut).toEqual([])
    expect(alone).toMatchObject({ judges: 'folds', madeUp: true })
  })

  it('needs five questions', () => {
    expect(() => divide(set(4), undefined, 1)).toThrow(/at least five pairs/)
    expect(() => divide(undefined, undefined, 1)).toThrow(/pairs are missing/)
  })
})
