/** An index on disk with the bundled base, built or opened by a fresh process. */
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openPilotfish, type Document } from 'pilotfish'
import { settled } from '../harness/settled.ts'
import { serve } from '../harness/serve.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

serve(async () => ({
  /** Milliseconds of adding, of what went on in the background after that, and of closing. */
  async build({ directory, documents }: { directory: string; documents: readonly Document[] }) {
    const engine = await openPilotfish({ directory })
    const start = performance.now()
    await engine.add(documents)
    const added = performance.now()
    // `settled` looks on for a second after the last work.
    await settled()
    const complete = Math.max(added, performance.now() - 1_000)
    const closing = performance.now()
    await engine.close()
    return { add: added - start, graph: complete - added, close: performance.now() - closing }
  },
  /** Milliseconds of opening and of two questions. */
  async start({ directory, question }: { directory: string; question: string }) {
    const start = performance.now()
    const engine = await openPilotfish({ directory })
    const opened = performance.now()
    await engine.retrieve(question)
    const first = performance.now()
    await engine.retrieve(`${question} again`)
    const second = performance.now()
    await engine.close()
    return { open: opened - start, first: first - opened, second: second - first }
  },
  /** Milliseconds of each question, and resident bytes after the last of them. */
  async ask({ directory, questions }: { directory: string; questions: readonly string[] }) {
    const engine = await openPilotfish({ directory, readOnly: true })
    const times: number[] = []
    for (const question of questions) {
      const start = performance.now()
      await engine.retrieve(question)
      times.push(performance.now() - start)
    }
    const after = await resident()
    await engine.close()
    return { times, after }
  },
}))

/** Resident bytes once what can be given back has been. */
async function resident(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collectGarbage()
    await pause(100)
  }
  return process.memoryUsage.rss()
}
