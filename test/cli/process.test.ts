import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { folder } from './folder.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The command as users start it, from source, over a pack with a tiny base and nothing else. */
function start(...argv: string[]): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...argv], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function finish(child: ChildProcess) {
  const [stdout, stderr] = [text(child.stdout!), text(child.stderr!)]
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { code, signal, stdout: await stdout, stderr: await stderr }
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = ''
  for await (const chunk of stream) all += String(chunk)
  return all
}

function tinyPack(): string {
  const pack = folder()
  symlinkSync(join(root, 'test/fixtures/models/tiny-static'), join(pack, 'base'))
  writeFileSync(
    join(pack, 'pack.json'),
    JSON.stringify({ format: 1, name: 'tiny', version: '1', languages: ['en'], base: { path: 'base', kind: 'static' }, experts: [] }),
  )
  return pack
}

function manyDocuments(count: number): string {
  const path = join(folder(), 'many.jsonl')
  writeFileSync(
    path,
    Array.from({ length: count }, (_, i) => JSON.stringify({ id: `d${i}`, text: `document number ${i} about the weather` })).join('\n'),
  )
  return path
}

/** Until a writer is at work: SQLite's log is there while it is, and goes when it closes. */
async function begun(index: string): Promise<void> {
  const log = join(index, 'index.sqlite-wal')
  for (let i = 0; i < 1000 && !(existsSync(log) && statSync(log).size > 0); i++) await wait(20)
  await wait(200)
}

const stored = async (index: string, pack: string) =>
  JSON.parse((await finish(start('info', '--index', index, '--pack', pack, '--json'))).stdout) as { documents: number }

describe('the process', { timeout: 60_000 }, () => {
  it('is no failure when the reader of its output has seen enough', async () => {
    const child = start('add', '--help')
    child.stdout!.destroy()

    expect(await Promise.all([once(child, 'close'), text(child.stderr!)])).toEqual([[0, null], ''])
  })

  it('finds what it added, and answers while another process writes', async () => {
    const [index, pack] = [join(folder(), 'index'), tinyPack()]
    const first = await finish(start('add', manyDocuments(50), '--index', index, '--pack', pack, '--json'))
    // More than it can write before the others have come.
    const writer = start('add', manyDocuments(400_000), '--index', index, '--pack', pack, '--quiet', '--batch-size', '50')
    const done = finish(writer)
    await begun(index)

    const search = await finish(start('search', 'document number 7', '--index', index, '--pack', pack, '--json'))
    const second = await finish(start('add', manyDocuments(1), '--index', index, '--pack', pack))
    writer.kill('SIGINT')

    expect(JSON.parse(first.stdout)).toMatchObject({ added: 50, stored: 50 })
    expect(search.stderr).toBe('')
    expect((JSON.parse(search.stdout) as { hits: unknown[] }).hits).toHaveLength(10)
    expect(second).toMatchObject({ code: 1, stdout: '' })
    expect(second.stderr).toMatch(/^pilotfish: The index at .* is being written by another process\./)
    expect((await done).code).toBe(130)
  })

  it('ends with 130 on Ctrl-C, keeps what was finished, and goes on from there', async () => {
    const [index, pack, documents] = [join(folder(), 'index'), tinyPack(), manyDocuments(20_000)]
    const child = start('add', documents, '--index', index, '--pack', pack, '--batch-size', '50', '--json')
    const done = finish(child)
    await begun(index)

    child.kill('SIGINT')

    const { code, stdout, stderr } = await done
    const summary = JSON.parse(stdout) as { added: number; stored: number }
    expect(code).toBe(130)
    expect(stderr).toContain('run the same command again to go on')
    expect(summary.added).toBeGreaterThan(0)
    expect(summary.added).toBeLessThan(20_000)
    const resumed = JSON.parse((await finish(start('add', documents, '--index', index, '--pack', pack, '--json'))).stdout) as object
    expect(resumed).toMatchObject({ added: 20_000 - summary.added, unchanged: summary.added, stored: 20_000 })
  })

  it('loses no finished batch when it is killed', async () => {
    const [index, pack, documents] = [join(folder(), 'index'), tinyPack(), manyDocuments(20_000)]
    const child = start('add', documents, '--index', index, '--pack', pack, '--batch-size', '50', '--json')
    const done = finish(child)
    await begun(index)

    child.kill('SIGKILL')

    expect((await done).signal).toBe('SIGKILL')
    const { documents: kept } = await stored(index, pack)
    expect(kept % 50).toBe(0)
    expect(JSON.parse((await finish(start('add', documents, '--index', index, '--pack', pack, '--json'))).stdout)).toMatchObject({
      unchanged: kept,
      stored: 20_000,
    })
  })

  it('names the pack that cannot be opened', async () => {
    const nothing = folder()
    mkdirSync(join(nothing, 'index'))

    const { code, stderr } = await finish(start('route', 'x', '--pack', nothing))

    expect(code).toBe(1)
    expect(stderr).toMatch(/^pilotfish: The expert pack at .* has no readable pack\.json[^\n]*\n$/)
  })
})
