import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { sharedModel } from '../../encoder/models.ts'
import { fakeCompletions } from '../../language-model/fake-completions.ts'
import { expectedLikelihood, tinyLanguageModel } from '../../language-model/tiny-language-model.ts'
import { line } from '../../rewards/samples.ts'
import { tinyCrossEncoder } from '../../rewards/tiny-cross-encoder.ts'
import { folder } from '../folder.ts'
import { terminal } from '../terminal.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

function files(...content: readonly string[]) {
  const directory = folder({ 'data.jsonl': content.map((each) => `${each}\n`).join('') })
  const out = join(directory, 'out.jsonl')
  const records = () =>
    readFileSync(out, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((each) => JSON.parse(each) as { query: string; teacher_scores?: number[] })
  return { data: join(directory, 'data.jsonl'), out, records }
}

describe('pilotfish reward', () => {
  it('scores the candidates of a file and says what became of its lines', async () => {
    const { data, out, records } = files(line({}), 'no JSON', line({ task: 'tool' }), line({ answers: [], teacher_scores: [1, 2, 3] }))
    const { execute } = terminal()

    const { code, stdout, stderr } = await execute('reward', '--data', data, '--model', tinyLanguageModel(), '--out', out)

    expect(code).toBe(0)
    expect(stderr).toContain('To score: 1 sample, 3 prompts, about ')
    expect(stderr).toContain('data.jsonl:2 is not JSON; skipped')
    expect(stdout).toMatch(/3 lines written to .*out\.jsonl in [\d.]+ s\./)
    expect(stdout).toMatch(/task +scored +candidates +tokens +cut prompts +cut tokens +passed through/)
    expect(stdout).toMatch(/qa +1 +3 +\d+ +0 +0 +1\n/)
    expect(stdout).toContain('qa: 1 line went through as it came (has no answers), 1 with scores')
    expect(stdout).toContain('1 line skipped: 1 × is not JSON')
    expect(records().map(({ teacher_scores: scores }) => scores?.length)).toEqual([3, undefined, 3])
    expect(records()[0]!.teacher_scores![0]).toBeCloseTo(
      expectedLikelihood('Knowledge: cat sat\n\nQuestion: the cat\n\nAnswer: ', 'sat home .') / 3,
      5,
    )
  })

  it('prints all figures as JSON, and goes on where it stood', async () => {
    const { data, out } = files(line({}), line({ query: 'dog' }))
    const { execute } = terminal()
    const model = tinyLanguageModel({ window: 16 })
    await execute('reward', '--data', data, '--model', model, '--out', out, '--limit', '1', '--quiet')

    const { code, json } = await execute('reward', '--data', data, '--model', model, '--out', out, '--json')

    expect(code).toBe(0)
    expect(json()).toMatchObject({
      kept: 1,
      written: 1,
      skipped: 0,
      problems: [],
      reward: expect.stringMatching(/^likelihood-/),
      tasks: { qa: { scored: 1, cuts: { prompts: 0 } } },
    })
  })

  it('only says what it takes where that is asked, and writes nothing', async () => {
    const { data, out } = files(line({}), line({ query: 'dog' }), 'no JSON')
    const { execute } = terminal()

    const { code, json } = await execute('reward', '--data', data, '--model', tinyLanguageModel(), '--estimate', '--json', '--price', '10')

    expect(code).toBe(0)
    expect(json()).toMatchObject({ samples: 2, prompts: 6, bad: 1, price: expect.any(Number), seconds: expect.any(Number) })
    expect(existsSync(out)).toBe(false)
  })

  it.each([
    ['rank', () => tinyLanguageModel(), ['--samples', '4', '--max-tokens', '3']],
    ['cross-encoder', () => tinyCrossEncoder(), []],
  ] as const)('scores by %s', async (kind, model, more) => {
    const { data, out, records } = files(line({}))
    const { execute } = terminal()

    const { code, stderr } = await execute('reward', '--data', data, '--model', model(), '--out', out, '--kind', kind, '--quiet', ...more)

    expect([code, stderr]).toEqual([0, ''])
    expect(records()[0]!.teacher_scores!.every(Number.isFinite)).toBe(true)
  })

  it('asks an endpoint', async () => {
    const { url, asked } = await fakeCompletions()
    const { data, out, records } = files(line({}))

    const { code } = await terminal().execute('reward', '--data', data, '--model', url, '--model-name', 'm', '--out', out, '--quiet')

    expect(code).toBe(0)
    expect(asked).toHaveLength(3)
    expect(records()[0]!.teacher_scores).toHaveLength(3)
  })

  it('says that there is nothing to read before it looks for a model, and that a file is empty', async () => {
    const { data, out } = files()
    const { execute } = terminal()

    const missing = await execute('reward', '--data', `${data}.gone`, '--model', '/no/such/model', '--out', out)
    const empty = await execute('reward', '--data', data, '--model', tinyLanguageModel(), '--out', out)

    expect([missing.code, missing.stderr]).toEqual([1, `pilotfish: ${data}.gone cannot be read.\n`])
    expect([empty.code, empty.stderr]).toEqual([1, `pilotfish: ${data} holds no samples.\n`])
  })

  it('says what is missing on the command line', async () => {
    const { data, out } = files(line({}))
    const { execute } = terminal()
    const model = tinyLanguageModel()
    const cases = [
      [['--model', model], /Say where the scored lines go/],
      [['--model', 'http://localhost:1/v1/completions', '--out', out], /--model-name/],
      [['--model', 'http://localhost:1', '--kind', 'cross-encoder', '--out', out], /not an endpoint/],
      [['--model', model, '--out', data], /out is the file that is read/],
      [['--model', model, '--out', out, '--window', '65'], /window is 65, but the model has 64 positions/],
    ] as const

    for (const [argv, message] of cases) {
      const { code, stderr } = await execute('reward', '--data', data, ...argv)
      expect(stderr).toMatch(message)
      expect(code).toBe(2)
    }
  })

  it('ends with 1 at the first bad line where it is to be strict, with its number', async () => {
    const { data, out, records } = files(line({}), line({ teacher_scores: [1] }), line({}))

    const { code, stderr } = await terminal().execute('reward', '--data', data, '--model', tinyLanguageModel(), '--out', out, '--strict')

    expect(code).toBe(1)
    expect(stderr).toContain('data.jsonl, line 2, has 1 teacher scores for 3 candidates')
    expect(records()).toHaveLength(1)
  })

  it('stops when it is told to, and goes on with the same command', async () => {
    const { data, out, records } = files(...Array.from({ length: 400 }, (_, i) => line({ query: `the cat ${i}` })))
    const { execute, interrupt } = terminal()
    const argv = ['reward', '--data', data, '--model', tinyLanguageModel(), '--out', out, '--quiet']

    const running = execute(...argv)
    while (!existsSync(out) || readFileSync(out, 'utf8').length === 0) await wait(2)
    interrupt('SIGINT')
    const stopped = await running

    expect(stopped.code).toBe(130)
    expect(stopped.stderr).toContain('the same command goes on from there')
    expect(records().length).toBeLessThan(400)
    expect((await execute(...argv)).code).toBe(0)
    expect(records().map(({ query }) => query)).toEqual(Array.from({ length: 400 }, (_, i) => `the cat ${i}`))
  }, 20_000)

  it('loses nothing when it is killed', async () => {
    const { data, out, records } = files(...Array.from({ length: 400 }, (_, i) => line({ query: `the cat ${i}` })))
    const argv = ['reward', '--data', data, '--model', tinyLanguageModel(), '--out', out, '--quiet']

    const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...argv], { cwd: root, stdio: 'ignore' })
    while (!existsSync(out) || readFileSync(out, 'utf8').split('\n').length < 20) await wait(2)
    child.kill('SIGKILL')
    await once(child, 'close')
    const before = readFileSync(out, 'utf8').split('\n').slice(0, -1)
    const { code } = await terminal().execute(...argv)

    expect(code).toBe(0)
    expect(before.length).toBeLessThan(400)
    expect(readFileSync(out, 'utf8').split('\n').slice(0, before.length)).toEqual(before)
    expect(records()).toHaveLength(400)
  }, 20_000)
})

const stories = sharedModel('stories260K')
const toys = join(root, '../shared/data/llm-embedder-toy')

describe.skipIf(stories.missing || !existsSync(toys))(`LLM-Embedder’s own samples${stories.note}`, () => {
  it.each([
    ['qa', { scored: 1, unscorable: 0, candidates: 101 }],
    ['convsearch', { scored: 1, unscorable: 0, candidates: 33 }],
    ['chat', { scored: 1, unscorable: 0, candidates: 7 }],
    ['lrlm', { scored: 1, unscorable: 0, candidates: 64 }],
    ['icl', { scored: 0, unscorable: 1, withScores: 1, reasons: { 'has no answers': 1 } }],
    ['tool', { scored: 0, unscorable: 1, withScores: 0 }],
  ] as const)(
    'go through unchanged: %s',
    async (task, expected) => {
      const data = join(toys, `${task}.json`)
      const out = join(folder(), 'out.jsonl')
      const { execute } = terminal()

      const { code, json } = await execute(
        'reward',
        '--data',
        data,
        '--model',
        stories.directory,
        '--out',
        out,
        '--limit',
        '1',
        '--json',
        '-q',
      )

      expect(code).toBe(0)
      expect(json()).toMatchObject({ written: 1, skipped: 0, tasks: { [task]: expected } })
      const bare = (text: string): object => ({ ...(JSON.parse(text) as object), teacher_scores: undefined })
      const original = readFileSync(data, 'utf8').split('\n').slice(0, 1)
      expect(readFileSync(out, 'utf8').split('\n').slice(0, 1).map(bare)).toEqual(original.map(bare))
    },
    60_000,
  )
})
