import { appendFileSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { folder } from '../folder.ts'
import { terminal } from '../terminal.ts'

/** Two sets whose answers are plain, but for one query whose judgement nothing can meet. */
function sets(): string {
  const lines = (...records: object[]) => records.map((record) => JSON.stringify(record)).join('\n')
  const qrels = (...rows: string[]) => ['query-id\tcorpus-id\tscore', ...rows].join('\n')
  return folder({
    'health/corpus.jsonl': lines({ _id: 'a', text: 'ibuprofen dose for a child' }, { _id: 'b', text: 'a cold and a cough' }),
    'health/queries.jsonl': lines({ _id: 'q1', text: 'dose for a child' }, { _id: 'q2', text: 'cough doctor' }),
    'health/qrels/test.tsv': qrels('q1\ta\t1', 'q2\tb\t1'),
    'commands/corpus.jsonl': lines({ _id: 'a', text: 'tar archive' }, { _id: 'b', text: 'kill process' }),
    'commands/queries.jsonl': lines({ _id: 'q1', text: 'tar archive file' }, { _id: 'q2', text: 'kill a process' }),
    'commands/qrels/test.tsv': qrels('q1\ta\t1', 'q2\tgone\t1'),
  })
}

describe('pilotfish eval --index', () => {
  it('asks what was added and prints a score for each set and system', async () => {
    const data = sets()
    const { execute } = terminal()
    await execute('add', data, '--index', data, '--quiet')

    const { code, stdout } = await execute('eval', '--data', data, '--index', data)

    expect(code).toBe(0)
    expect(stdout).toMatch(/^ndcg@10 test +mean +commands +health\nqueries +4 +2 +2\nbm25 +75\.0 +50\.0 +100\.0\ngeneral +75\.0/)
    expect(stdout).toMatch(/\nrouted\+bm25 +75\.0 +50\.0 +100\.0\n\nroutes +fallback +fused +BM25 +expert that came first\n/)
    expect(stdout).toMatch(/\nhealth +0 % +0 % +20 % +medical 100 %\n/)
    expect(stdout).toMatch(/test queries over 4 documents in one collection, .*; pilotfish .*, Node /)
    expect(
      stdout
        .split('\n')
        .slice(0, 5)
        .every((line) => line.length <= 80),
    ).toBe(true)
  })

  it('writes JSON and Markdown', async () => {
    const data = sets()
    const { execute } = terminal()
    await execute('add', data, '--index', data, '--quiet')

    await execute(
      'eval',
      '--data',
      join(data, 'health'),
      '--index',
      data,
      '--systems',
      'routed,expert:shell',
      '--json',
      join(data, 'r.json'),
      '--markdown',
      join(data, 'r.md'),
      '--quiet',
    )
    const printed = await execute(
      'eval',
      '--data',
      join(data, 'health'),
      '--index',
      data,
      '--metrics',
      'recall@1,mrr',
      '--systems',
      'bm25',
      '--json',
    )

    expect(JSON.parse(readFileSync(join(data, 'r.json'), 'utf8'))).toMatchObject({
      split: 'test',
      queries: { health: 2 },
      systems: { routed: { mean: { 'ndcg@10': 1 } } },
      routes: { health: { experts: { medical: 2 }, fallback: 0, fused: 0 } },
    })
    expect(readFileSync(join(data, 'r.md'), 'utf8')).toMatch(
      /^\| ndcg@10 \| mean \| health \|\n[^\n]*\n\| routed \| 100\.0 \| 100\.0 \|\n\| expert:shell \|/,
    )
    expect(printed.json()).toMatchObject({ systems: { bm25: { mean: { 'recall@1': 1, mrr: 1 } } } })
  })

  it('names what is missing', async () => {
    const data = sets()
    const { execute } = terminal()
    const evaluate = (...options: string[]) => execute('eval', '--data', data, '--index', data, ...options)

    expect(await evaluate()).toMatchObject({ code: 2, stderr: expect.stringContaining('Add them first: pilotfish add') })
    await execute('add', data, '--index', data, '--quiet')
    expect(await evaluate('--split', 'dev')).toMatchObject({ code: 1, stderr: expect.stringContaining('splits with judgements: test') })
    expect(await evaluate('--systems', 'magic')).toMatchObject({ code: 2, stderr: expect.stringContaining('Systems: bm25, general') })
    expect(await evaluate('--metrics', 'f1')).toMatchObject({ code: 2, stderr: expect.stringContaining('f1 is none of') })
    expect(await execute('eval', '--data', folder(), '--index', data)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('There is no BEIR directory'),
    })
  })

  it('stops when interrupted', async () => {
    const data = sets()
    const { execute, store, interrupt } = terminal()
    await execute('add', data, '--index', data, '--quiet')
    const search = store.search.bind(store)
    store.search = (...args) => {
      interrupt('SIGINT')
      return search(...args)
    }

    expect((await execute('eval', '--data', data, '--index', data, '--quiet')).code).toBe(130)
  })
})

describe('pilotfish eval', () => {
  it('needs no index: it embeds each set on its own and scores all systems of the bundled pack', async () => {
    const data = sets()
    const { execute, opened } = terminal()

    const { code, stdout, stderr } = await execute('eval', '--data', data, '--json', join(data, 'r.json'))

    expect(code).toBe(0)
    expect(stderr).toMatch(/^Left out router:pilot-mean, .*: no set with a train split belongs to an expert of the pack\.\n$/)
    const result = JSON.parse(readFileSync(join(data, 'r.json'), 'utf8')) as {
      systems: Record<string, { mean: Record<string, number>; sets: Record<string, Record<string, number>> }>
    }
    expect(Object.keys(result.systems)).toEqual(
      expect.arrayContaining(['bm25', 'general', 'routed', 'routed+bm25', 'general+bm25', 'expert:bank', 'router:default', 'oracle:query']),
    )
    const scores = (value: number) => ({ 'ndcg@10': value, 'recall@100': value, 'mrr@10': value })
    expect(result.systems.bm25!.sets).toEqual({ commands: scores(0.5), health: scores(1) })
    expect(result.systems.bm25!.mean).toEqual(scores(0.75))
    expect(result).toMatchObject({
      merged: false,
      split: 'test',
      documents: 4,
      queries: { commands: 2, health: 2 },
      pack: { name: 'bundled' },
      lexical: { k1: 1.2, b: 0.75, titleWeight: 1, stopWords: { words: 33 }, stemmer: 'Snowball English' },
      command: { data: [data], merged: false, metrics: ['ndcg@10', 'recall@100', 'mrr@10'], split: 'test' },
      versions: { node: process.versions.node },
    })
    expect(stdout).toMatch(/\nexpert:bank +\d/)
    expect(stdout).toMatch(
      /\nper query +passes +lookups +stores +BM25 asked +best expert +set's owner\nbm25 +0\.00 +0\.00 +0\.00 +100\.0 % /,
    )
    expect(stdout).toMatch(/test queries over 4 documents, each set alone, .*; pack bundled /)
    expect(stdout).toMatch(/BM25: k1 1\.2, b 0\.75, title weight 1, Lucene's English list of 33 stop words, Snowball English stems\./)
    for (const line of stdout.split('\n').slice(0, -2)) expect(line.length).toBeLessThanOrEqual(100)
    expect(opened).toEqual([])
  })

  it('puts all sets into one collection when they are merged', async () => {
    const data = sets()

    const { code, stdout } = await terminal().execute('eval', '--data', data, '--merged', '--systems', 'bm25,routed', '--json')

    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ merged: true, documents: 4, systems: { bm25: { mean: { 'ndcg@10': 0.75 } } } })
  })

  it('writes Markdown with a table for each metric', async () => {
    const data = sets()
    const file = join(data, 'r.md')

    await terminal().execute('eval', '--data', data, '--systems', 'bm25', '--metrics', 'ndcg@10,recall@1', '--markdown', file, '--quiet')

    const text = readFileSync(file, 'utf8')
    expect(text).toMatch(/^\| ndcg@10 \| mean \| commands \| health \|\n/)
    expect(text).toMatch(/\n\| recall@1 \| mean \|/)
    expect(text).toMatch(/\ntest queries over 4 documents/)
  })

  it('saves results, makes a report of them, and keeps embeddings for the next time', async () => {
    const data = sets()
    const { execute, cache } = terminal()
    const out = join(data, 'results')
    const report = join(data, 'report.html')

    const { code } = await execute('eval', '--data', data, '--merged', '--out', out, '--report', report, '--quiet')

    expect(code).toBe(0)
    expect(readdirSync(out).sort()).toEqual(['comparison.json', 'documents.jsonl.gz', 'map.json', 'queries.jsonl.gz'])
    expect(JSON.parse(readFileSync(join(out, 'comparison.json'), 'utf8'))).toMatchObject({
      merged: true,
      versions: { node: process.versions.node },
      command: { data: [data], merged: true },
    })
    expect(readFileSync(report, 'utf8')).toMatch(/^<!doctype html>/i)
    expect(readdirSync(join(cache, 'pilotfish', 'embeddings'))).toHaveLength(1)
  })

  it('keeps embeddings where it is told to, or nowhere', async () => {
    const data = sets()
    const { execute, cache } = terminal()
    const own = join(data, 'own')

    await execute('eval', '--data', data, '--systems', 'general', '--no-cache', '--quiet')
    await execute('eval', '--data', data, '--systems', 'general', '--cache', own, '--quiet')

    expect(readdirSync(cache)).toEqual([])
    expect(readdirSync(own)).toHaveLength(1)
  })

  it('writes run files and scores them beside its own systems', async () => {
    const data = sets()
    const { execute } = terminal()
    const runs = join(data, 'runs')

    await execute('eval', '--data', data, '--merged', '--systems', 'bm25', '--runs', runs, '--quiet')
    const { stdout } = await execute(
      'eval',
      '--data',
      data,
      '--merged',
      '--systems',
      'general',
      '--run',
      join(runs, 'bm25.merged.trec'),
      '--json',
    )

    expect(readdirSync(runs)).toEqual(['bm25.merged.trec'])
    expect(JSON.parse(stdout)).toMatchObject({ systems: { bm25: { mean: { 'ndcg@10': 0.75 }, significance: { general: {} } } } })
  })

  it('teaches routers with the train queries of other sets', async () => {
    const data = sets()
    const words = ['fever', 'cough', 'pain', 'cold', 'dose', 'doctor']
    const teacher = folder({
      'medquad/corpus.jsonl': words.map((word, i) => JSON.stringify({ _id: `d${i}`, text: `about ${word}` })).join('\n'),
      'medquad/queries.jsonl': words.map((word, i) => JSON.stringify({ _id: `t${i}`, text: `what of ${word}?` })).join('\n'),
      'medquad/qrels/train.tsv': ['query-id\tcorpus-id\tscore', ...words.map((_, i) => `t${i}\td${i}\t1`)].join('\n'),
    })

    const { stdout, stderr } = await terminal().execute(
      'eval',
      '--data',
      data,
      '--router-data',
      teacher,
      '--systems',
      'router:dataset',
      '--json',
    )

    expect(stderr).not.toContain('Left out')
    expect(JSON.parse(stdout)).toMatchObject({
      learnedFrom: { medquad: 6 },
      systems: { 'router:dataset': { cost: { passes: 1, lookups: 1 } } },
    })
  })

  it('goes on past lines it cannot understand when told to, and lists them', async () => {
    const data = sets()
    const broken = { 'health/corpus.jsonl': '{"_id": "c"', 'health/queries.jsonl': '{"text": "no id"}', 'health/qrels/test.tsv': 'q1\tb' }
    for (const [name, line] of Object.entries(broken)) appendFileSync(join(data, name), `\n${line}`)
    const run = join(data, 'mine.trec')
    writeFileSync(run, 'health/q1 Q0 health/a 1 1 mine\ncommands/q1 Q0 commands/a 1 1 mine\nhealth/q2 Q0\n')
    const evaluate = (...options: string[]) => terminal().execute('eval', '--data', data, '--systems', 'bm25', '--run', run, ...options)

    const strict = await evaluate('--quiet')
    const { code, stdout, stderr } = await evaluate('--skip-bad', '--json')

    expect(strict).toMatchObject({ code: 1, stderr: expect.stringMatching(/health\/queries\.jsonl, line 3, has no "_id"/) })
    expect(code).toBe(0)
    expect(stderr).toMatch(/Skipped 4 lines:\n/)
    const { skipped, systems } = JSON.parse(stdout) as { skipped: { path: string; line: number; problem: string }[]; systems: object }
    expect(skipped.map(({ path, line }) => [path.slice(data.length + 1), line]).sort()).toEqual([
      ['health/corpus.jsonl', 3],
      ['health/qrels/test.tsv', 4],
      ['health/queries.jsonl', 3],
      ['mine.trec', 3],
    ])
    expect(systems).toMatchObject({ mine: { sets: { health: { 'mrr@10': 0.5 } } }, bm25: { sets: { health: { 'mrr@10': 1 } } } })
  })

  it('names what is missing or makes no sense', async () => {
    const data = sets()
    const evaluate = (...options: string[]) => terminal().execute('eval', '--data', data, '--quiet', ...options)

    expect(await evaluate('--pack', data)).toMatchObject({ code: 1, stderr: expect.stringContaining('has no readable pack.json') })
    expect(await evaluate('--split', 'dev')).toMatchObject({ code: 1, stderr: expect.stringContaining('splits with judgements: test') })
    expect(await evaluate('--systems', 'router:magic')).toMatchObject({ code: 2, stderr: expect.stringContaining('oracle:query') })
    expect(await evaluate('--systems', 'expert:law')).toMatchObject({ code: 2, stderr: expect.stringContaining('Known experts: general') })
    expect(await evaluate('--merged', '--index', data)).toMatchObject({ code: 2, stderr: expect.stringContaining('leave --merged out') })
    expect(await evaluate('--router-data', data, '--index', data)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('leave --router-data out'),
    })
    expect(await evaluate('--fresh')).toMatchObject({ code: 2, stderr: expect.stringContaining('name it with --out') })
    expect(await evaluate('--systems', 'router:dataset')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nothing to learn from'),
    })
    expect(await evaluate('--run', join(data, 'gone.trec'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('gone.trec cannot be read'),
    })
    expect(await terminal().execute('eval', '--data', folder())).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('There is no BEIR directory'),
    })
    expect(await terminal().execute('eval', '--data', join(data, 'gone'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('does not exist'),
    })
  })

  it('stops when interrupted', async () => {
    const data = sets()
    const { execute, interrupt } = terminal()

    const running = execute('eval', '--data', data, '--quiet')
    // Listeners are there once the first file is read.
    while (!(await new Promise<boolean>((resolve) => setImmediate(() => resolve(interrupt('SIGINT')))))) continue

    expect((await running).code).toBe(130)
  })
})
