import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { InvalidDataError } from '../../src/errors.ts'
import { evaluatePack, readRun } from '../../src/eval/index.ts'
import { beir, care, unix } from './beir-fixture.ts'
import { noise, toyPack } from './pack-fixture.ts'

function directory(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'runs-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content)
  return path
}

const good = 'q1 Q0 d1 1 2.5 mine\nq1\tQ0\td2\t2\t2.5\tmine\r\n\nq2 Q0 d2 1 -1e-3 mine\n'

describe('readRun', () => {
  it('reads six columns, whatever parts them, gzipped or not', async () => {
    const at = directory({ 'a.trec': good, 'b.run.gz': gzipSync(good) })

    const run = await readRun(join(at, 'a.trec'))

    expect(run.name).toBe('mine')
    expect([...run.hits]).toEqual([
      [
        'q1',
        [
          { id: 'd1', score: 2.5 },
          { id: 'd2', score: 2.5 },
        ],
      ],
      ['q2', [{ id: 'd2', score: -0.001 }]],
    ])
    expect((await readRun(join(at, 'b.run.gz'))).hits).toEqual(run.hits)
  })

  it('goes by the name of the file where lines disagree about theirs', async () => {
    const at = directory({ 'splade.v2.trec.gz': gzipSync('q1 Q0 d1 1 2 a\nq1 Q0 d2 1 1 b\n') })

    expect((await readRun(join(at, 'splade.v2.trec.gz'))).name).toBe('splade.v2')
  })

  it.each([
    ['q1 Q0 d9 3 1', 'is not "query Q0'],
    ['q1 Q0 d9 3 1 mine too', 'is not "query Q0'],
    ['q1 Q0 d9 3 high mine', 'has the score "high"'],
    ['q1 Q0 d9 3 NaN mine', 'has the score "NaN"'],
    ['q1 Q0 d1 3 0.5 mine', 'returns "d1" for "q1" a second time'],
  ])('names file and line of %j, and goes on past it when told to', async (line, problem) => {
    const path = join(directory({ 'a.trec': `${good}${line}\n` }), 'a.trec')
    const bad: InvalidDataError[] = []

    await expect(readRun(path)).rejects.toThrow(`a.trec, line 5, ${problem}`)
    const run = await readRun(path, (error) => bad.push(error))

    expect(bad.map(({ line: at }) => at)).toEqual([5])
    expect(run.hits.get('q1')).toHaveLength(2)
  })

  it('names a file that is not there or not what its name says', async () => {
    const at = directory({ 'a.trec.gz': 'plain', 'b.trec.gz': gzipSync(good).subarray(0, 20) })

    await expect(readRun(join(at, 'gone'))).rejects.toThrow(/gone cannot be read/)
    await expect(readRun(join(at, 'a.trec.gz'))).rejects.toThrow(/is not gzip/)
    await expect(readRun(join(at, 'b.trec.gz'))).rejects.toThrow(/is not gzip, or was cut short/)
  })
})

describe('evaluatePack, with run files', () => {
  const systems = ['bm25', 'general', 'expert:shell', 'routed+bm25', 'oracle:set']

  it.each([true, false])('writes what scores the same when it is read again (merged: %s)', async (merged) => {
    const pack = await toyPack()
    const sets = [await noise('one', 7), await care()]
    const at = directory()
    const options = { merged, systems, metrics: ['ndcg@10', 'recall@100', 'map'], topK: 100 } as const

    const written = await evaluatePack(pack, sets, { ...options, runs: at })
    const files = readdirSync(at)
    const read = await evaluatePack(pack, sets, { ...options, systems: ['general'], readRuns: files.map((name) => join(at, name)) })

    const pools = merged ? ['merged'] : ['care', 'one']
    expect(files.sort()).toEqual(
      ['bm25', 'expert-shell', 'general', 'routed+bm25'].flatMap((name) => pools.map((pool) => `${name}.${pool}.trec`)).sort(),
    )
    for (const name of ['bm25', 'expert:shell', 'routed+bm25']) {
      expect(read.systems[name]!.sets).toEqual(written.systems[name]!.sets)
      expect(read.systems[name]!.significance).toEqual(written.systems[name]!.significance)
    }
    expect(read.systems['run:general']!.sets).toEqual(written.systems.general!.sets)
    expect(read.systems.bm25!.cost).toBeUndefined()
    const lines = readFileSync(join(at, `general.${pools[0]}.trec`), 'utf8').split('\n')
    const [first, second] = lines
    expect(first).toMatch(merged ? /^one\/q0 Q0 one\/d\d+ 1 [01]\S* general$/ : /^q1 Q0 d1 1 0\.\d+ general$/)
    expect(Number(second!.split(' ')[4])).toBeLessThanOrEqual(Number(first!.split(' ')[4]))
  })

  it('lets trec_eval drop nothing: the hit that is the query itself is not written', async () => {
    const at = directory()

    await evaluatePack(await toyPack(), [await care()], { systems: ['general'], runs: at })

    expect(readFileSync(join(at, 'general.care.trec'), 'utf8')).not.toMatch(/^d3 Q0 d3 /m)
  })

  it('asks which set a query is of where that is not plain', async () => {
    const at = directory({
      'a.trec': 'q1 Q0 d1 1 2 mine\n',
      'mine.care.trec': 'q1 Q0 d1 1 2 mine\n',
      'mine.unix.trec': 'q1 Q0 d2 1 2 mine\n',
    })
    const pack = await toyPack()
    const sets = [await care(), await unix()]
    const evaluate = (...names: string[]) =>
      evaluatePack(pack, sets, { systems: ['bm25'], metrics: ['mrr'], readRuns: names.map((name) => join(at, name)) })

    await expect(evaluate('a.trec')).rejects.toThrow(/"care" and "unix" have both; call it "<set>\/q1"/)
    await expect(evaluate('mine.care.trec')).rejects.toThrow(/answers no judged query of "unix"/)
    expect((await evaluate('mine.care.trec', 'mine.unix.trec')).systems.mine!.sets).toEqual({ care: { mrr: 1 / 3 }, unix: { mrr: 0 } })
  })

  it('refuses names with blanks, which six columns cannot hold', async () => {
    const set = await beir('odd', { 'd 1': 'tar archive' }, { q1: ['tar', 'd 1'] })

    await expect(evaluatePack(await toyPack(), [set], { systems: ['bm25'], runs: directory() })).rejects.toThrow(/document called "d 1"/)
  })
})
