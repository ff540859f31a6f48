/** Pilotfish's encoder, and what becomes of its speed when an engine indexes with it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { embeddedStore, onnxEncoder, openPilotfish, type StoreEntry } from 'pilotfish'
import { delayDuring } from '../harness/event-loop.ts'
import { serveEncoder } from '../harness/serve-encoder.ts'

serveEncoder(async ({ model, dtype = 'fp32' }) => {
  const encoder = await onnxEncoder(model, { dtype })
  /** Adds texts to a new index on disk; `around` is given the adding alone. */
  const adding = async <T>(texts: readonly string[], around: (add: () => Promise<unknown>) => Promise<T>): Promise<T> => {
    const directory = await mkdtemp(join(tmpdir(), 'pilotfish-bench-'))
    const engine = await openPilotfish({ base: encoder, directory })
    const result = await around(() => engine.add(texts.map((text, i) => ({ id: String(i), text }))))
    // The encoder stays the caller's, and open.
    await engine.close()
    await rm(directory, { recursive: true })
    return result
  }
  return {
    encode: (texts) => encoder.encode(texts),
    close: () => encoder.close(),
    methods: {
      /** Milliseconds until all documents are committed. */
      add: (texts: readonly string[]) =>
        adding(texts, async (add) => {
          const start = performance.now()
          await add()
          return performance.now() - start
        }),
      /** Milliseconds of committing them alone, vectors at hand. */
      async commit(texts: readonly string[]): Promise<number> {
        const vectors = await encoder.encode(texts)
        const entries = texts.map((text, i): StoreEntry => ({
          document: { id: String(i), text },
          hash: String(i),
          vectors: { base: vectors[i]! },
        }))
        const directory = await mkdtemp(join(tmpdir(), 'pilotfish-bench-'))
        const store = await embeddedStore(directory)
        const start = performance.now()
        for (let at = 0; at < entries.length; at += 512) await store.upsert(entries.slice(at, at + 512))
        const milliseconds = performance.now() - start
        await store.close()
        await rm(directory, { recursive: true })
        return milliseconds
      },
      delayAdding: (texts: readonly string[]) => adding(texts, delayDuring),
    },
  }
})
