#!/usr/bin/env node
import type { Environment } from './environment.ts'
import { runCli } from './program.ts'

const environment: Environment = {
  stdout: process.stdout,
  stderr: process.stderr,
  variables: process.env,
  async open(options) {
    // Loaded here, so that `--help` and wrong usage answer at once.
    const { openPilotfish } = await import('../index.ts')
    return openPilotfish(options)
  },
  onInterrupt(callback) {
    process.on('SIGINT', callback)
    process.on('SIGTERM', callback)
    return () => {
      process.off('SIGINT', callback)
      process.off('SIGTERM', callback)
    }
  },
}

// A reader that has seen enough (`| head`) is no failure: the rest of the output goes nowhere.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

// Not `process.exit`: it would cut off output that is still on its way, and threads inside native code.
void runCli(process.argv.slice(2), environment).then((code) => {
  process.exitCode = code
})
