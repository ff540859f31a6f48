import { beforeEach, describe, expect, it } from 'vitest'
import { toyDocuments, toy } from '../../engine-fixture.ts'
import { folder } from '../folder.ts'
import { terminal } from '../terminal.ts'

let shell: ReturnType<typeof terminal>
let index: string

beforeEach(async () => {
  shell = terminal()
  index = folder()
  await (await toy(shell.store)).engine.add(toyDocuments)
})

describe('pilotfish search', () => {
  it('shows who was asked, with what score, and what was found', async () => {
    const { code, stdout } = await shell.execute('search', 'fever dose for a child', '--index', index)

    expect(code).toBe(0)
    expect(stdout).toMatch(/^→ medical .*confidence \d\.\d\d · BM25 \d\.\d\d\n  medical +█/)
    expect(stdout).toMatch(/  1\. m1 +\d\.\d{3}\n     The dose of ibuprofen for a child with fever\n/)
    expect(stdout.split('\n').every((line) => line.length <= 80)).toBe(true)
  })

  it('prints JSON with everything a program needs', async () => {
    const { json } = await shell.execute('search', 'fever dose', '--index', index, '--json', '--top-k', '1')

    expect(json()).toMatchObject({
      query: 'fever dose',
      route: { experts: [{ name: 'medical' }] },
      hits: [{ id: 'm1', expert: 'medical', metadata: { domain: 'medical', year: 2021 } }],
      truncated: false,
    })
  })

  it('opens the index for reading only, so that another process may write', async () => {
    await shell.execute('search', 'x', '--index', index)

    expect(shell.opened.at(-1)).toEqual({ directory: index, readOnly: true })
  })

  it('passes its options on', async () => {
    const ids = async (...options: string[]) => {
      const { json } = await shell.execute('search', 'tar archive file', '--index', index, '--json', ...options)
      return (json().hits as { id: string }[]).map(({ id }) => id)
    }

    expect(await ids('--filter', '{"domain":"medical"}')).toEqual(expect.not.arrayContaining(['s1']))
    expect(await ids('--min-similarity', '0.5')).toEqual(['s1'])
    expect(await ids('--top-k', '0')).toEqual([])
    expect((await shell.execute('search', 'tar', '--index', index, '--expert', 'medical', '--json')).json()).toMatchObject({
      route: { decision: 'forced' },
    })
    expect((await shell.execute('search', 'tar', '--index', index, '--lexical-weight', '1', '--json')).json()).toMatchObject({
      route: { lexicalWeight: 1 },
    })
  })

  it('asks experts of a task, and names the tasks there are where there is no such', async () => {
    const bound = terminal([
      { kind: 'lexical', name: 'words', task: 'tool' },
      { kind: 'lexical', name: 'rules', task: 'law' },
    ])

    const [found, route] = [
      await bound.execute('search', 'a process', '--index', index, '--task', 'tool', '--json'),
      await bound.execute('route', 'a process', '--task', 'law', '--json'),
    ]

    expect(found.json()).toMatchObject({ route: { decision: 'forced', experts: [{ name: 'words' }] } })
    expect(route.json()).toMatchObject({ experts: [{ name: 'rules' }] })
    for (const command of [
      ['search', 'x', '--index', index],
      ['route', 'x'],
    ])
      expect(await bound.execute(...command, '--task', 'qa')).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('No expert is bound to the task "qa". Tasks of experts that are here: tool, law.'),
      })
  })

  it('says so when nothing is found', async () => {
    expect((await shell.execute('search', 'x', '--index', index, '--filter', '{"domain":"none"}')).stdout).toContain('nothing found')
  })

  it('takes mistakes on the command line for what they are', async () => {
    const search = (...options: string[]) => shell.execute('search', 'x', '--index', index, ...options)

    expect(await search('--expert', 'law')).toMatchObject({
      code: 2,
      stderr: 'pilotfish: There is no expert named "law". Known experts: general, medical, shell.\n',
    })
    expect((await search('--filter', 'domain=x')).stderr).toContain('Give JSON, quoted for the shell')
    expect((await search('--filter', '{"a":{"$near":1}}')).code).toBe(2)
    expect((await search('--top-k', '-1')).code).toBe(2)
    expect((await search('--lexical-weight', '2')).stderr).toContain('Give a number from 0 to 1.')
    expect((await shell.execute('search', '--index', index)).stderr).toContain("missing required argument 'question'")
  })

  it('does not make an index of a mistyped name', async () => {
    const { code, stderr } = await shell.execute('search', 'x', '--index', `${index}/nope`)

    expect(code).toBe(2)
    expect(stderr).toContain(`There is no index at ${index}/nope. Make one with: pilotfish add`)
    expect(shell.opened).toEqual([])
  })
})

describe('pilotfish route', () => {
  it('needs no index', async () => {
    const { code, stdout } = await shell.execute('route', 'kill a process')

    expect(code).toBe(0)
    expect(stdout).toMatch(/^→ shell /)
    expect(shell.opened.at(-1)).toEqual({})
  })

  it('prints the route as JSON', async () => {
    expect((await shell.execute('route', 'kill a process', '--json')).json()).toMatchObject({
      query: 'kill a process',
      experts: [{ name: 'shell' }],
      decision: 'expert',
    })
  })
})

describe('pilotfish experts', () => {
  it('lists them with what they know', async () => {
    const { stdout } = await shell.execute('experts')

    expect(stdout).toMatch(
      /general +model +\(asked when named, or when no expert fits\)\nmedical +adapter +Knows fever, dose, child\nshell/,
    )
  })

  it('says what tasks they are bound to', async () => {
    const { stdout } = await terminal([{ kind: 'lexical', name: 'words', description: 'All', task: 'tool' }]).execute('experts')

    expect(stdout).toMatch(/^words +lexical +All \(asked when named, or for the task tool\)$/m)
  })

  it('says what they were worth on held-out questions, and which arrived after the base', async () => {
    const bank = { kind: 'lexical', name: 'bank', heldOut: { general: 0.3848, expert: 0.9004 }, late: true } as const
    const words = { kind: 'lexical', name: 'words', heldOut: { general: 0.5, expert: 0.625 }, late: false } as const
    const withFigures = terminal([bank, words])

    const { stdout } = await withFigures.execute('experts')

    expect(stdout).toMatch(/^bank .*\n +nDCG@10, held out: general 38\.5 → 90\.0 · arrived later$/m)
    expect(stdout).toMatch(/^words .*\n +nDCG@10, held out: general 50\.0 → 62\.5$/m)
    expect(stdout.match(/held out/g)).toHaveLength(2)
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    expect((await withFigures.execute('experts', '--json')).json()).toContainEqual(expect.objectContaining(bank))
  })
})

describe('pilotfish info', () => {
  it('counts documents and vectors', async () => {
    expect((await shell.execute('info', '--index', index)).stdout).toMatch(
      /holds 5 documents\n  space .*\n  vectors   5 of 16 dimensions\n  experts   general, medical, shell\n/,
    )
    expect((await shell.execute('info', '--index', index, '--json')).json()).toMatchObject({ documents: 5 })
  })
})

describe('pilotfish delete', () => {
  it('deletes by id and by filter', async () => {
    expect(await shell.execute('delete', '--index', index, '--ids', 'm1', 'nope')).toMatchObject({
      code: 0,
      stdout: '1 document deleted\n',
    })
    expect((await shell.execute('delete', '--index', index, '--filter', '{"domain":"shell"}', '--json')).json()).toEqual({ deleted: 2 })
  })

  it('deletes everything only when that is said', async () => {
    expect((await shell.execute('delete', '--index', index, '--filter', '{}')).stderr).toContain('Say --all')
    expect((await shell.execute('delete', '--index', index)).code).toBe(2)
    expect((await shell.execute('delete', '--index', index, '--all', '--ids', 'm1')).code).toBe(2)
    expect((await shell.store.info()).documents).toBe(5)
    expect((await shell.execute('delete', '--index', index, '--all')).stdout).toBe('5 documents deleted\n')
  })
})
