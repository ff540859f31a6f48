import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openPack } from '../../../src/expert/pack.ts'
import { bundledPack } from '../../../src/load-pack.ts'
import { openPilotfish } from '../../../src/open.ts'
import { tradeCsv, tradePairs } from '../../pack-training/pairs.ts'
import { folder } from '../folder.ts'
import { terminal } from '../terminal.ts'

describe('pilotfish train', () => {
  it('makes an expert of a CSV file, shows what it is worth, and says how to use it', async () => {
    const directory = folder({ 'trade.csv': `${tradeCsv}\nno passage,\n` })
    const out = join(directory, 'pack')
    const { execute } = terminal()

    const { code, stdout, stderr } = await execute('train', '--name', 'trade', '--pairs', join(directory, 'trade.csv'), '--out', out)

    expect(code).toBe(0)
    expect(stderr).toContain('trade.csv:98 has no passage; skipped')
    expect(stderr).toContain('96 pairs: 96 questions over 12 passages')
    expect(stdout).toContain('1 row skipped: 1 × has no passage')
    expect(stdout).toMatch(
      /trade learned from 96 questions in [\d.]+ s\. Judged by all of them, each put to an expert that had not seen it, over 12 passages:/,
    )
    for (const system of ['BM25', 'general', 'trade', 'general \\+ BM25', 'trade \\+ BM25'])
      expect(stdout).toMatch(new RegExp(`^  ${system} +\\d+\\.\\d +\\d+\\.\\d`, 'm'))
    expect(stdout).toMatch(/\+\d+\.\d over general, 95 % interval [+−]\d+\.\d to \+\d+\.\d/)
    expect(stdout).toMatch(/of 1,\d+ stored questions of the other experts 9\d\.\d % go where they belong, 9\d\.\d % before/)
    expect(stdout).toContain(`--index ./knowledge --pack ${out}`)
    const fish = await openPilotfish({ pack: out })
    expect(fish.experts.list()).toContainEqual(expect.objectContaining({ name: 'trade', routed: true }))
    await fish.close()
  }, 30_000)

  it('prints all figures as JSON, and nothing else', async () => {
    const directory = folder({ 'trade.jsonl': tradePairs.map((pair) => JSON.stringify({ q: pair.query, text: pair.document })).join('\n') })
    const { execute } = terminal()

    const result = await execute(
      'train',
      '--name',
      'trade',
      '--description',
      'The trade',
      '--pairs',
      join(directory, 'trade.jsonl'),
      '--limit',
      '90',
      '--out',
      join(directory, 'pack'),
      '--json',
    )

    expect(result.code).toBe(0)
    expect(result.json()).toMatchObject({
      name: 'trade',
      method: 'table',
      input: { pairs: 90, questions: 90, duplicates: 0, madeUp: 0 },
      trained: { queries: 90 },
      heldOut: {
        queries: 90,
        general: { 'ndcg@10': expect.any(Number), 'recall@10': expect.any(Number) },
        gain: { low: expect.any(Number) },
      },
      routing: { own: { queries: 18 }, others: { examples: expect.any(Number) } },
      skipped: 0,
      problems: [],
    })
    expect((await openPack(join(directory, 'pack'))).manifest.experts.at(-1)).toMatchObject({ name: 'trade', description: 'The trade' })
  }, 30_000)

  it('makes questions of documents where there are no pairs, and says what they are', async () => {
    const text = tradePairs
      .map(({ query, document }, i) => `## ${query} number ${i}\n\n${document} It is written down. Ask us for ${query}.\n`)
      .join('\n')
    const directory = folder({ 'docs/handbook.md': `# Handbook\n\n${text}`, 'docs/code.ts': 'const x = 1. And y = 2. And z = 3.' })
    const { execute } = terminal()

    const { code, stdout, stderr } = await execute(
      'train',
      '--name',
      'handbook',
      '--from-documents',
      join(directory, 'docs'),
      '--out',
      join(directory, 'pack'),
      '--force',
    )

    expect(code).toBe(0)
    expect(stderr).toMatch(/\d+ questions made of headings and sentences\. They teach the words of the documents, not how people ask/)
    expect(stdout).toMatch(/Judged by \d+ made-up questions, each put to an expert that had not seen it/)
    expect(await execute('train', '--name', 'x', '--from-documents', join(directory, 'docs', 'code.ts'), '--out', directory)).toMatchObject(
      {
        code: 2,
        stderr: expect.stringContaining('No questions can be made of'),
      },
    )
  }, 30_000)

  it('names what is wrong with the command or the data', async () => {
    const directory = folder({ 'bad.csv': 'foo,bar,baz\n1,2,3\n', 'few.csv': 'question,passage\na,b\n' })
    const { execute } = terminal()
    const train = (...options: string[]) => execute('train', '--name', 'x', '--out', join(directory, 'pack'), ...options)

    expect(await train()).toMatchObject({ code: 2, stderr: expect.stringContaining('Give pairs (--pairs FILE) or documents') })
    expect(await train('--pairs', join(directory, 'bad.csv'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('names the columns "foo", "bar", "baz"'),
    })
    expect(await train('--pairs', join(directory, 'few.csv'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('at least five pairs'),
    })
    expect(await train('--pairs', join(directory, 'gone.csv'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('gone.csv cannot be read'),
    })
    expect(await execute('train', '--name', 'a b', '--pairs', 'x')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('letters, digits'),
    })
    expect(await execute('train', '--name', 'x', '--pairs', join(directory, 'few.csv'), '--pack', bundledPack())).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--out'),
    })
    expect(readdirSync(directory).sort()).toEqual(['bad.csv', 'few.csv'])
  })

  it('stops at the first bad row when strict', async () => {
    const directory = folder({ 'trade.csv': `question,passage\n,x\n` })

    expect(await terminal().execute('train', '--name', 'x', '--pairs', join(directory, 'trade.csv'), '--strict')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/trade\.csv, line 2, has no question/),
    })
  })

  it('leaves the pack as it was when interrupted', async () => {
    const directory = folder({ 'trade.csv': tradeCsv })
    const out = join(directory, 'pack')
    const { execute, interrupt } = terminal()

    const running = execute('train', '--name', 'trade', '--pairs', join(directory, 'trade.csv'), '--out', out)
    const again = setInterval(() => interrupt('SIGINT'), 20)
    const { code, stderr } = await running
    clearInterval(again)

    expect(code).toBe(130)
    expect(stderr).toContain('The pack is as it was')
    expect(existsSync(out)).toBe(false)
  })

  it('does not keep an expert that gains nothing, and gives the figures', async () => {
    // Questions in the words of their passages: there is nothing to learn.
    const rows = Array.from({ length: 12 }, (_, i) => `what is ${'abcdefghijkl'[i]!.repeat(6)},${'abcdefghijkl'[i]!.repeat(6)}`)
    const directory = folder({ 'plain.csv': ['question,passage', ...rows].join('\n') })
    const out = join(directory, 'pack')
    const { execute } = terminal()
    const options = ['train', '--name', 'plain', '--pairs', join(directory, 'plain.csv'), '--out', out] as const

    const { code, stderr } = await execute(...options)
    const json = await execute(...options, '--json')

    expect(code).toBe(1)
    expect(stderr).toMatch(
      /"plain" was not kept: nDCG@10 \d+\.\d on held-out questions, where the general one has \d+\.\d\.\nGive more pairs .* --force/,
    )
    expect(json.json()).toMatchObject({
      name: 'plain',
      refused: true,
      heldOut: { general: expect.any(Number), expert: expect.any(Number) },
    })
    expect(existsSync(out)).toBe(false)
  }, 30_000)
})
