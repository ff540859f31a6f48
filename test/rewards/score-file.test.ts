import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { InvalidArgumentError, InvalidDataError, ScoringStoppedError } from '../../src/errors.ts'
import { causalLanguageModel } from '../../src/language-model/causal.ts'
import { endpointLanguageModel } from '../../src/language-model/endpoint.ts'
import { functionReward } from '../../src/rewards/function.ts'
import { likelihoodReward } from '../../src/rewards/likelihood.ts'
import type { RewardProblem } from '../../src/rewards/lines.ts'
import type { Reward } from '../../src/rewards/reward.ts'
import { scoreFile, type ScoreFileOptions } from '../../src/rewards/score-file.ts'
import type { TaskSample } from '../../src/tasks/sample.ts'
import { folder } from '../cli/folder.ts'
import { fakeCompletions } from '../language-model/fake-completions.ts'
import { tinyLanguageModel, words } from '../language-model/tiny-language-model.ts'
import { line } from './samples.ts'

/** The length of each candidate; counts what it was asked. */
function lengths(id = 'lengths') {
  const asked: TaskSample[] = []
  const reward = functionReward(id, (sample) => {
    asked.push(sample)
    if (sample.query.includes('unspeakable')) return undefined
    return sample.candidates.map(({ length }) => (sample.query.includes('poison') ? Number.NaN : length))
  })
  return { reward, asked }
}

function files(content: readonly string[], out?: string) {
  const directory = folder({ 'data.jsonl': content.map((each) => `${each}\n`).join(''), ...(out !== undefined && { 'out.jsonl': out }) })
  const [data, path] = [join(directory, 'data.jsonl'), join(directory, 'out.jsonl')]
  return {
    data,
    out: path,
    written: () => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []),
    score: (reward: Reward, options: Partial<ScoreFileOptions> = {}) => scoreFile({ data, out: path, reward, ...options }),
  }
}

const five = ['one', 'two', 'three', 'four', 'five'].map((query) => line({ query }))

describe('scoreFile', () => {
  it('writes the same lines with the scores of their candidates, every other field as it stood', async () => {
    const odd =
      '{"qid": 12345678901234567890, "teacher_scores" :[ 9,9 ], "query": "q \\u00e9 }", "own": {"teacher_scores": [1.50]}, "pos": ["a"], "neg": ["bcd"], "task": "qa"}'
    const { score, written } = files([line({ extra: [1, { deep: null }] }), odd])

    const result = await score(lengths().reward)

    expect(JSON.parse(written()[0]!)).toEqual({ ...JSON.parse(line({ extra: [1, { deep: null }] })), teacher_scores: [7, 7, 8] })
    expect(written()[1]).toBe(odd.replace('[ 9,9 ]', ' [1, 3]'))
    expect(result).toMatchObject({ kept: 0, written: 2, skipped: 0, tasks: { qa: { scored: 2, candidates: 5 } } })
  })

  it('lets lines through that the reward has no use for, with the scores they came with, and counts them', async () => {
    const content = [line({ query: 'unspeakable', teacher_scores: [1, 2, 3] }), line({}), line({ query: 'unspeakable', task: 'tool' })]
    const { score, written } = files(content)

    const result = await score(lengths().reward)

    expect([written()[0], written()[2]]).toEqual([content[0], content[2]])
    expect(result.tasks.qa).toMatchObject({ scored: 1, unscorable: 1, withScores: 1, reasons: { '"lengths" gives it no scores': 1 } })
    expect(result.tasks.tool).toMatchObject({ scored: 0, unscorable: 1, withScores: 0 })
  })

  it('names each bad line by its number and goes on', async () => {
    const content = [
      line({}),
      '{"query": "broken',
      line({ query: 7 }),
      '',
      line({ teacher_scores: [1, 2] }),
      line({ query: 'poison' }),
      '{"query": "q", "pos": ["a"], "task": "qa", "teacher_scores": [NaN]}',
      line({ pos: [], neg: [] }),
      line({ task: 'poetry' }),
      line({ query: 'last' }),
    ]
    const { score, written, data } = files(content)
    const problems: RewardProblem[] = []

    const result = await score(lengths().reward, { onProblem: (problem) => problems.push(problem) })

    expect(written().map((each) => (JSON.parse(each) as { query: string }).query)).toEqual(['the cat', 'last'])
    expect(result).toMatchObject({ written: 2, skipped: 7 })
    expect(problems).toEqual([
      { file: data, line: 2, reason: 'is not JSON' },
      { file: data, line: 3, reason: 'has a "query" that is missing, empty or no text' },
      { file: data, line: 5, reason: 'has 2 teacher scores for 3 candidates' },
      {
        file: data,
        line: 6,
        reason: 'cannot be scored: "lengths" gives candidate number 1 the score NaN, which cannot be written as a score',
      },
      { file: data, line: 7, reason: 'is not JSON: it has NaN where a number must stand' },
      { file: data, line: 8, reason: 'has no candidates' },
      { file: data, line: 9, reason: 'has the task "poetry", which is none of qa, convsearch, chat, lrlm, icl, tool' },
    ])
  })

  it('names lines whose answer does not fit, or has a token that the model lacks, and scores the others', async () => {
    const model = await causalLanguageModel(tinyLanguageModel({ window: 16, vocabulary: words.length - 2 }), { threads: 1 })
    onTestFinished(() => model.close())
    const { score, written } = files([
      line({ answers: ['sat home'] }),
      line({ answers: ['sat '.repeat(20)] }),
      line({ answers: ['blue'] }),
      line({ query: 'dog', answers: ['sat'] }),
    ])
    const problems: RewardProblem[] = []

    const result = await score(likelihoodReward(model), { onProblem: (problem) => problems.push(problem), onEstimate: () => {} })

    expect(result).toMatchObject({ written: 2, skipped: 2 })
    expect(written()).toHaveLength(2)
    expect(problems.map(({ line: number }) => number)).toEqual([2, 3])
    expect(problems[0]!.reason).toMatch(/^cannot be scored: Prompt number 1 needs 22 tokens for its answer "sat sat .* the window is 16/)
    expect(problems[1]!.reason).toMatch(/^cannot be scored: The language model at .* lacks the token "blue" \(id 11\)/)
  })

  it('stops at the first bad line where that is asked for, and keeps what was scored', async () => {
    const { score, written } = files([line({}), line({ query: 'poison' }), line({})])

    const scoring = score(lengths().reward, { strict: true })

    await expect(scoring).rejects.toThrow(InvalidDataError)
    await expect(scoring).rejects.toMatchObject({ line: 2 })
    expect(written()).toHaveLength(1)
  })

  it('goes on after the last whole line, whatever was torn off, and scores nothing twice', async () => {
    const whole = files(five)
    await whole.score(lengths().reward)
    const { score, written, out } = files(five)
    await score(lengths().reward, { limit: 2 })
    appendFileSync(out, whole.written()[2]!.slice(0, 40))
    const { reward, asked } = lengths()

    const result = await score(reward)

    expect(asked.map(({ query }) => query)).toEqual(['three', 'four', 'five'])
    expect(written()).toEqual(whole.written())
    expect(result).toMatchObject({ kept: 2, written: 3 })
    expect(await score(reward)).toMatchObject({ kept: 5, written: 0 })
    expect(asked).toHaveLength(3)
  })

  it('goes on where it was stopped, bad lines between, and equal lines too', async () => {
    const content = [five[0]!, 'no JSON', five[0]!, five[1]!, '{"query": 1}', five[2]!]
    const { score, written } = files(content)
    const stop = new AbortController()
    const { reward, asked } = lengths()

    await expect(score(reward, { signal: stop.signal, onProgress: ({ done }) => done === 4 && stop.abort() })).rejects.toThrow(/abort/)
    expect(written()).toHaveLength(3)
    await score(reward)

    expect(written()).toHaveLength(4)
    expect(asked.map(({ query }) => query)).toEqual(['one', 'one', 'two', 'three'])
  })

  it('does not touch an output that is of another reward, of other data, or of nobody knows what', async () => {
    const { score, out, data } = files(five)
    await score(lengths().reward)
    const before = readFileSync(out, 'utf8')

    await expect(score(lengths('others').reward)).rejects.toThrow(/was scored by another reward \(lengths, not others\)/)
    writeFileSync(data, `${[...five].reverse().join('\n')}\n`)
    await expect(score(lengths().reward)).rejects.toThrow(/line 2, is not a line of .* that follows the one before it/)
    expect(readFileSync(out, 'utf8')).toBe(before)

    const foreign = files(five, 'precious\n')
    await expect(foreign.score(lengths().reward)).rejects.toThrow(/is there already, and no .*reward\.json says what scored it/)
    expect(readFileSync(foreign.out, 'utf8')).toBe('precious\n')
    await expect(foreign.score(lengths().reward, { out: foreign.data })).rejects.toThrow(InvalidArgumentError)
  })

  it('keeps everything that was scored when an endpoint fails half-way, names the line, and goes on with the same call', async () => {
    const endpoint = await fakeCompletions()
    endpoint.interfere = (response) => {
      if (endpoint.asked.length <= 7) return false
      response.writeHead(500).end('{"error": "out of memory"}')
      return true
    }
    const reward = likelihoodReward(endpointLanguageModel({ url: endpoint.url, model: 'm', attempts: 1, concurrency: 2 }))
    const { score, written, data } = files(five)

    const scoring = score(reward)

    await expect(scoring).rejects.toThrow(ScoringStoppedError)
    await expect(scoring).rejects.toMatchObject({ path: data, line: 3, cause: { code: 'LANGUAGE_MODEL_FAILED' } })
    await expect(scoring).rejects.toThrow(
      /line 3: .*answered 500 \("out of memory"\).*The 2 lines before it .* the same call goes on from there/,
    )
    expect(written()).toHaveLength(2)

    endpoint.interfere = () => false
    const asked = endpoint.asked.length
    await score(reward)
    expect(written()).toHaveLength(5)
    expect(endpoint.asked.length - asked).toBe(9)
    for (const each of written()) expect((JSON.parse(each) as { teacher_scores: number[] }).teacher_scores).toHaveLength(3)
  })

  it('says beforehand what is left to do and what it costs, and on the way how far it is', async () => {
    const { url } = await fakeCompletions()
    const reward = likelihoodReward(endpointLanguageModel({ url, model: 'm' }))
    const { score } = files([...five, line({ answers: [] }), 'no JSON'])
    await score(reward, { limit: 1 })
    const shares: number[] = []
    const estimates: object[] = []

    await score(reward, {
      pricePerMillionTokens: 2,
      onEstimate: (estimate) => estimates.push(estimate),
      onProgress: ({ share, done }) => shares.push(share, done),
    })

    expect(estimates).toEqual([
      {
        samples: 4,
        prompts: 12,
        bad: 1,
        characters: expect.any(Number),
        tokens: expect.any(Number),
        seconds: expect.any(Number),
        price: expect.any(Number),
      },
    ])
    const { tokens, price } = estimates[0] as { tokens: number; price: number }
    expect(price).toBeCloseTo((tokens * 2) / 1e6)
    // 8 words a prompt and a little more
    expect(tokens).toBeGreaterThan(12 * 6)
    expect(tokens).toBeLessThan(12 * 12)
    expect(shares.slice(0, 2)).toEqual([0, 1])
    expect(shares.at(-2)).toBe(1)
  })

  it('reads what is not there as an error, and writes where it can', async () => {
    const { score, data, out } = files(five)

    await expect(score(lengths().reward, { data: `${data}.no` })).rejects.toThrow(InvalidDataError)
    expect(existsSync(out)).toBe(false)
    await expect(score(lengths().reward, { out: '/proc/nowhere/out.jsonl' })).rejects.toThrow(/cannot be (written|read)/)
  })

  it.each([
    ['no numbers', [1, Number.NaN, 2]],
    ['too few', [1]],
    ['none at all', undefined],
  ])('never writes the scores of a reward of one’s own that are %s: names the line and goes on', async (_, scores) => {
    const { score, written } = files(five)
    const problems: RewardProblem[] = []
    const own: Reward = {
      id: 'own',
      score: async ([one]) => [
        {
          sample: { ...one!, scores: (one!.query === 'two' ? scores : [1, 2, 3]) as number[] },
          tokens: 0,
          cuts: { prompts: 0, key: 0, after: 0 },
        },
      ],
    }

    const result = await score(own, { onProblem: (problem) => problems.push(problem) })

    expect(result).toMatchObject({ written: 4, skipped: 1 })
    expect(problems).toMatchObject([{ line: 2, reason: expect.stringMatching(/^cannot be scored: "own" gives/) }])
    expect(written().every((each) => !each.includes('null'))).toBe(true)
  })

  it('lets one call at a time write an output, and leaves no lock behind', async () => {
    const { score, written, out } = files(five)
    const { reward, asked } = lengths()

    const both = await Promise.allSettled([score(reward), score(reward)])

    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'INVALID_DATA', path: out } })
    expect(written()).toHaveLength(5)
    expect(asked).toHaveLength(5)
    expect(existsSync(`${out}.lock`)).toBe(false)
    expect(await score(reward)).toMatchObject({ kept: 5, written: 0 })
  })

  it('lets another process go on where one was killed, lock and all', async () => {
    const { score, out } = files(five)
    const script = `import { lockOutput } from ${JSON.stringify(new URL('../../src/rewards/output-lock.ts', import.meta.url).href)}
      lockOutput(${JSON.stringify(out)}); console.log('locked'); setInterval(() => {}, 1000)`
    const other = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void other.kill('SIGKILL'))
    await once(other.stdout, 'data')

    await expect(score(lengths().reward)).rejects.toThrow(/out\.jsonl is being written by another call\. Wait for it/)
    other.kill('SIGKILL')
    await once(other, 'exit')

    expect(await score(lengths().reward)).toMatchObject({ written: 5 })
  })

  it('names an output that cannot be gone on with: packed, or a directory', async () => {
    const { score, out, data } = files(five)

    await expect(score(lengths().reward, { out: `${out}.gz` })).rejects.toThrow('out ends in .gz')
    await expect(score(lengths().reward, { out: dirname(data) })).rejects.toThrow(/cannot be read \(EISDIR\)/)
    await expect(score(lengths().reward, { out: join(dirname(data), 'no', 'out.jsonl') })).rejects.toThrow(/cannot be written \(ENOENT\)/)
  })
})
