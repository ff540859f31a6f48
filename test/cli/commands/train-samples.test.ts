import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openPack } from '../../../src/expert/pack.ts'
import { taskInstructions, type RetrievalTask } from '../../../src/tasks/task.ts'
import { tradeCsv, tradePairs } from '../../pack-training/pairs.ts'
import { folder } from '../folder.ts'
import { terminal } from '../terminal.ts'

const toys = fileURLToPath(new URL('../../../../shared/data/llm-embedder-toy', import.meta.url))

const passages = [...new Set(tradePairs.map(({ document }) => document))]

/** What a language model made of the right passage and of two wrong ones. */
function sample(i: number, more: object = {}): string {
  const { query, document } = tradePairs[i]!
  const wrong = passages.filter((passage) => passage !== document).slice(i % 10, (i % 10) + 2)
  return JSON.stringify({
    task: 'qa',
    query,
    pos: [document],
    neg: wrong,
    teacher_scores: [-1, -4, -5].slice(0, 1 + wrong.length),
    ...more,
  })
}
const samples = tradePairs.map((_, i) => sample(i))

describe('pilotfish train for a task', () => {
  it('learns from the rewards of samples, and binds the expert to their task', async () => {
    const directory = folder({ 'qa.jsonl': [...samples, sample(0, { teacher_scores: [null, 1, 2] })].join('\n') })
    const [data, out, log] = ['qa.jsonl', 'pack', 'steps.jsonl'].map((name) => join(directory, name))
    const { execute } = terminal()

    const { code, stdout, stderr } = await execute('train', '--name', 'trade', '--samples', data!, '--out', out!, '--log', log!)

    expect(code).toBe(0)
    expect(stderr).toContain('qa.jsonl:97 has a teacher score that is no finite number')
    expect(stderr).toContain('96 samples of qa over 12 passages, learned by graded distillation\n')
    expect(stdout).toContain('trade learned from 96 questions')
    const expert = (await openPack(out!)).manifest.experts.find(({ name }) => name === 'trade')
    expect(expert).toMatchObject({ task: 'qa' })
    expect(expert).not.toHaveProperty('instructions')
    const steps = readFileSync(log!, 'utf8').trimEnd().split('\n')
    expect(steps.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ step: 1, pace: 1, queries: { qa: expect.any(Number) } }),
    )
  }, 60_000)

  it('binds an expert trained on pairs to a task, behind its instruction where that is asked for', async () => {
    const directory = folder({ 'trade.csv': tradeCsv })
    const out = join(directory, 'pack')
    const { execute } = terminal()
    const train = ['train', '--pairs', join(directory, 'trade.csv'), '--out', out, '--force', '--quiet', '--steps', '20']

    await execute(...train, '--name', 'desk', '--task', 'service-desk')
    await execute(...train, '--name', 'qa', '--task', 'qa', '--instructions', 'queries')

    const { experts } = (await openPack(out)).manifest
    expect(experts.find(({ name }) => name === 'desk')).toMatchObject({ task: 'service-desk' })
    expect(experts.find(({ name }) => name === 'desk')).not.toHaveProperty('instructions')
    expect(experts.find(({ name }) => name === 'qa')).toMatchObject({ task: 'qa', instructions: { query: taskInstructions.qa.query } })
  }, 60_000)

  it('says which samples it needs', async () => {
    const mixed = [...samples.slice(0, 6), sample(6, { task: 'tool' })].join('\n')
    const silent = Array.from({ length: 6 }, (_, i) => JSON.stringify({ task: 'chat', query: `q ${i}`, history: ['a', 'b'] })).join('\n')
    const directory = folder({ 'mixed.jsonl': mixed, 'chat.jsonl': silent, 'few.jsonl': samples.slice(0, 4).join('\n') })
    const at = (name: string): string => join(directory, name)
    const { execute } = terminal()
    const cases = [
      [['--samples', at('mixed.jsonl')], /The samples are of qa, tool: name one of them \(--task\), or .*train-tasks/],
      [['--samples', at('mixed.jsonl'), '--task', 'icl'], /The samples are of qa, tool/],
      [['--samples', at('mixed.jsonl'), '--task', 'law'], /Samples are of one of the tasks qa, .* not of "law"/],
      [['--samples', at('chat.jsonl')], /None of 6 samples teaches anything: nothing says which candidate helps\. pilotfish reward/],
      [['--samples', at('few.jsonl')], /at least five pairs/],
      [['--samples', at('few.jsonl'), '--pairs', at('few.jsonl')], /give --samples or --pairs/],
      [['--pairs', at('few.jsonl'), '--task', 'law', '--instructions', 'queries'], /--instructions are those of one of the six tasks/],
      [[], /or samples of a task \(--samples FILE\)/],
    ] as const

    for (const [argv, message] of cases) {
      const { code, stderr } = await execute('train', '--name', 'x', '--out', at('pack'), ...argv)
      expect(stderr).toMatch(message)
      expect(code).toBe(2)
    }
    expect(existsSync(at('pack'))).toBe(false)
  })

  describe.skipIf(!existsSync(toys))('of the released toy samples', () => {
    it.each<[RetrievalTask, string]>([
      ['qa', '8 samples of qa over 808 passages, learned by graded distillation'],
      ['chat', '8 samples of chat over 21 passages, learned by KL distillation at 0.1'],
      ['tool', '8 samples of tool over 210 passages, learned by contrast'],
    ])(
      'takes those of %s as they are',
      async (task, read) => {
        const out = join(folder(), 'pack')
        const files = ['--samples', join(toys, `${task}.json`), '--out', out]

        const { code, stderr } = await terminal().execute('train', '--name', task, ...files, '--steps', '5', '--force')

        expect(stderr).toContain(read)
        expect(code).toBe(0)
        expect((await openPack(out)).manifest.experts.at(-1)).toMatchObject({ name: task, task })
      },
      60_000,
    )
  })
})
