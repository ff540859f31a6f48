import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { folder } from '../folder.ts'
import { terminal } from '../terminal.ts'

const jsonl = ['{"id":"a","text":"fever and cough","metadata":{"year":2020}}', '{"id":"b","text":"tar archive"}'].join('\n')

describe('pilotfish add', () => {
  it('adds files and says what it did', async () => {
    const root = folder({ 'docs.jsonl': jsonl, 'note.md': '# Kill\nEnds a process.' })
    const { execute, opened } = terminal()

    const { code, stdout, stderr } = await execute('add', root, '--root', root, '--index', join(root, '.index'))

    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^3 documents in .*; .*\.index holds 3\n  added      3\n  updated    0\n  unchanged  0\n  memory     [\d,]+ MB at the peak\n$/,
    )
    expect(stderr).toBe('')
    expect(opened[0]).toMatchObject({ directory: join(root, '.index') })
  })

  it('prints the same as JSON, and nothing else on standard output', async () => {
    const root = folder({ 'docs.jsonl': jsonl })
    const { execute } = terminal()

    const { json } = await execute('add', join(root, 'docs.jsonl'), '--index', root, '--json')

    expect(json()).toMatchObject({
      added: 2,
      updated: 0,
      unchanged: 0,
      truncated: 0,
      skipped: 0,
      problems: [],
      stored: 2,
      interrupted: false,
    })
    expect(json().seconds).toBeGreaterThan(0)
    expect(json().documentsPerSecond).toBeGreaterThan(0)
    expect(json().peakMemoryMb).toBeGreaterThan(10)
  })

  it('skips what is unchanged and updates what is not', async () => {
    const root = folder({ 'docs.jsonl': jsonl })
    const { execute } = terminal()
    await execute('add', root, '--index', root)
    appendFileSync(join(root, 'docs.jsonl'), '\n{"id":"c","text":"new"}\n')
    writeFileSync(join(root, 'docs.jsonl'), jsonl.replace('cough', 'a cold'))

    const { json } = await execute('add', root, '--index', root, '--json')

    expect(json()).toMatchObject({ added: 0, updated: 1, unchanged: 1 })
  })

  it('reports bad lines with their place, stores the good ones, and ends with 1', async () => {
    const root = folder({ 'docs.jsonl': `${jsonl}\n{oops\n{"id":"c","text":"file"}`, 'image.png': new Uint8Array([0, 1]) })
    const { execute } = terminal()

    const { code, stdout, stderr } = await execute('add', root, '--index', root)

    expect(code).toBe(1)
    expect(stderr).toContain(`pilotfish: ${join(root, 'docs.jsonl')}:3 is not JSON; skipped\n`)
    expect(stderr).toContain(`pilotfish: ${join(root, 'image.png')} is binary; skipped\n`)
    expect(stdout).toContain('added      3')
    expect(stdout).toMatch(/skipped +2: 1 × is not JSON, 1 × is binary/)
  })

  it('stops at the first of them when strict', async () => {
    const root = folder({ 'docs.jsonl': `${jsonl}\n{oops\n` })
    const { execute } = terminal()

    const { code, stderr, stdout } = await execute('add', root, '--index', root, '--strict')

    expect(code).toBe(1)
    expect(stderr).toBe(`pilotfish: ${join(root, 'docs.jsonl')}, line 3, is not JSON.\n`)
    expect(stdout).toBe('')
  })

  it('shows the first twenty problems and counts the others', async () => {
    const root = folder({ 'docs.jsonl': '{bad\n'.repeat(50) })
    const { execute } = terminal()

    const { stdout, stderr } = await execute('add', root, '--index', root)

    expect(stderr.split('\n').filter((line) => line.includes('is not JSON'))).toHaveLength(20)
    expect(stdout).toContain('skipped    50: 50 × is not JSON')
  })

  it('splits long documents and says into how many parts', async () => {
    const root = folder({ 'long.md': `# Long\n\n${'A fever and a cough. '.repeat(100)}` })
    const { execute, store } = terminal()

    const { stdout } = await execute('add', root, '--root', root, '--index', root, '--chunk-size', '500')

    expect(stdout).toMatch(/split +1 long document into 5 parts/)
    expect((await store.get(['long.md#5']))[0]?.document).toMatchObject({ title: 'Long', metadata: { chunkOf: 'long.md', chunk: 5 } })
  })

  it('removes parts that an earlier, longer or unsplit version left behind', async () => {
    const root = folder({ 'long.txt': 'fever cough. '.repeat(100) })
    const { execute, store } = terminal()
    const ids = async () => (await store.scan({ limit: 100 })).documents.map(({ document }) => document.id)
    const add = (...more: string[]) => execute('add', join(root, 'long.txt'), '--root', root, '--index', root, '--json', ...more)

    await add('--no-split')
    expect(await ids()).toEqual(['long.txt'])
    expect((await add('--chunk-size', '300')).json()).toMatchObject({ parts: 5, outdated: 1 })
    expect((await ids()).length).toBe(5)
    expect((await add('--chunk-size', '800')).json()).toMatchObject({ parts: 2, outdated: 3 })
    expect(await ids()).toEqual(['long.txt#1', 'long.txt#2'])
    expect((await add('--no-split')).json()).toMatchObject({ parts: 0, outdated: 2 })
    expect(await ids()).toEqual(['long.txt'])
  })

  it('finishes the running batch when interrupted, and says how to go on', async () => {
    const root = folder({ 'docs.jsonl': Array.from({ length: 100 }, (_, i) => `{"id":"d${i}","text":"file ${i}"}`).join('\n') })
    const { execute, store, interrupt } = terminal()
    const upsert = store.upsert.bind(store)
    let batches = 0
    store.upsert = (...args) => {
      if (++batches === 3) interrupt('SIGINT')
      return upsert(...args)
    }

    const first = await execute('add', root, '--index', root, '--batch-size', '10', '--json')
    const second = await execute('add', root, '--index', root, '--batch-size', '10', '--json')

    expect(first.code).toBe(130)
    expect(first.stderr).toContain('run the same command again')
    expect(first.json()).toMatchObject({ added: 30, interrupted: true })
    expect(second.code).toBe(0)
    expect(second.json()).toMatchObject({ added: 70, unchanged: 30, stored: 100 })
  })

  it('stops at once when interrupted a second time, losing no finished batch', async () => {
    const root = folder({ 'docs.jsonl': Array.from({ length: 100 }, (_, i) => `{"id":"d${i}","text":"file ${i}"}`).join('\n') })
    const { execute, store, interrupt } = terminal()
    const upsert = store.upsert.bind(store)
    let batches = 0
    store.upsert = (...args) => {
      if (++batches !== 3) return upsert(...args)
      interrupt('SIGTERM')
      interrupt('SIGTERM')
      return upsert(...args)
    }

    const { code } = await execute('add', root, '--index', root, '--batch-size', '10')

    expect(code).toBe(143)
    expect((await store.info()).documents).toBe(20)
  })

  it('is silent when asked to be', async () => {
    const root = folder({ 'docs.jsonl': jsonl })

    expect(await terminal().execute('add', root, '--index', root, '--quiet')).toMatchObject({ code: 0, stdout: '', stderr: '' })
  })

  it('refuses what cannot be added before it opens anything', async () => {
    const root = folder({ 'docs.jsonl': jsonl })
    const { execute, opened } = terminal()

    expect(await execute('add', join(root, 'nope'), '--index', root)).toMatchObject({
      code: 2,
      stderr: `pilotfish: ${join(root, 'nope')} does not exist.\n`,
    })
    expect((await execute('add', folder(), '--index', root)).code).toBe(2)
    expect((await execute('add', root)).stderr).toContain("required option '-i, --index <dir>'")
    expect((await execute('add', root, '--index', root, '--chunk-size', '9')).stderr).toContain('Give a whole number from 50 to 1000000.')
    expect((await execute('add', root, '--index', root, '--chunk-size', '100', '--chunk-overlap', '100')).code).toBe(2)
    expect(opened).toEqual([])
  })
})
