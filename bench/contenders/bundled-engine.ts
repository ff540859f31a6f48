/** Pilotfish as it comes: the bundled base and experts, an index on disk. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPilotfish } from 'pilotfish'
import { delayDuring } from '../harness/event-loop.ts'
import { serve } from '../harness/serve.ts'

serve(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'pilotfish-bench-'))
  const engine = await openPilotfish({ directory })
  return {
    delayAdding: (texts: readonly string[]) => delayDuring(() => engine.add(texts.map((text, i) => ({ id: String(i), text })))),
    delayAsking: ({ queries, times }: { queries: readonly string[]; times: number }) =>
      delayDuring(async () => {
        for (let i = 0; i < times; i++) await Promise.all(queries.map((query) => engine.retrieve(query)))
      }),
    async close() {
      await engine.close()
      await rm(directory, { recursive: true })
    },
  }
})
