import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

describe('examples/train-tasks', () => {
  it('trains for two tasks in both ways, and finds functions that the general expert misses', async () => {
    // By the sources, where users have the built package.
    const { stdout } = await promisify(execFile)('npx', ['tsx', '--tsconfig', 'tsconfig.json', 'examples/train-tasks/train.ts'], {
      cwd: root,
    })

    expect(stdout).toContain('tool: 96 questions over 8 texts\nqa: 88 questions over 29 texts\n')
    expect(stdout).toMatch(/^batches +multi-task: qa \d+, multi-task: tool \d+, tool: tool \d+, qa: qa \d+$/m)
    expect(stdout).toContain('| experts over multi-task, routed |')
    expect(stdout).toMatch(/we need ten more frames\n {4}general +\w+\n {2}✔ tool +order_supplies\n/)
  }, 60_000)
})
