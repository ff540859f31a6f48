/**
 * Pilotfish's whole engine: an ONNX base, experts that are adapters of it, a collection in the embedded store. Documents come with vectors
 * made beforehand, so that nothing has to be embedded to measure queries.
 */
import { performance } from 'node:perf_hooks'
import {
  adaptedEncoder,
  embeddedStore,
  lowRankAdapter,
  onnxEncoder,
  openPilotfish,
  textRouter,
  type Encoder,
  type Engine,
  type OpenExpert,
  type Retrieval,
  type StoreEntry,
} from 'pilotfish'
import { randomNumbers } from '../harness/random.ts'
import { delayDuring } from '../harness/event-loop.ts'
import { serve } from '../harness/serve.ts'
import { settled } from '../harness/settled.ts'
import { readVectors, type VectorFiles } from '../harness/vectors.ts'

export interface EngineSetup {
  readonly model: string
  readonly dtype: 'fp32' | 'int8'
  readonly texts: readonly string[]
  readonly vectors: VectorFiles
  /** Example questions by domain: an expert each. */
  readonly domains: Readonly<Record<string, readonly string[]>>
}

/** How a round of questions is asked. */
export interface Asking {
  readonly queries: readonly string[]
  /** BM25's share. @default the route's */
  readonly lexicalWeight?: number
  /** @default routed */
  readonly expert?: string
  readonly topK?: number
}

/** Milliseconds of one question, by step. `wall` is what its caller waited, `experts` how many were asked. */
export type QueryTimes = Retrieval['timings'] & { readonly wall: number; readonly experts: number }

/**
 * One expert a question: a router that nobody fitted is unsure and fuses nearly all, while the bundled one searches 1.14 times a question. Vectors
 * of a model with random weights are all alike, so words decide.
 */
const oneExpert = textRouter([], {
  weights: { words: 1, similarity: 0, bias: 0 },
  decision: {
    confidence: { bias: 0, evidence: 0.9, similarity: 0, margin: 0 },
    fallback: { expert: 'general', threshold: 0.05, lexicalWeight: 0.85 },
    trust: 0.5,
    fuseMargin: 0,
  },
})

serve<EngineSetup>(async ({ model, dtype, texts, vectors, domains }) => {
  const base = await onnxEncoder(model, { dtype })
  const store = await embeddedStore(':memory:')
  for (const entries of batches(entriesOf(base.id, texts, readVectors(vectors)), 1_000)) await store.upsert(entries)
  const experts = Object.entries(domains).map(([name, queries], i): OpenExpert => ({ expert: adapterExpert(base, name, i), queries }))
  const engine = await openPilotfish({ base, experts, store, router: oneExpert })
  await settled()

  const options = ({ lexicalWeight, expert, topK = 10 }: Asking): object => ({
    topK,
    ...(lexicalWeight !== undefined && { lexicalWeight }),
    ...(expert !== undefined && { expert }),
  })
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now()
    await work()
    return performance.now() - start
  }
  const atOnce = (asking: Asking): Promise<unknown> => Promise.all(asking.queries.map((query) => engine.retrieve(query, options(asking))))
  return {
    /** One after another. */
    async each(asking: Asking): Promise<QueryTimes[]> {
      const times: QueryTimes[] = []
      for (const query of asking.queries) {
        const start = performance.now()
        const { timings, route } = await engine.retrieve(query, options(asking))
        times.push({ ...timings, wall: performance.now() - start, experts: route.experts.length })
      }
      return times
    },
    inTurn: (asking: Asking) =>
      timed(async () => {
        for (const query of asking.queries) await engine.retrieve(query, options(asking))
      }),
    atOnce: (asking: Asking) => timed(() => atOnce(asking)),
    inOneCall: (asking: Asking) => timed(() => engine.retrieveMany(asking.queries, options(asking))),
    found: (asking: Asking) => found(engine, asking.queries, options(asking)),
    vectors: (queries: readonly string[]) => base.encode(queries),
    delayAsking: ({ times, ...asking }: Asking & { times: number }) =>
      delayDuring(async () => {
        for (let i = 0; i < times; i++) await atOnce(asking)
      }),
    async close() {
      await engine.close()
      await store.close()
      await base.close()
    },
  }
})

/** Places of what was found, best first. */
async function found(engine: Engine, queries: readonly string[], options: object): Promise<number[][]> {
  const answers = await engine.retrieveMany(queries, options)
  return answers.map(({ hits }) => hits.map(({ document }) => Number(document.id)))
}

function entriesOf(space: string, texts: readonly string[], vectors: readonly Float32Array[]): StoreEntry[] {
  return texts.map((text, i) => ({ document: { id: String(i), text }, hash: String(i), vectors: { [space]: vectors[i]! } }))
}

/** A small change of every query, as a learned one is. */
function adapterExpert(base: Encoder, name: string, number: number): OpenExpert['expert'] {
  const random = randomNumbers(number + 1)
  const { dimensions } = base
  const rank = 8
  const weights = (scale: number): Float32Array => Float32Array.from({ length: rank * dimensions }, () => (random() - 0.5) * scale)
  const adapt = lowRankAdapter({ id: name, rank, dimensions, down: weights(0.2), up: weights(0.2) })
  return { kind: 'adapter', name, adapt, queryEncoder: adaptedEncoder(base, adapt), documentEncoder: base }
}

function batches<T>(values: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size))
}
