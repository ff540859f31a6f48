import { describe, expect, it } from 'vitest'
import { halved } from '../../src/task-training/halves.ts'
import { divideSets, folds, type TrainingQuery } from '../../src/train/expert/pairs.ts'

/** Every question is asked five times, each time of another document. */
const queries = Array.from({ length: 250 }, (_, i): TrainingQuery => ({ text: `question ${i % 50}`, positives: [i] }))
const documents = queries.map((_, i) => `document ${i}`)
const shared = (...lists: (readonly TrainingQuery[])[]): string[] => {
  const [first, ...others] = lists.map((list) => new Set(list.map(({ text }) => text)))
  return [...first!].filter((text) => others.some((other) => other.has(text)))
}

describe.each([1, 2, 3, 4, 5])('questions of one text stay together, seed %i', (seed) => {
  it('in the parts that judge each other', () => {
    const parts = folds(queries, ({ text }) => text, 4, seed)

    expect(parts.flat()).toHaveLength(250)
    expect(parts.every((part) => part.length >= 60)).toBe(true)
    parts.forEach((part, i) => expect(shared(part, ...parts.filter((_, j) => j !== i))).toEqual([]))
  })

  it('on either side of what is held out', () => {
    const [set] = divideSets([{ documents, queries: queries.slice(3) }], seed)

    expect(set!.heldOut.length).toBeGreaterThanOrEqual(49)
    expect(set!.heldOut.length + set!.queries.length).toBe(247)
    expect(shared(set!.heldOut, set!.queries)).toEqual([])
  })

  it('in the halves that stop and judge', () => {
    const { training, judging } = halved({ task: 'qa', documents, queries: queries.slice(3) }, seed)

    expect(shared(judging, training.heldOut, training.queries)).toEqual([])
    expect(shared(training.heldOut, training.queries)).toEqual([])
  })
})
