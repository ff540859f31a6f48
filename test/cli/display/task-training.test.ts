import { describe, expect, it } from 'vitest'
import { palette } from '../../../src/cli/display/colour.ts'
import { lossOf, taskInputText } from '../../../src/cli/display/task-inputs.ts'
import { taskTrainingText } from '../../../src/cli/display/task-training.ts'
import type { TaskComparison, TaskSystem, TrainedExperts } from '../../../src/train/index.ts'

const plain = palette({ isTTY: false } as never, { NO_COLOR: '1' })
const systems: readonly TaskSystem[] = [
  'bm25',
  'general',
  'multi-task, task known',
  'experts, task known',
  'multi-task, routed',
  'experts, routed',
]

/** A set under each system, in the order above. */
function comparison(names: readonly string[], values: readonly number[], { mean, p }: { mean: number; p: number }): TaskComparison {
  const scores = Object.fromEntries(systems.map((system, i) => [system, values[i]])) as Record<TaskSystem, number>
  return {
    sets: names.map((set) => ({
      task: 'qa',
      set,
      questions: 1200,
      documents: 31_000,
      routedRight: 0.875,
      scores,
      difference: { mean, p },
    })),
    overall: scores,
    difference: { mean, p },
  }
}

function trained(winner: TrainedExperts['winner'], found: TaskComparison): TrainedExperts {
  return { winner, comparison: found, method: 'table', steps: { 'multi-task': 400, qa: 120, tool: 0 }, seconds: 61 }
}
const use = { pack: './p', tasks: ['qa', 'tool'], ownDocuments: false, width: 100 }

describe('taskTrainingText', () => {
  it('says which way won, by how much, and whether it may be chance', () => {
    const better = comparison(['fm2'], [0.4, 0.45, 0.5, 0.52, 0.5, 0.512], { mean: 0.012, p: 0.0312 })
    const worse = comparison(['fm2'], [0.4, 0.45, 0.5, 0.52, 0.5, 0.496], { mean: -0.004, p: 0.62 })

    expect(taskTrainingText(trained('routed', better), use, plain)).toContain(
      'One expert a task did better: +1.2 points of nDCG@10 over one expert for all tasks (p 0.0312).\n',
    )
    expect(taskTrainingText(trained('multi-task', worse), use, plain)).toContain(
      'One expert for all tasks did better: +0.4 points of nDCG@10 over one expert a task (p 0.6200), which may be chance.\n',
    )
  })

  it('puts numbers under each other, and sets that do not fit the width into a table below', () => {
    const found = comparison(['first-set', 'second-set', 'third-set'], [0.4, 0.45, 0.5, 0.52, 0.5, 0.512], { mean: 0.012, p: 0.03 })

    const wide = taskTrainingText(trained('routed', found), use, plain).split('\n')
    const narrow = taskTrainingText(trained('routed', found), { ...use, width: 50 }, plain).split('\n')

    const start = wide.findIndex((line) => line.includes('first-set'))
    expect(wide.slice(start, start + 3)).toEqual([
      '                             mean  first-set  second-set  third-set',
      '  bm25                       40.0       40.0        40.0       40.0',
      '  general                    45.0       45.0        45.0       45.0',
    ])
    expect(wide).toContain('  p                        0.0300     0.0300      0.0300     0.0300')
    expect(wide).toContain('  questions                            1,200       1,200      1,200')
    expect(narrow.filter((line) => line.startsWith('  general'))).toHaveLength(2)
    expect(
      narrow
        .filter((line) => /[\d.]{4}$|-set$/.test(line))
        .map((line) => line.length)
        .every((length) => length <= 50),
    ).toBe(true)
  })

  it('warns of experts that find less than the general one, and of documents that need further vectors', () => {
    const poor = comparison(['fm2'], [0.4, 0.45, 0.3, 0.44, 0.3, 0.43], { mean: 0.13, p: 0.01 })
    const good = comparison(['fm2'], [0.4, 0.45, 0.5, 0.52, 0.5, 0.512], { mean: 0.012, p: 0.03 })

    const warned = taskTrainingText(trained('routed', poor), { ...use, ownDocuments: true }, plain)
    const usual = taskTrainingText(trained('routed', good), use, plain)

    expect(warned).toContain('It finds less than the general expert does (45.0): give more questions')
    expect(warned).toContain('documents need further vectors: make the index with this pack, or add to one with --reembed')
    expect(usual).not.toContain('It finds less')
    expect(usual).toContain('no document needs to be embedded again')
  })
})

describe('what is said of sets', () => {
  const query = { text: 'a', positives: [0] }
  const taught = { ...query, rewards: { places: [0], values: [1] } }
  const graded = { contrastive: 0, distillation: { kind: 'graded' } } as const

  it.each([
    ['contrast', [query], undefined],
    ['contrast; rewards judge', [taught], { contrastive: 1 }],
    ['contrast: no rewards', [query], graded],
    ['graded distillation', [taught], graded],
    ['graded distillation; 1 without rewards by contrast', [taught, query], graded],
    ['KL distillation at 0.1 and contrast', [taught], { distillation: { kind: 'kl', temperature: 0.1 } }],
  ] as const)('is how they learn: %s', (text, queries, loss) => {
    expect(lossOf({ queries, ...(loss && { loss }) })).toBe(text)
  })

  it('counts what is not learned from', () => {
    const sample = { task: 'lrlm', id: '1', query: 'q', candidates: ['a'], positives: 0, answers: [], line: 1 } as const
    const reason = 'its rewards lie too close together'
    const set = { task: 'qa', set: 'fm2', documents: ['a', 'b'], queries: [query], heldOut: [query, query], test: [query] }

    const lines = taskInputText({
      sets: [set],
      unused: [
        { sample, reason },
        { sample, reason },
      ],
      kept: 1,
    })

    expect(lines).toEqual([
      '  task  set  questions  passages  held out  test  learns by',
      '  qa    fm2          1         2         2     1  contrast',
      'lrlm: 2 samples unused (rewards too close together)',
      '1 question not learned from, as held-out or test questions repeat it',
    ])
  })
})
