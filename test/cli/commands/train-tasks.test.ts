import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openPilotfish } from '../../../src/open.ts'
import type { TrainingLogEntry } from '../../../src/train/index.ts'
import { folder } from '../folder.ts'
import { terminal } from '../terminal.ts'

const toys = fileURLToPath(new URL('../../../../shared/data/llm-embedder-toy', import.meta.url))

const things = ['lamp', 'river', 'engine', 'garden', 'letter', 'bridge', 'kettle', 'window', 'tiger', 'guitar']
const slang = ['zub', 'kel', 'mov', 'tir', 'pag', 'nox', 'wem', 'dil', 'fop', 'gri']

/** Questions in words that the base cannot know, each with the thing it means, and the text about each thing. */
function questions(opening: string, shift: number, count = 80): { question: string; thing: number }[] {
  return Array.from({ length: count }, (_, i) => ({
    question: `${opening} ${slang[i % 10]} ${['now', 'today', 'soon', 'please'][i % 4]} ${['in town', 'at home', 'here'][i % 3]}${' !'.repeat(Math.floor(i / 20))}`,
    thing: (i + shift) % 10,
  }))
}
const article = (thing: number): string => `Everything about the ${things[thing]}.`
const tool = (thing: number): string => `A function for the ${things[thing]}.`

/** Samples with rewards for qa, without for tool. */
const qa = questions('tell me about', 0).map(({ question, thing }) =>
  JSON.stringify({
    task: 'qa',
    query: question,
    pos: [article(thing)],
    neg: [article((thing + 1) % 10), article((thing + 2) % 10)],
    teacher_scores: [-0.5, -3, -4],
  }),
)
const tools = questions('call something for', 3).map(({ question, thing }) =>
  JSON.stringify({ task: 'tool', query: question, pos: [tool(thing)], neg: [tool((thing + 4) % 10)] }),
)
const samples = { 'qa.jsonl': qa.join('\n'), 'tool.jsonl': tools.join('\n') }

/** A BEIR directory of the tools, with the splits that are named. */
function beir(splits: readonly string[]): Record<string, string> {
  const asked = questions('call something for', 3, 30 * splits.length)
  const lines = (rows: readonly object[]): string => rows.map((row) => JSON.stringify(row)).join('\n')
  return {
    'tools/corpus.jsonl': lines(things.map((_, i) => ({ _id: `d${i}`, title: '', text: tool(i) }))),
    'tools/queries.jsonl': lines(asked.map(({ question }, i) => ({ _id: `q${i}`, text: question }))),
    ...Object.fromEntries(
      splits.map((split, s) => [
        `tools/qrels/${split}.tsv`,
        ['query-id\tcorpus-id\tscore', ...asked.slice(30 * s, 30 * s + 30).map(({ thing }, i) => `q${30 * s + i}\td${thing}\t1`)].join(
          '\n',
        ),
      ]),
    ),
  }
}

function csv(opening: string, shift: number, count?: number): string {
  return ['question,passage', ...questions(opening, shift, count).map(({ question, thing }) => `${question},${article(thing)}`)].join('\n')
}

const steps = ['--steps', '20'] as const

describe('pilotfish train-tasks', () => {
  it('trains both ways from samples, says what was read, which way won and how to use the pack', async () => {
    const directory = folder(samples)
    const out = join(directory, 'pack')
    const files = Object.keys(samples).map((name) => join(directory, name))

    const { code, stdout, stderr } = await terminal().execute('train-tasks', '--samples', ...files, '--out', out, ...steps)

    expect(code).toBe(0)
    expect(stderr).toMatch(/task +set +questions +passages +held out +test +learns by\n/)
    expect(stderr).toMatch(/qa +qa +80 +10 +a fifth +– +graded distillation\n/)
    expect(stderr).toMatch(/tool +tool +80 +10 +a fifth +– +contrast\n/)
    expect(stdout).toMatch(/Trained both ways \(table\) in [\d.]+ s\. Steps kept: \d+ of the expert for all tasks; qa \d+, tool \d+\./)
    expect(stdout).toMatch(/^ +mean +qa +tool$/m)
    for (const system of ['bm25', 'general', 'multi-task, task known', 'experts, routed', 'experts, routed \\+ BM25'])
      expect(stdout).toMatch(new RegExp(`^  ${system} +\\d+\\.\\d +\\d+\\.\\d +\\d+\\.\\d$`, 'm'))
    expect(stdout).toMatch(/^ {2}questions +8 +8$/m)
    expect(stdout).toMatch(/One expert (a task|for all tasks) did better: \+\d+\.\d points of nDCG@10 over one expert .+ \(p [01]\.\d{4}\)/)
    expect(stdout).toContain(`$ pilotfish search 'a question' --index ./knowledge --pack ${out} --task qa`)
    const fish = await openPilotfish({ pack: out })
    expect(fish.experts.list().map(({ task }) => task)).toEqual([undefined, 'qa', 'tool'])
    await fish.close()
  }, 60_000)

  it('reads pairs of tasks of its own names, and brings the splits of a BEIR directory along', async () => {
    const directory = folder({
      'ask.csv': csv('where is the', 0),
      'more.csv': csv('what of the', 5),
      'asked.csv': csv('where is the', 0, 4).replaceAll('here', 'there'),
      ...beir(['train', 'dev', 'test']),
    })
    const at = (name: string): string => join(directory, name)
    const { execute } = terminal()
    const pairs = ['--task', `desk=${at('ask.csv')}`, `desk=${at('more.csv')}`, '--task', `tool=${at('tools')}`]

    const result = await execute('train-tasks', ...pairs, '--test', `ask=${at('asked.csv')}`, '--out', at('pack'), ...steps, '--json')

    expect(result.code).toBe(0)
    expect(result.json()).toMatchObject({
      winner: expect.stringMatching(/^(routed|multi-task)$/),
      method: 'table',
      comparison: {
        sets: [
          { task: 'desk', set: 'ask', questions: 8 },
          { task: 'desk', set: 'more', questions: 8 },
          { task: 'tool', set: 'tools', questions: 15 },
        ],
        difference: { p: expect.any(Number) },
      },
      test: {
        sets: [
          { set: 'ask', questions: 4 },
          { set: 'tools', questions: 30 },
        ],
      },
      input: {
        sets: [
          { task: 'desk', set: 'ask', questions: expect.any(Number), documents: 10, test: 4, learnsBy: 'contrast' },
          { task: 'desk', set: 'more', questions: 80, documents: 10 },
          { task: 'tool', set: 'tools', questions: 30, documents: 10, heldOut: 30, test: 30 },
        ],
        unused: [],
      },
      skipped: 0,
      problems: [],
    })
  }, 60_000)

  it('learns from no question that is asked to judge', async () => {
    const directory = folder({ ...samples, 'asked.jsonl': qa.slice(0, 10).join('\n') })
    const at = (name: string): string => join(directory, name)
    const { execute } = terminal()
    const files = ['--samples', at('qa.jsonl'), at('tool.jsonl'), '--test', `qa=${at('asked.jsonl')}`]

    const result = await execute('train-tasks', ...files, '--out', at('pack'), ...steps, '--json')

    expect(result.json()).toMatchObject({
      input: { notLearnedFrom: 10, sets: [{ questions: 70, test: 10, rewarded: 70 }, { questions: 80 }] },
      test: { sets: [{ set: 'qa', questions: 10 }] },
    })
  }, 60_000)

  it('logs every step, of one task unless batches are to be mixed', async () => {
    const directory = folder(samples)
    const at = (name: string): string => join(directory, name)
    const { execute } = terminal()
    const files = ['train-tasks', '--samples', at('qa.jsonl'), at('tool.jsonl'), '--quiet', ...steps]
    const entries = (name: string): (TrainingLogEntry & { expert: string })[] =>
      readFileSync(at(name), 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line))

    const usual = await execute(...files, '--out', at('a'), '--log', at('a.jsonl'))
    await execute(...files, '--out', at('b'), '--log', at('b.jsonl'), '--mixed-batches')
    await execute(...files, '--out', at('c'), '--log', at('c.jsonl'), '--no-self-pacing')

    const multi = (name: string) => entries(name).filter(({ expert }) => expert === 'multi-task')
    expect(usual).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(new Set(entries('a.jsonl').map(({ expert }) => expert))).toEqual(new Set(['multi-task', 'qa', 'tool']))
    expect(multi('a.jsonl').every(({ queries }) => Object.keys(queries).length === 1)).toBe(true)
    expect(multi('a.jsonl').some(({ pace }) => pace !== 1)).toBe(true)
    expect(multi('b.jsonl').every(({ queries, pace }) => Object.keys(queries).length === 2 && pace === 1)).toBe(true)
    expect(multi('c.jsonl').every(({ queries, pace }) => Object.keys(queries).length === 1 && pace === 1)).toBe(true)
  }, 120_000)

  it('names lines that cannot be used and goes on, or stops at the first when strict', async () => {
    const [first, second, ...rest] = qa
    const wrong = second!.replace('[-0.5,-3,-4]', '[-0.5,-3]')
    const equal = rest[0]!.replaceAll('"qa"', '"lrlm"').replace('[-0.5,-3,-4]', '[-1,-1,-1]')
    const directory = folder({ ...samples, 'qa.jsonl': [first, wrong, 'no JSON', ...rest, equal].join('\n') })
    const at = (name: string): string => join(directory, name)
    const { execute } = terminal()
    const files = ['train-tasks', '--samples', at('qa.jsonl'), at('tool.jsonl'), '--out', at('pack'), ...steps]

    const strict = await execute(...files, '--strict')
    const { code, stdout, stderr } = await execute(...files)

    expect(strict).toMatchObject({ code: 1, stderr: expect.stringContaining('qa.jsonl, line 2, has 2 teacher scores for 3 candidates') })
    expect(code).toBe(0)
    expect(stderr).toContain('qa.jsonl:2 has 2 teacher scores for 3 candidates; skipped')
    expect(stderr).toContain('qa.jsonl:3 is not JSON; skipped')
    expect(stderr).toContain('lrlm: 1 sample unused (rewards too close together)')
    expect(stdout).toContain('2 lines skipped: ')
  }, 60_000)

  it('says what is missing or does not fit', async () => {
    const directory = folder({ ...samples, 'pack/pack.json': '{}', 'a.csv': csv('a', 0), 'few.jsonl': qa.slice(0, 8).join('\n') })
    const at = (name: string): string => join(directory, name)
    const { execute } = terminal()
    const both = ['--samples', at('qa.jsonl'), at('tool.jsonl')]
    const cases = [
      [[], /Give samples \(--samples FILE\) or pairs \(--task NAME=PATH\)/],
      [['--task', 'qa'], /Write NAME=PATH/],
      [['--samples', at('qa.jsonl')], /for one task only, qa: pilotfish train is for that/],
      [['--task', `qa=${at('qa.jsonl')}`], /qa\.jsonl holds samples, whose lines name their tasks: give it with --samples/],
      [[...both, '--test', `law=${at('a.csv')}`], /--test law=… is about nothing that is trained on\. There are qa, tool\./],
      [[...both, '--test', `qa=${at('tool.jsonl')}`], /line 1, is a sample of tool, but was given as test questions of qa/],
      [[...both, '--task', `a b=${at('a.csv')}`], /name is "a b"/],
      [[...both, '--task', `qa=${at('a.csv')}`, '--both-sides'], /tied is for documents that learn as well, which a table expert/],
      [['--samples', at('few.jsonl'), at('tool.jsonl')], /too few questions for "qa": 7 to learn from and 1 held out/],
    ] as const

    for (const [argv, message] of cases) {
      const { code, stderr } = await execute('train-tasks', ...argv, '--out', at('new'), '--log', at('steps.jsonl'))
      expect(stderr).toMatch(message)
      expect(code).toBe(2)
    }
    expect(await execute('train-tasks', ...both, '--out', at('pack'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('There is a pack in'),
    })
    expect(readdirSync(directory)).not.toContain('new')
    expect(readdirSync(directory)).not.toContain('steps.jsonl')
  })

  it('names a log that cannot be written, before the training or in the midst of it', async () => {
    const directory = folder(samples)
    const at = (name: string): string => join(directory, name)
    const { execute } = terminal()
    const train = (log: string) =>
      execute('train-tasks', '--samples', at('qa.jsonl'), at('tool.jsonl'), '--out', at('pack'), ...steps, '--log', log)

    expect(await train(at('gone/steps.jsonl'))).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot be written (ENOENT)') })
    expect(await train(directory)).toMatchObject({ code: 1, stderr: expect.stringContaining('is a directory') })
    if (existsSync('/dev/full'))
      expect(await train('/dev/full')).toMatchObject({ code: 1, stderr: expect.stringContaining('/dev/full cannot be written (ENOSPC)') })
    expect(existsSync(at('pack'))).toBe(false)
  }, 30_000)

  it('writes no pack when interrupted, and whole lines of the log', async () => {
    const directory = folder(samples)
    const at = (name: string): string => join(directory, name)
    const { execute, interrupt } = terminal()

    const running = execute('train-tasks', '--samples', at('qa.jsonl'), at('tool.jsonl'), '--out', at('pack'), '--log', at('steps.jsonl'))
    const again = setInterval(() => existsSync(at('steps.jsonl')) && interrupt('SIGINT'), 5)
    const { code, stderr } = await running
    clearInterval(again)

    expect(code).toBe(130)
    expect(stderr).toContain('No pack was written')
    expect(readdirSync(directory).sort()).toEqual(['qa.jsonl', 'steps.jsonl', 'tool.jsonl'])
    const lines = readFileSync(at('steps.jsonl'), 'utf8').split('\n')
    expect(lines.pop()).toBe('')
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ expert: 'multi-task', loss: expect.any(Number) })
  }, 30_000)

  it.skipIf(!existsSync(toys))('says of the released toy samples that eight a task are too few to hold any out', async () => {
    const files = ['qa', 'convsearch', 'chat', 'lrlm', 'icl', 'tool'].map((task) => join(toys, `${task}.json`))
    const out = join(folder(), 'pack')

    const { code, stderr } = await terminal().execute('train-tasks', '--samples', ...files, '--out', out)

    for (const [task, passages, loss] of [
      ['qa', 808, 'graded distillation'],
      ['convsearch', 201, 'contrast'],
      ['chat', 21, 'KL distillation at 0.1'],
      ['lrlm', 512, 'KL distillation at 0.1'],
      ['icl', 160, 'graded distillation'],
      ['tool', 210, 'contrast'],
    ])
      expect(stderr).toMatch(new RegExp(`  ${task} +${task} +8 +${passages} +a fifth +– +${loss}\n`))
    expect(stderr).toContain(
      '"tool": 7 to learn from and 1 held out. Held-out questions are halved, and a half needs 5 at least: give fifty or more.',
    )
    expect(code).toBe(2)
    expect(existsSync(out)).toBe(false)
  })
})
