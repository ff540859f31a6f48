import { Writable } from 'node:stream'
import type { OpenOptions } from '../../src/index.ts'
import type { Expert } from '../../src/expert/expert.ts'
import type { Environment, Interrupt } from '../../src/cli/environment.ts'
import { runCli } from '../../src/cli/program.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { toy } from '../engine-fixture.ts'
import { folder } from './folder.ts'

/** A terminal in memory, and an index that outlives the commands: the toy engine, with these experts besides, over a memory store. */
export function terminal(experts: readonly Expert[] = []) {
  // Engines close their store; this one is the disk.
  const store = { ...memoryStore(), close: async () => {} }
  const opened: OpenOptions[] = []
  const cache = folder()
  const listeners = new Set<(signal: Interrupt) => void>()

  return {
    store,
    /** XDG_CACHE_HOME of the commands. */
    cache,
    /** What the commands opened the engine with. */
    opened,
    /** Returns whether somebody listened. */
    interrupt: (signal: Interrupt) => {
      listeners.forEach((listener) => listener(signal))
      return listeners.size > 0
    },
    async execute(...argv: string[]) {
      const [stdout, stderr] = [sink(), sink()]
      const environment: Environment = {
        stdout: stdout.stream,
        stderr: stderr.stream,
        // A cache of its own: tests neither fill nor depend on the user's.
        variables: { XDG_CACHE_HOME: cache },
        async open(options) {
          opened.push(options)
          const { engine } = await toy(store)
          for (const expert of experts) await engine.experts.add(expert)
          return engine
        },
        onInterrupt(callback) {
          listeners.add(callback)
          return () => void listeners.delete(callback)
        },
      }
      const code = await runCli(argv, environment)
      return { code, stdout: stdout.text(), stderr: stderr.text(), json: () => JSON.parse(stdout.text()) as Record<string, unknown> }
    },
  }
}

function sink() {
  const chunks: string[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString())
      done()
    },
  })
  return { stream, text: () => chunks.join('') }
}
