/**
 * The floor of a query: a bare session in a thread that is given tokens, then a bare graph's search with a vector that is there already.
 * Nothing is tokenised, pooled, routed or looked up.
 */
import { performance } from 'node:perf_hooks'
import { serve } from '../harness/serve.ts'
import { tokenizerOf } from '../harness/tokens.ts'
import { readVectors, type VectorFiles } from '../harness/vectors.ts'
import { bareGraph } from './bare-graph.ts'
import { bareSession, feeds, type SessionPlan } from './sessions.ts'

interface Setup {
  readonly model: string
  readonly dtype: 'fp32' | 'int8'
  readonly plans: readonly SessionPlan[]
  readonly vectors: VectorFiles
}

interface Questions {
  readonly queries: readonly string[]
  readonly vectors: readonly Float32Array[]
}

serve<Setup>(async ({ model, dtype, plans, vectors }) => {
  const sessions = await Promise.all(plans.map((plan) => bareSession(model, dtype, plan)))
  const graph = bareGraph(readVectors(vectors))
  const tokenize = tokenizerOf(model)
  let asked: number[][] = []
  return {
    async hold({ queries, vectors }: Questions) {
      const batches = queries.map((query) => feeds([tokenize(query)]))
      asked = vectors.map((vector) => Array.from(vector))
      for (const { hold } of sessions) await hold(batches)
    },
    tune: (breadth: number) => graph.setEf(breadth),
    found: (k: number) => asked.map((vector) => graph.searchKnn(vector, k).neighbors),
    /** Milliseconds of each of the questions `from` … `to`, by what takes them. */
    async each({ plan, from, to, k }: { plan: number; from: number; to: number; k: number }) {
      const times: { total: number; embed: number; search: number }[] = []
      for (let i = from; i < to; i++) {
        const start = performance.now()
        await sessions[plan]!.run(i)
        const between = performance.now()
        graph.searchKnn(asked[i]!, k)
        const end = performance.now()
        times.push({ total: end - start, embed: between - start, search: end - between })
      }
      return times
    },
  }
})
