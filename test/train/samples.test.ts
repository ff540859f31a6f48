import { describe, expect, it } from 'vitest'
import { taskInstructions } from '../../src/tasks/task.ts'
import type { TaskSample } from '../../src/tasks/sample.ts'
import { releasedRecipes, setsFromSamples } from '../../src/train/index.ts'

const sample = (more: Partial<TaskSample>): TaskSample => ({
  task: 'qa',
  id: '1',
  query: 'who?',
  candidates: ['a', 'b', 'c'],
  positives: 1,
  answers: [],
  line: 1,
  ...more,
})

describe('setsFromSamples', () => {
  it('makes one set a task, whose documents are the candidates, each text once', () => {
    const { sets } = setsFromSamples([sample({}), sample({ task: 'tool', candidates: ['x', 'y'] }), sample({ candidates: ['c', 'd'] })])

    expect(sets.map(({ task, documents }) => [task, documents])).toEqual([
      ['qa', ['a', 'b', 'c', 'd']],
      ['tool', ['x', 'y']],
    ])
  })

  it('hands on rewards, and takes the others for negatives where there are none', () => {
    const { sets } = setsFromSamples([
      sample({ scores: [-1, -3, -2] }),
      sample({ task: 'tool', candidates: ['x', 'y', 'z', 'y'], positives: 2 }),
    ])

    expect(sets[0]!.queries).toEqual([{ text: 'who?', positives: [0], rewards: { places: [0, 1, 2], values: [-1, -3, -2] } }])
    expect(sets[1]!.queries).toEqual([{ text: 'who?', positives: [0, 1], negatives: [2] }])
  })

  it('learns each task as it was released: of chat and lrlm the teacher’s best is the answer, elsewhere the first', () => {
    const scores = [-3, -1, -2]
    const { sets } = setsFromSamples([
      sample({ scores }),
      sample({ task: 'chat', scores, positives: 0 }),
      sample({ task: 'lrlm', scores, positives: 0 }),
    ])

    expect(sets.map(({ task, queries }) => [task, queries[0]!.positives])).toEqual([
      ['qa', [0]],
      ['chat', [1]],
      ['lrlm', [1]],
    ])
    expect(sets.map(({ task, loss }) => loss === releasedRecipes[task].loss)).toEqual([true, true, true])
  })

  it('leaves out what teaches nothing, with the reason', () => {
    const flat = [-1, -1.05, -1.02]
    const { sets, unused, used } = setsFromSamples([
      sample({ candidates: [], positives: 0 }),
      sample({ positives: 0 }),
      sample({ task: 'lrlm', positives: 0, scores: flat }),
      sample({ task: 'chat', positives: 0, scores: flat }),
    ])

    expect(unused.map(({ sample: { task }, reason }) => `${task}: ${reason}`)).toEqual([
      'qa: it has no candidates',
      'qa: nothing says which candidate helps',
      'lrlm: its rewards lie too close together',
    ])
    expect(used).toEqual({ chat: 1 })
    expect(sets).toHaveLength(1)
  })

  it('puts the task’s instructions before queries, before both sides, or nowhere', () => {
    const instructionOf = (instructions: 'queries' | 'both' | 'none') =>
      setsFromSamples([sample({})], { instructions }).sets[0]!.instruction
    const { query, key } = taskInstructions.qa

    expect(instructionOf('queries')).toEqual({ query })
    expect(instructionOf('both')).toEqual({ query, document: key })
    expect(instructionOf('none')).toBeUndefined()
  })

  it('takes samples that judge apart, over the same documents', () => {
    const { sets } = setsFromSamples([sample({})], { heldOut: [sample({ query: 'where?', candidates: ['b', 'e'], scores: [0, 1] })] })

    expect(sets[0]!.documents).toEqual(['a', 'b', 'c', 'e'])
    expect(sets[0]!.heldOut).toEqual([{ text: 'where?', positives: [1], rewards: { places: [1, 3], values: [0, 1] } }])
  })

  it('lets a caller change the recipe', () => {
    const scores = [-3, -1, -2]
    const recipes = { qa: { positive: 'teacher', loss: { contrastive: 1 } } } as const
    const { sets } = setsFromSamples([sample({ scores })], { recipes })

    expect(sets[0]!.queries[0]!.positives).toEqual([1])
    expect(sets[0]!.loss).toEqual({ contrastive: 1 })
  })

  it('names a task that is none, and takes what a recipe leaves open as it was released', () => {
    expect(() => setsFromSamples([sample({ task: 'constructor' as never })])).toThrow('samples has the task "constructor"')

    const { sets } = setsFromSamples([sample({})], { recipes: { qa: { positive: 'given', ...({ loss: undefined } as object) } } })
    expect(sets[0]!.loss).toBe(releasedRecipes.qa.loss)
  })
})
