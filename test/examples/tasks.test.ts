import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

describe('examples/tasks.ts', () => {
  it('finds the tool and the memory that a request calls for, each by its own expert', async () => {
    // By the sources, where users have the built package.
    const { stdout } = await promisify(execFile)('npx', ['tsx', '--tsconfig', 'tsconfig.json', 'examples/tasks.ts'], { cwd: root })

    expect(stdout).toMatch(/^tool: +reserve_table \(asked: tool-expert\)$/m)
    expect(stdout).toMatch(/^memory: Speaker 1: .*allergic.* \(asked: chat-expert\)$/m)
    expect(stdout).toContain('No expert is bound to the task "icl". Tasks of experts that are here: tool, chat.')
  }, 60_000)
})
