import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bundledPack, readSamples } from '../../src/index.ts'
import {
  embedderSystem,
  evaluateTasks,
  loadPack,
  packCandidateSystems,
  randomisationTest,
  taskTable,
  type CandidateSystem,
} from '../../src/eval/index.ts'
import type { TaskSample } from '../../src/tasks/sample.ts'
import { retrievalTasks } from '../../src/tasks/task.ts'
import { toyEncoder } from '../engine-fixture.ts'
import { echoModel } from './echo-model.ts'
import { sample } from './samples.ts'

/** Puts every sample's candidates in the same order. */
const fixed = (name: string, ...places: number[]): CandidateSystem => ({ name, order: async (samples) => samples.map(() => places) })

const chats: readonly TaskSample[] = [
  sample({
    task: 'chat',
    query: 'where to',
    candidates: ['we like rome', 'cats purr', 'red is nice'],
    scores: [-1, -3, -2],
    answers: ['to rome'],
  }),
  sample({
    task: 'chat',
    query: 'which pet',
    candidates: ['red car', 'cats purr', 'see rome'],
    scores: [-4, -1, -2],
    answers: ['pet cats purr'],
  }),
  sample({ task: 'chat', query: 'unanswered', candidates: ['a', 'b', 'c'], scores: [0, 0, 0] }),
]

describe('evaluateTasks', () => {
  it('averages over the samples a measure can be taken of, and tests against the first system', async () => {
    const { tasks } = await evaluateTasks(chats, { systems: [fixed('forward', 0, 1, 2), fixed('middle', 1, 2, 0)], cutoffs: { chat: 1 } })
    const { measures, systems, against } = tasks.chat!

    // Gains 1, 0, 1/2 and 0, 1, 2/3.
    expect(systems.forward!.scores).toEqual({ rewardNdcg: (1 + 0) / 2 })
    expect(systems.middle!.scores).toEqual({ rewardNdcg: (0 + 1) / 2 })
    expect(systems.oracle!.scores).toEqual({ rewardNdcg: 1 })
    expect(measures.rewardNdcg).toEqual({ samples: 2, left: { 'has the same reward for every candidate': 1 } })
    expect(measures.ndcg).toEqual({ samples: 0, left: { 'has no candidate that is known to help': 3 } })
    expect(measures.perplexity).toEqual({ samples: 0, left: { 'no language model was given': 2, 'has no answers': 1 } })
    expect(against).toBe('forward')
    const { mean: p } = randomisationTest([{ first: Float64Array.of(1, 1), second: Float64Array.of(1, 0) }])
    expect(systems.oracle!.tests).toEqual({ rewardNdcg: { difference: 0.5, p } })
    expect(systems.forward!.tests).toBeUndefined()
  })

  it('gives the perplexity of answers after the k candidates that each system puts first', async () => {
    const model = echoModel()
    const { tasks, k } = await evaluateTasks(chats, { systems: [fixed('forward', 0, 1, 2), fixed('middle', 1, 2, 0)], model, k: 2 })
    const { measures, systems } = tasks.chat!
    const over = (...probabilities: number[]): number => probabilities.reduce((product, one) => product * one, 1) ** (-1 / 5)

    expect(k).toBe(2)
    // Five tokens: "to rome", "pet cats purr".
    expect(systems.none!.scores).toEqual({ perplexity: expect.closeTo(over(0.5, 0.1, 0.5, 0.1, 0.1), 9) as number })
    expect(systems.forward!.scores.perplexity).toBeCloseTo(over(0.5, 0.5, 0.5, 0.5, 0.5), 9)
    expect(systems.middle!.scores.perplexity).toBeCloseTo(over(0.5, 0.1, 0.5, 0.5, 0.5), 9)
    expect(systems.oracle!.scores.perplexity).toBeCloseTo(over(0.5, 0.5, 0.5, 0.5, 0.5), 9)
    expect(measures.perplexity).toEqual({ samples: 2, left: { 'has no answers': 1 } })
    // Log-likelihood a token, each sample the same weight.
    const behind = (Math.log(0.1) - Math.log(0.5)) / 2 / 2
    expect(systems.middle!.tests!.perplexity!.difference).toBeCloseTo(behind, 9)
  })

  it('leaves a system out of a measure where it has no order for a sample', async () => {
    const unscored = chats.map(({ task, query, candidates, answers }) => sample({ task, query, candidates, answers }))
    const { tasks } = await evaluateTasks(unscored, { systems: [fixed('forward', 0, 1, 2)], model: echoModel() })

    expect(tasks.chat!.systems.oracle!.scores).toEqual({})
    expect(tasks.chat!.systems.random!.scores.perplexity).toBeGreaterThan(1)
    expect(tasks.chat!.measures.perplexity.samples).toBe(2)
  })

  it('labels by exemplars in worked examples, by vote and with a language model', async () => {
    const candidates = ['tar file\nshell', 'cold fever\nmedical', 'grep file\nshell', 'a cough\nmedical', 'kill process\nshell']
    const samples = [
      sample({ task: 'icl', query: 'fever', candidates, answers: ['medical'] }),
      sample({ task: 'icl', query: 'grep', candidates, answers: ['shell'] }),
      sample({ task: 'icl', query: 'grep', candidates, answers: ['legal'] }),
    ]
    const encoder = toyEncoder()
    const systems = [embedderSystem({ name: 'toy', query: encoder, key: encoder }), fixed('odd', 1, 0, 2, 3, 4)]

    const { tasks } = await evaluateTasks(samples, { systems, model: echoModel(), k: 1 })
    const three = await evaluateTasks(samples, { systems, k: 3 })

    const { measures, systems: figures } = tasks.icl!
    expect(figures.toy!.scores).toMatchObject({ nearestLabel: 1, majorityLabel: 1, likeliestLabel: 1 })
    expect(figures.odd!.scores).toMatchObject({ nearestLabel: 0.5, majorityLabel: 0.5, likeliestLabel: 0.5 })
    // Without exemplars no label was read, and the first of equals is taken.
    expect(figures.none!.scores).toMatchObject({ likeliestLabel: 0.5 })
    expect(figures.none!.scores.nearestLabel).toBeUndefined()
    expect(measures.likeliestLabel).toEqual({ samples: 2, left: { 'has an answer that no candidate has': 1 } })
    expect(three.tasks.icl!.systems.odd!.scores).toMatchObject({ nearestLabel: 0.5, majorityLabel: 0.5 })
    expect(three.tasks.icl!.systems.odd!.scores.likeliestLabel).toBeUndefined()
  })

  it('tells tasks apart, and lets systems depend on them', async () => {
    const tool = sample({ task: 'tool', query: 'q', candidates: ['a', 'b'], positives: 1 })
    const asked: string[] = []

    const { tasks, samples } = await evaluateTasks([...chats, tool], { systems: (task) => (asked.push(task), [fixed(`of ${task}`, 0, 1)]) })

    expect(asked).toEqual(['chat', 'tool'])
    expect(samples).toBe(4)
    expect(Object.keys(tasks)).toEqual(['chat', 'tool'])
    expect(tasks.tool!.systems['of tool']!.scores).toEqual({ ndcg: 1, recall: 1 })
    expect(tasks.tool!.cutoff).toBe(5)
  })

  it('reports growing progress up to the whole, and stops when it is told to', async () => {
    const shares: number[] = []
    await evaluateTasks(chats, { systems: [], model: echoModel(), onProgress: ({ share }) => shares.push(share) })

    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.at(-1)).toBeCloseTo(1)

    const abort = new AbortController()
    const stopped = evaluateTasks(chats, {
      systems: [],
      model: echoModel(),
      signal: abort.signal,
      onProgress: () => abort.abort(new Error('enough')),
    })
    await expect(stopped).rejects.toThrow('enough')
  })

  it('refuses what cannot mean anything', async () => {
    const wrong = [
      evaluateTasks([], { systems: [] }),
      evaluateTasks(chats, { systems: [], k: 0 }),
      evaluateTasks(chats, { systems: [], cutoffs: { chat: 1.5 } }),
      evaluateTasks(chats, { systems: [], seed: Number.NaN }),
      evaluateTasks(chats, { systems: [fixed('a', 0), fixed('a', 1)] }),
      evaluateTasks(chats, { systems: [fixed('none', 0)] }),
    ]
    for (const one of wrong) await expect(one).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it.each([
    ['of no task', { task: 'constructor' as never }, 'samples[0] has the task "constructor"'],
    ['without candidates', { candidates: [], scores: [] }, 'samples[0] has no candidates'],
    ['that more candidates help than there are', { positives: 4 }, 'samples[0] says that 4 of 3 candidates help'],
    ['with a score too few', { scores: [1, 2] }, 'samples[0] has scores'],
    ['with a score that is no number', { scores: [1, 2, Number.NaN] }, 'samples[0] has scores'],
  ])('names a sample %s', async (_, wrong, message) => {
    await expect(evaluateTasks([{ ...chats[0]!, ...wrong }], { systems: [] })).rejects.toThrow(message)
  })

  it.each([
    [[0, 0, 1], 'the place 0 twice'],
    [[0, 1, 3], 'the place 3 among 3 candidates'],
    [[0, 1, 0.5], 'the place 0.5 among 3 candidates'],
  ])('scores no order that is none: %j', async (places, message) => {
    await expect(evaluateTasks(chats, { systems: [fixed('odd', ...places)] })).rejects.toThrow(
      `has "odd", whose order of sample "1" has ${message}`,
    )
  })

  it('lets a system of its own stand in a plain one’s place', async () => {
    const { tasks } = await evaluateTasks(chats, { systems: [fixed('forward', 0, 1, 2), fixed('bm25', 1, 2, 0)], cutoffs: { chat: 1 } })

    expect(tasks.chat!.systems.bm25!.scores.rewardNdcg).toBe(0.5)
    expect(Object.keys(tasks.chat!.systems)).toEqual(['forward', 'bm25', 'random', 'oracle'])
  })
})

describe('taskTable', () => {
  it('has a row a system, and tells below what was not measured', async () => {
    const evaluation = await evaluateTasks(chats, { systems: [fixed('forward', 0, 1, 2)], model: echoModel(8), k: 2, cutoffs: { chat: 1 } })

    const lines = taskTable(evaluation).split('\n')

    expect(lines[0]).toBe('**chat**: 3 samples')
    expect(lines[2]).toMatch(/^\| system +\| reward ndcg@1 \| perplexity, k 2 \|$/)
    expect(lines[3]).toMatch(/^\| -+ \| -+: \| -+: \|$/)
    expect(lines[4]).toMatch(/^\| samples +\| +2 \| +2 \|$/)
    expect(lines[5]).toMatch(/^\| none +\| +– \| +\d\.\d\d \|$/)
    expect(lines[6]).toMatch(/^\| forward +\| +50\.0 \| +\d\.\d\d \|$/)
    expect(lines).toContain('- ndcg@1 and recall@1 were not measured: 3 × has no candidate that is known to help.')
    expect(lines).toContain('- perplexity, k 2 leaves out: 1 × has no answers.')
    // Questions of six words, answers of two and three: everything of five and four words of candidates, one word of a question.
    expect(lines).toContain("- forward: the model's window cut 9 tokens of candidates and 1 of what follows them.")
  })
})

const toys = fileURLToPath(new URL('../../../shared/data/llm-embedder-toy', import.meta.url))

describe.skipIf(!existsSync(toys))("LLM-Embedder's toy samples (need ../shared/data/llm-embedder-toy)", () => {
  it('are evaluated unchanged, each task as far as its fields go', async () => {
    const samples = await readSamples(
      retrievalTasks.map((task) => join(toys, `${task}.json`)),
      { strict: true },
    )
    const pack = await loadPack(bundledPack())
    // Long enough for every answer.
    const model = echoModel(4096)
    const { tasks } = await evaluateTasks(samples, { systems: packCandidateSystems(pack), model, k: 1 })
    await pack.close()

    const judged = Object.fromEntries(
      Object.entries(tasks).map(([task, { measures }]) => [
        task,
        Object.entries(measures).flatMap(([measure, { samples: count }]) => (count === 8 ? [measure] : [])),
      ]),
    )
    expect(judged).toEqual({
      qa: ['ndcg', 'recall', 'rewardNdcg', 'perplexity'],
      convsearch: ['ndcg', 'recall', 'perplexity'],
      chat: ['rewardNdcg', 'perplexity'],
      lrlm: ['rewardNdcg', 'perplexity'],
      icl: ['ndcg', 'recall', 'rewardNdcg'],
      tool: ['ndcg', 'recall'],
    })
    expect(tasks.convsearch!.measures.rewardNdcg.left).toEqual({ 'has no teacher scores': 8 })
    expect(tasks.lrlm!.measures.ndcg.left).toEqual({ 'has no candidate that is known to help': 8 })
    expect(tasks.icl!.measures.likeliestLabel.left).toEqual({ 'has no answers': 8 })
    for (const { systems } of Object.values(tasks)) expect(systems.oracle!.scores.rewardNdcg ?? 1).toBe(1)
    expect(tasks.tool!.systems.general!.scores.ndcg).toBeGreaterThan(tasks.tool!.systems.random!.scores.ndcg!)
  })
})
