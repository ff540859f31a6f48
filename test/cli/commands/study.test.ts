import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { studyNames } from '../../../src/eval/index.ts'
import { beir } from '../../eval/beir-fixture.ts'
import { folder } from '../folder.ts'
import { terminal } from '../terminal.ts'

/** A set that the bundled pack calls its own. */
async function nl2bash(): Promise<string> {
  const documents = { d1: 'tar -xzf archive.tar.gz', d2: 'kill -9 1234', d3: 'ls -la', d4: 'grep -r word .' }
  const train = {
    t1: ['unpack a tar archive', 'd1'],
    t2: ['end a process', 'd2'],
    t3: ['list all files', 'd3'],
    t4: ['find a word in files', 'd4'],
    t5: ['extract a gzipped archive', 'd1'],
    t6: ['search recursively for text', 'd4'],
  } satisfies Record<string, [string, string]>
  const set = await beir('nl2bash', documents, { q1: ['unpack an archive', 'd1'], q2: ['kill process 1234', 'd2'] }, { train })
  return set.directory
}

describe('pilotfish study', () => {
  it('prints a table and saves the study for a report', async () => {
    const out = folder()
    const { code, stdout } = await terminal().execute(
      'study',
      'pilots',
      '--data',
      await nl2bash(),
      '--sizes',
      '1,2',
      '--out',
      out,
      '--no-cache',
    )

    expect(code).toBe(0)
    expect(stdout).toMatch(/^pilots: ndcg@10, each set alone, seed 1\n\n\| pilots per group \| general \| router:pilot-mean \|/)
    expect(JSON.parse(readFileSync(join(out, 'studies/pilots.json'), 'utf8'))).toMatchObject({
      name: 'pilots',
      points: [{ at: 1 }, { at: 2 }],
    })
  })

  it('prints JSON and nothing else when asked, and writes Markdown of each set', async () => {
    const file = join(folder(), 'study.md')
    const { code, stdout, json } = await terminal().execute(
      'study',
      'leave-one-out',
      '--data',
      await nl2bash(),
      '--merged',
      '--no-cache',
      '--seed',
      '3',
      '--json',
      '--markdown',
      file,
    )

    expect(code).toBe(0)
    expect(stdout.startsWith('{')).toBe(true)
    expect(json()).toMatchObject({ name: 'leave-one-out', merged: true, seed: 3, points: [{ at: 'shell' }] })
    expect(readFileSync(file, 'utf8')).toMatch(/\nnl2bash\n\n\| expert left out \|/)
  })

  it('knows every study there is', async () => {
    const { stdout } = await terminal().execute('study', '--help')

    for (const name of studyNames) expect(stdout).toContain(`  ${name}`)
  })

  it('takes a wrong command line for what it is', async () => {
    const data = await nl2bash()
    for (const argv of [
      ['study', 'everything', '--data', data],
      ['study', 'pilots'],
      ['study', 'pilots', '--data', data, '--sizes', '1,x'],
      ['study', 'pilots', '--data', folder()],
      ['study', 'leave-one-out', '--data', data, '--experts', 'law'],
    ])
      expect((await terminal().execute(...argv)).code, argv.join(' ')).toBe(2)
  })

  it('keeps embeddings where it is told to, and goes on past bad lines when asked', async () => {
    const [cache, data] = [folder(), await nl2bash()]
    appendFileSync(join(data, 'corpus.jsonl'), '\nno document')
    const argv = ['study', 'aggregation', '--data', data, '--cache', cache]

    const strict = await terminal().execute(...argv)
    const lenient = await terminal().execute(...argv, '--skip-bad', '--json')

    expect(strict).toMatchObject({ code: 1, stderr: expect.stringMatching(/corpus\.jsonl.*5/) as unknown })
    expect(lenient.code).toBe(0)
    expect(lenient.stderr).toContain('Skipped 1 line:')
    expect(readdirSync(cache)).toHaveLength(1)
  })

  it('stops when interrupted, and leaves nothing behind', async () => {
    const out = folder()
    const shell = terminal()
    const running = shell.execute('study', 'experts', '--data', await nl2bash(), '--out', out, '--no-cache')
    await expect.poll(() => shell.interrupt('SIGINT')).toBe(true)

    expect((await running).code).toBe(130)
    expect(existsSync(join(out, 'studies'))).toBe(false)
  })
})
