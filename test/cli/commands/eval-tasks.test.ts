import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { care, unix } from '../../eval/beir-fixture.ts'
import { folder } from '../folder.ts'
import { terminal } from '../terminal.ts'

const lines = (...all: readonly unknown[]): string => all.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n')

const tools = [
  {
    query: 'what is the weather in Oslo',
    pos: ['weather forecast of a city'],
    neg: ['currency exchange rates', 'flight search'],
    task: 'tool',
  },
  {
    query: 'find me a flight to Rome',
    pos: ['flight search'],
    neg: ['weather forecast of a city', 'currency exchange rates'],
    task: 'tool',
  },
]
const chats = [
  {
    query: 'Are you still in the army?',
    history: ['Speaker 1: Hi\nSpeaker 2: I was in the army.', 'Speaker 1: Food?\nSpeaker 2: I like pasta.'],
    answers: ['No, I left the army.'],
    teacher_scores: [-1, -3],
    task: 'chat',
  },
]

interface Report {
  readonly samples: { readonly tasks: Record<string, { readonly systems: Record<string, { readonly scores: Record<string, number> }> }> }
  readonly sets: Record<string, { readonly systems: Record<string, { readonly mean: Record<string, number> }> }>
  readonly skipped: readonly object[]
}

describe('pilotfish eval-tasks', () => {
  it('prints a table a task, and says what was not measured and why', async () => {
    const root = folder({ 'tool.jsonl': lines(...tools), 'chat.jsonl': lines(...chats) })

    const { code, stdout } = await terminal().execute('eval-tasks', '--samples', join(root, 'tool.jsonl'), join(root, 'chat.jsonl'))

    expect(code).toBe(0)
    expect(stdout).toContain('**chat**: 1 sample\n')
    expect(stdout).toContain('**tool**: 2 samples\n')
    expect(stdout).toMatch(/\| system +\| ndcg@5 \| recall@5 \|/)
    expect(stdout).toMatch(/\| general +\| +100\.0 \| +100\.0 \|/)
    expect(stdout).toMatch(/\| oracle +\| +100\.0 \| +100\.0 \|/)
    expect(stdout).toContain('- perplexity, k 1 was not measured: 1 × no language model was given.')
    expect(stdout).toContain('- reward ndcg@5 was not measured: 2 × has no teacher scores.')
  })

  it('labels questions by exemplars', async () => {
    const pool = [
      ['how do I unpack a tar archive', 'shell'],
      ['list the files of a directory', 'shell'],
      ['how much ibuprofen for a child', 'medical'],
      ['is a fever dangerous', 'medical'],
    ].map(([text, label]) => ({ text, label }))
    const questions = [
      { text: 'ibuprofen dose for a child with fever', label: 'medical' },
      { text: 'unpack a tar archive', label: 'shell' },
    ]
    const root = folder({ 'pool.jsonl': lines(...pool), 'questions.jsonl': lines(...questions) })

    const { code, json } = await terminal().execute(
      'eval-tasks',
      '--exemplars',
      join(root, 'pool.jsonl'),
      '--questions',
      join(root, 'questions.jsonl'),
      '--json',
    )

    expect(code).toBe(0)
    const { scores } = (json() as unknown as Report).samples.tasks.icl!.systems.general!
    expect(scores).toMatchObject({ nearestLabel: 1, majorityLabel: 1 })
  })

  it('asks BEIR sets at the depth of their task, and writes everything where it is wanted', async () => {
    const root = folder({ 'tool.jsonl': lines(...tools) })
    const [first, second] = [await care(), await unix()]
    const out = join(root, 'results')

    const { code, stdout, stderr, json } = await terminal().execute(
      'eval-tasks',
      '--samples',
      join(root, 'tool.jsonl'),
      '--sets',
      `tool=${first.directory},${second.directory}`,
      '--sets',
      `convsearch=${second.directory}`,
      '--out',
      out,
      '--no-cache',
      '--json',
      '--quiet',
    )

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.startsWith('{')).toBe(true)
    const report = json() as unknown as Report
    expect(Object.keys(report.sets)).toEqual(['convsearch', 'tool'])
    expect(report.sets.tool!.systems.bm25!.mean).toHaveProperty('ndcg@5')
    expect(report.sets.convsearch!.systems.routed!.mean).toHaveProperty('ndcg@3')
    expect(report.samples.tasks.tool!.systems.bm25!.scores.ndcg).toBe(1)
    expect(JSON.parse(readFileSync(join(out, 'task-evaluation.json'), 'utf8'))).toEqual(report)
    const markdown = readFileSync(join(out, 'task-evaluation.md'), 'utf8')
    expect(markdown).toContain('**tool**: 2 samples\n')
    expect(markdown).toContain('**tool**, retrieval\n\n| ndcg@5 | mean | care | unix |')
  })

  it('names a bad line, or goes on past it and lists it', async () => {
    const path = join(folder({ 'tool.jsonl': lines(...tools, { ...tools[0], teacher_scores: [1] }) }), 'tool.jsonl')

    const strict = await terminal().execute('eval-tasks', '--samples', path)
    const lenient = await terminal().execute('eval-tasks', '--samples', path, '--skip-bad', '--json')

    expect(strict.code).toBe(1)
    expect(strict.stderr).toContain(`${path}, line 3, has 1 teacher scores for 3 candidates`)
    expect(lenient.code).toBe(0)
    expect((lenient.json() as unknown as Report).skipped).toMatchObject([{ path, line: 3 }])
    expect(lenient.stderr).toContain('Skipped 1 line')
  })

  it('takes a wrong command line for what it is', async () => {
    const path = join(folder({ 'tool.jsonl': lines(...tools) }), 'tool.jsonl')
    for (const argv of [
      [],
      ['--exemplars', path],
      ['--samples', path, '--window', '100'],
      ['--samples', path, '--model', 'http://localhost:1/v1/completions'],
      ['--samples', path, '--sets', 'tools=x'],
      ['--samples', path, '--sets', 'tool'],
      ['--samples', path, '--k', '0'],
      ['--sets', `tool=${path}`, '--model', 'somewhere'],
    ]) {
      const { code, stdout } = await terminal().execute('eval-tasks', ...argv)
      expect({ argv, code, stdout }).toEqual({ argv, code: 2, stdout: '' })
    }
  })

  it('fails on a model that is not there before it says anything else', async () => {
    const root = folder({ 'chat.jsonl': lines(...chats) })

    const { code, stdout, stderr } = await terminal().execute(
      'eval-tasks',
      '--samples',
      join(root, 'chat.jsonl'),
      '--model',
      join(root, 'missing'),
      '--offline',
    )

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(join(root, 'missing'))
  })

  it('ends with 130 when it is interrupted', async () => {
    const path = join(folder({ 'tool.jsonl': lines(...Array.from({ length: 3000 }, () => tools).flat()) }), 'tool.jsonl')
    const { execute, interrupt } = terminal()

    const ended = execute('eval-tasks', '--samples', path)
    while (!interrupt('SIGINT')) await new Promise((resolve) => setTimeout(resolve, 5))

    expect((await ended).code).toBe(130)
  })
})
