import { describe, expect, it } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { IndexLockedError } from '../../src/errors.ts'
import { runCli } from '../../src/cli/program.ts'
import { folder } from './folder.ts'
import { terminal } from './terminal.ts'

const commands = ['add', 'search', 'route', 'info', 'delete', 'experts', 'train', 'eval']

describe('the command line', () => {
  it('shows its version', async () => {
    expect(await terminal().execute('--version')).toMatchObject({ code: 0, stdout: `${manifest.version}\n`, stderr: '' })
  })

  it('lists every command in its help', async () => {
    const { code, stdout } = await terminal().execute('--help')

    expect(code).toBe(0)
    for (const name of commands) expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'))
  })

  it.each(commands)('explains %s with examples, within 80 columns', async (name) => {
    const { code, stdout } = await terminal().execute(name, '--help')

    expect(code).toBe(0)
    expect(stdout).toContain(`Examples:\n  $ pilotfish ${name}`)
    expect(
      stdout
        .split('\n')
        .slice(0, stdout.split('\n').indexOf('Examples:'))
        .filter((line) => line.length > 80),
    ).toEqual([])
  })

  it('answers wrong usage with one line, a hint and exit code 2', async () => {
    expect(await terminal().execute('serach')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: "pilotfish: unknown command 'serach'\n(Did you mean search?)\n",
    })
    expect((await terminal().execute('route', 'x', '--jason')).stderr).toMatch(/^pilotfish: unknown option '--jason'\n/)
    expect((await terminal().execute()).code).toBe(2)
  })

  it('turns errors into one line, and shows the stack on request', async () => {
    const index = folder()
    const failing = (...argv: string[]) => {
      const lines: string[] = []
      const stream = { write: (text: string) => lines.push(text) } as unknown as NodeJS.WritableStream
      const environment = {
        stdout: stream,
        stderr: stream,
        variables: {},
        open: () => Promise.reject(new IndexLockedError(index)),
        onInterrupt: () => () => {},
      }
      return runCli(argv, environment).then((code) => ({ code, text: lines.join('') }))
    }

    const plain = await failing('delete', '--index', index, '--all')
    const verbose = await failing('delete', '--index', index, '--all', '--verbose')

    expect(plain.code).toBe(1)
    expect(plain.text).toMatch(/^pilotfish: The index at .* is being written by another process[^\n]*\n$/)
    expect(verbose.text).toMatch(/IndexLockedError: .*\n +at /)
  })

  it('prints no colour where there is no terminal', async () => {
    expect((await terminal().execute('route', 'kill a process')).stdout).not.toContain('\x1b')
  })
})
