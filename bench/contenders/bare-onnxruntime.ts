/**
 * The floor of encoding: bare onnxruntime sessions in threads, given tokens sorted by length in batches of 512 padded ones; nothing is
 * tokenised, pooled or handed back while time runs.
 */
import { performance } from 'node:perf_hooks'
import { serve } from '../harness/serve.ts'
import { tokenizerOf } from '../harness/tokens.ts'
import { bareSession, feeds, type Feeds, type SessionPlan } from './sessions.ts'

interface Setup extends SessionPlan {
  readonly model: string
  readonly dtype: 'fp32' | 'int8'
  readonly workers: number
}

serve<Setup>(async ({ model, dtype, workers, ...plan }) => {
  const sessions = await Promise.all(Array.from({ length: workers }, () => bareSession(model, dtype, plan)))
  const tokenize = tokenizerOf(model)
  let count = 0
  return {
    /** Texts for `all`, in ideally sorted batches of `budget` tokens, or for `single`, each alone. */
    async hold({ texts, budget }: { texts: readonly string[]; budget?: number }) {
      const ids = texts.map(tokenize)
      const batches = budget === undefined ? ids.map((each) => feeds([each])) : sorted(ids, budget)
      count = batches.length
      await Promise.all(sessions.map(({ hold }) => hold(batches)))
    },
    async all() {
      const start = performance.now()
      // Longest first, so that the last ones to finish are short.
      let next = count
      await Promise.all(
        sessions.map(async ({ run }) => {
          while (next > 0) await run(--next)
        }),
      )
      return performance.now() - start
    },
    async single() {
      const times: number[] = []
      for (let i = 0; i < count; i++) {
        const start = performance.now()
        await sessions[0]!.run(i)
        times.push(performance.now() - start)
      }
      return times
    },
  }
})

/** Shortest first. */
function sorted(texts: readonly (readonly number[])[], budget: number): Feeds[] {
  const batches: Feeds[] = []
  let batch: (readonly number[])[] = []
  for (const ids of texts.toSorted((a, b) => a.length - b.length)) {
    if (batch.length > 0 && (batch.length + 1) * ids.length > budget) {
      batches.push(feeds(batch))
      batch = []
    }
    batch.push(ids)
  }
  return [...batches, feeds(batch)]
}
