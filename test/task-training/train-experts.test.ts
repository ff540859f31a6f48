import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPilotfish } from '../../src/index.ts'
import {
  taskComparisonTable,
  trainExperts,
  type TaskTraining,
  type TrainedExperts,
  type TrainExpertsProgress,
  type TrainingLogEntry,
} from '../../src/train/index.ts'
import { taskInstructions } from '../../src/tasks/task.ts'

const directory = mkdtempSync(join(tmpdir(), 'pilotfish-tasks-'))
afterAll(() => rmSync(directory, { recursive: true }))

const things = ['lamp', 'river', 'engine', 'garden', 'letter', 'bridge', 'kettle', 'window', 'tiger', 'guitar']
const slang = ['zub', 'kel', 'mov', 'tir', 'pag', 'nox', 'wem', 'dil', 'fop', 'gri']

/** People call things by words that the base cannot know, and differently in every task. */
function slangOf(task: string, { shift, opening }: { shift: number; opening: string }, more: Partial<TaskTraining> = {}): TaskTraining {
  return {
    task,
    documents: things.map((thing) => `${task === 'tool' ? 'A function about the' : 'Everything about the'} ${thing}.`),
    queries: Array.from({ length: 150 }, (_, i) => ({
      text: `${opening} ${slang[i % 10]} ${['now', 'today', 'soon', 'please', 'again'][i % 5]} ${['in town', 'at home', 'here'][i % 3]}${' !'.repeat(Math.floor(i / 30))}`,
      positives: [(i + shift) % 10],
    })),
    ...more,
  }
}

const tasks = [
  slangOf('qa', { shift: 0, opening: 'tell me about' }, { instruction: { query: taskInstructions.qa.query } }),
  slangOf('tool', { shift: 3, opening: 'call something for' }, { instruction: { query: taskInstructions.tool.query } }),
]
const settings = { tasks, steps: 60, training: { rates: [0.02], batchSize: 32, negatives: 0, dropout: 0 } } as const

describe('trainExperts', () => {
  const log: (TrainingLogEntry & { readonly expert: string })[] = []
  const out = join(directory, 'pack')
  let trained: TrainedExperts
  beforeAll(async () => {
    const test = tasks[0]!.queries.slice(0, 20)
    trained = await trainExperts({ ...settings, tasks: [{ ...tasks[0]!, test }, tasks[1]!], out, onLog: (entry) => log.push(entry) })
  })

  it('beats the base in both ways, on questions that were not learned from', () => {
    const { overall, sets } = trained.comparison

    expect(overall['experts, task known']).toBeGreaterThan(overall.general + 0.2)
    expect(overall['multi-task, task known']).toBeGreaterThan(overall.general + 0.1)
    expect(sets.map(({ set, questions, documents }) => [set, questions, documents])).toEqual([
      ['qa', 15, 10],
      ['tool', 15, 10],
    ])
    expect(sets.every(({ routedRight }) => routedRight > 0.8)).toBe(true)
  })

  it('compares both ways with a paired test, and says which one won', () => {
    const { comparison, winner } = trained
    const { overall, difference } = comparison

    expect(difference.mean).toBeCloseTo(overall['experts, routed'] - overall['multi-task, routed'], 12)
    expect(difference.p).toBeGreaterThan(0)
    expect(difference.p).toBeLessThanOrEqual(1)
    expect(winner).toBe(difference.mean >= 0 ? 'routed' : 'multi-task')
  })

  it('reports on test questions where there are any', () => {
    expect(trained.test?.sets.map(({ set, questions }) => [set, questions])).toEqual([['qa', 20]])
  })

  it('gives both ways the same steps', () => {
    const stepsOf = (expert: string): number => log.filter((entry) => entry.expert === expert).length
    const most = (expert: string): number => Math.max(...log.filter((entry) => entry.expert === expert).map(({ step }) => step))

    expect(new Set(log.map(({ expert }) => expert))).toEqual(new Set(['multi-task', 'qa', 'tool']))
    expect(most('multi-task')).toBeLessThanOrEqual(60)
    expect(most('qa') + most('tool')).toBeLessThanOrEqual(60)
    expect(stepsOf('multi-task')).toBeGreaterThan(stepsOf('qa'))
    expect(log.every(({ queries }) => Object.keys(queries).length === 1)).toBe(true)
    expect(log.filter(({ expert }) => expert === 'multi-task').some(({ pace }) => pace !== 1)).toBe(true)
  })

  it('writes what won as a pack, whose router picks tasks and whose experts are asked by task', async () => {
    const fish = await openPilotfish({ pack: out })
    try {
      await fish.add(tasks.flatMap(({ task, documents }) => documents.map((text, i) => ({ id: `${task}-${i}`, text, metadata: { task } }))))
      const question = tasks[1]!.queries[7]!
      const picked = await fish.retrieve(question.text, { filter: { task: 'tool' }, lexicalWeight: 0 })
      const told = await fish.retrieve(question.text, { task: 'tool', filter: { task: 'tool' }, lexicalWeight: 0 })

      expect(fish.experts.list().map(({ name, task }) => [name, task])).toEqual([
        ['general', undefined],
        ['qa', 'qa'],
        ['tool', 'tool'],
      ])
      expect(picked.route.experts[0]!.name).toBe('tool')
      expect(told.route.experts.map(({ name }) => name)).toEqual(['tool'])
      expect(told.hits[0]!.document.id).toBe(`tool-${question.positives[0]}`)
    } finally {
      await fish.close()
    }
  })

  it('keeps the experts of the pack it began with out of the new one', () => {
    const { experts, files } = JSON.parse(readFileSync(join(out, 'pack.json'), 'utf8'))

    expect(experts).toHaveLength(2)
    expect(Object.keys(files).filter((file) => file.startsWith('experts/'))).toHaveLength(trained.winner === 'routed' ? 2 : 1)
  })

  it('shows the comparison as a table', () => {
    const table = taskComparisonTable(trained.comparison)

    expect(table).toContain('| experts, routed |')
    expect(table.split('\n')[0]).toBe('|  | qa | tool | mean |')
    expect(new Set(table.split('\n').map((line) => line.split('|').length))).toEqual(new Set([6]))
  })
})

describe('trainExperts in other ways', () => {
  it('takes several sets of one task, and gives equal results for equal seeds', async () => {
    const more = [
      ...tasks,
      slangOf('tool', { shift: 5, opening: 'run a thing with' }, { set: 'tool-2', instruction: tasks[1]!.instruction! }),
    ]
    const [one, other] = await Promise.all([1, 2].map(() => trainExperts({ ...settings, tasks: more, steps: 12 })))

    expect(one!.comparison.sets.map(({ task, set }) => [task, set])).toEqual([
      ['qa', 'qa'],
      ['tool', 'tool'],
      ['tool', 'tool-2'],
    ])
    expect(one!.comparison).toEqual(other!.comparison)
    expect(Object.keys(one!.steps).sort()).toEqual(['multi-task', 'qa', 'tool'])
  })

  it('ties the documents of adapters, which then have a space of their own', async () => {
    const out = join(directory, 'tied')
    const { comparison, winner } = await trainExperts({
      ...settings,
      method: 'adapter',
      steps: 20,
      training: { ...settings.training, rates: [5e-3], rank: 8, tied: true },
      out,
    })
    const fish = await openPilotfish({ pack: out })
    const spaces = new Set(fish.experts.list().map(({ space }) => space))
    await fish.close()

    expect(Number.isFinite(comparison.overall['experts, routed'])).toBe(true)
    // The base, and each expert; one expert for all tasks has one.
    expect(spaces.size).toBe(winner === 'routed' ? 3 : 2)
  })

  it('goes on where it was cut off, to the same end', async () => {
    const checkpoint = join(directory, 'checkpoints')
    const controller = new AbortController()
    const short = { ...settings, steps: 20 }
    const stopped = trainExperts({
      ...short,
      checkpoint,
      checkpointEvery: 0,
      signal: controller.signal,
      onLog: ({ expert, step }) => expert === 'qa' && step === 4 && controller.abort(new Error('enough')),
    })
    await expect(stopped).rejects.toThrow('enough')
    const steps: string[] = []
    const resumed = await trainExperts({ ...short, checkpoint, onLog: ({ expert, step }) => steps.push(`${expert} ${step}`) })
    const whole = await trainExperts(short)

    expect(resumed.comparison).toEqual(whole.comparison)
    expect(steps.filter((each) => each.startsWith('multi-task'))).toEqual([])
    // The checkpoint of step 4 was written before the stop was noticed.
    expect(steps[0]).toBe('qa 5')
    expect(existsSync(checkpoint)).toBe(false)
  })

  it.each([
    ['a single task', { tasks: tasks.slice(0, 1) }, 'tasks are 1'],
    ['the name of the expert of all tasks', { tasks: [{ ...tasks[0]!, task: 'multi-task' }, tasks[1]!] }, 'have one called "multi-task"'],
    ['a method that is none', { method: 'tables' as never }, 'method is "tables"'],
    ['a name that is none', { tasks: [{ ...tasks[0]!, task: 'a task' }, tasks[1]!] }, 'name is "a task"'],
    ['too few questions', { tasks: [{ ...tasks[0]!, queries: tasks[0]!.queries.slice(0, 20) }, tasks[1]!] }, 'too few questions for "qa"'],
    ['no step for a task', { steps: 1 }, 'steps is 1'],
    [
      'one task behind two instructions',
      { tasks: [...tasks, { ...tasks[1]!, set: 'b', instruction: { query: 'Other: ' } }] },
      'sets of "tool" behind different instructions',
    ],
  ])('refuses %s', async (_, wrong, message) => {
    await expect(trainExperts({ ...settings, ...wrong })).rejects.toThrow(message)
  })

  it.each(['train', 'judge', 'write'])('stops when told at the stage %s, and writes nothing', async (last) => {
    const controller = new AbortController()
    const out = join(directory, 'stopped')
    const onProgress = ({ stage }: TrainExpertsProgress): void => void (stage === last && controller.abort(new Error('enough')))
    const stopped = trainExperts({ ...settings, steps: 8, out, signal: controller.signal, onProgress })

    await expect(stopped).rejects.toThrow('enough')
    expect(existsSync(out)).toBe(false)
  })
})
