/**
 * What does a routed query take beyond the two things that cannot be left out: one pass of the model and one search of a graph?
 *
 *     npm run bench -- query [--json FILE] [--data DIR…] [--documents 50000] [--queries 200]
 *
 * The floor is told the tokens and has the query's vector before its pass is over; everything else is done by Pilotfish alone. Contenders
 * are processes of their own that take turns, 20 questions at a time. A second table compares encoders on single questions.
 */
import { parseArgs } from 'node:util'
import type { EngineSetup, QueryTimes } from './contenders/pilotfish-engine.ts'
import type { SessionPlan } from './contenders/sessions.ts'
import { startContender, type Contender } from './harness/contender.ts'
import { readCorpus } from './harness/corpus.ts'
import { randomEncoder } from './harness/encoder.ts'
import { exactNeighbours, recallOf } from './harness/exact.ts'
import { narrowest } from './harness/ladder.ts'
import { questionsOf } from './harness/questions.ts'
import { report } from './harness/report.ts'
import { quantile, spread } from './harness/statistics.ts'
import { table } from './harness/table.ts'
import { tokenizerOf } from './harness/tokens.ts'
import { inTurn } from './harness/turns.ts'
import { randomMiniLm, readVectors, vectorsOf } from './harness/vectors.ts'
import { howToInstall, peersInstalled } from './peers/package-of.ts'

const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true },
    documents: { type: 'string', default: '50000' },
    queries: { type: 'string', default: '200' },
  },
})
const count = Number(values.documents)
const [k, chunk] = [10, 20]
const model = randomEncoder('minilm-l6')
const corpus = await readCorpus(values.data)
const tokenize = tokenizerOf(model)
const texts = corpus.documents.slice(0, count).map(({ text }) => text)
const vectors = await vectorsOf(texts, randomMiniLm)
const { domains, asked } = questionsOf(
  // As long as most questions are; the generated tokenizer makes more tokens of a text than a learned one.
  corpus.queries.filter(({ text }) => lengthOf(text) >= 8 && lengthOf(text) <= 24),
  { experts: 8, examples: 60, count: Number(values.queries) },
)
const tokens = asked.map(lengthOf)
const short = asked.filter((text) => lengthOf(text) <= 16)
const missing = peersInstalled ? [] : [howToInstall]

// Both build their graphs now, each on one core.
const plans: (SessionPlan & { name: string })[] = [
  { name: 'one thread', threads: 1, spin: false },
  { name: 'two threads', threads: 2, spin: false },
  { name: 'two threads that spin while a run goes on', threads: 2, spin: true },
]
const engineFile = new URL('./contenders/pilotfish-engine.ts', import.meta.url)
const setup = (dtype: 'fp32' | 'int8'): EngineSetup => ({ model, dtype, texts, vectors, domains })
const [ours, floor] = await Promise.all([
  startContender(engineFile, setup('fp32')),
  startContender(new URL('./contenders/bare-query.ts', import.meta.url), { model, dtype: 'fp32', plans, vectors }),
])
const int8 = await startContender(engineFile, setup('int8'))

const asVectors = await ours.ask<Float32Array[]>('vectors', asked)
await floor.ask('hold', { queries: asked, vectors: asVectors })
const documents = readVectors(vectors)
const exact = asVectors.map((vector) => exactNeighbours(documents, vector, k))
const recall = recallOf(await ours.ask('found', { queries: asked, expert: 'general', lexicalWeight: 0, topK: k }), exact)
const tuned = await narrowest(recall, exact, async (breadth) => {
  await floor.ask('tune', breadth)
  return floor.ask('found', k)
})

const steps: Record<string, QueryTimes[]> = {}
const floorSteps: Record<string, { embed: number; search: number }[]> = {}
const ask = (name: string, contender: Contender, options: object) => {
  let at = 0
  return [
    name,
    async () => {
      const times = await contender.ask<QueryTimes[]>('each', { queries: next(at++), topK: k, ...options })
      ;(steps[name] ??= []).push(...times)
      return times.map(({ wall }) => wall)
    },
  ] as const
}
const askFloor = (plan: number) => {
  let at = 0
  const name = `floor, ${plans[plan]!.name}`
  return [
    name,
    async () => {
      const from = (at++ * chunk) % asked.length
      const times = await floor.ask<{ total: number; embed: number; search: number }[]>('each', {
        plan,
        from,
        to: Math.min(asked.length, from + chunk),
        k,
      })
      ;(floorSteps[name] ??= []).push(...times)
      return times.map(({ total }) => total)
    },
  ] as const
}
const dense = ask('routed, vectors only', ours, { lexicalWeight: 0 })
const fused = ask('routed, fused with BM25', ours, { lexicalWeight: 0.3 })
const quick = ask('routed, vectors only, int8', int8, { lexicalWeight: 0 })
const quickFused = ask('routed, fused with BM25, int8', int8, { lexicalWeight: 0.3 })
const whole = [dense, fused, quick, quickFused, ...plans.map((_, plan) => askFloor(plan))] as const
// Sessions and graphs have been asked before anything counts.
await inTurn(whole, 1)
for (const of of [steps, floorSteps]) for (const name of Object.keys(of)) delete of[name]
const times = await inTurn(whole, Math.ceil(asked.length / chunk))
for (const contender of [ours, int8, floor]) await contender.close()

const ms = new Map([...times].map(([name, values]) => [name, spread(values)]))
const median = (name: string): number => ms.get(name)!.median
const lowest = [...ms.keys()].filter((name) => name.startsWith('floor')).sort((a, b) => median(a) - median(b))[0]!

const encoders = await encoding()
const bestPeer = Object.keys(encoders)
  .filter((name) => !name.startsWith('pilotfish') && !name.startsWith('bare'))
  .sort((a, b) => encoders[a]!.median - encoders[b]!.median)[0]!
const bestBare = Object.keys(encoders)
  .filter((name) => name.startsWith('bare'))
  .sort((a, b) => encoders[a]!.median - encoders[b]!.median)[0]!

report({
  ratios: {
    'vs-floor': median(dense[0]) / median(lowest),
    'fused-vs-floor': median(fused[0]) / median(lowest),
    'int8-vs-best-peer': encoders[bestPeer]!.median / encoders['pilotfish, int8']!.median,
    'fp32-vs-best-peer': encoders[bestPeer]!.median / encoders['pilotfish, fp32']!.median,
  },
  figures: {
    documents: texts.length,
    milliseconds: Object.fromEntries(ms),
    floor: lowest,
    recall,
    floorRecall: tuned.recall,
    floorEf: tuned.breadth,
    experts: Object.keys(domains),
    steps: Object.fromEntries(Object.entries(steps).map(([name, values]) => [name, bySteps(values)])),
    encoders,
    bestPeer,
    bestBare,
  },
  data:
    `MiniLM-L6 shape, random weights; ${asked.length} questions of ${Math.min(...tokens)} to ${Math.max(...tokens)} tokens (median ` +
    `${quantile(tokens, 0.5)}), ${Object.keys(domains).length} adapter experts of which each question asks one; ${texts.length} of ${corpus.source}, vectors by ${randomMiniLm.name}; ` +
    `recall@${k} ${recall.toFixed(3)} (floor ${tuned.recall.toFixed(3)} at ef ${tuned.breadth})`,
  tables: [
    table(
      ['one query, ms', 'median', 'quartiles', 'against the best floor'],
      [...ms]
        .sort((a, b) => a[1].median - b[1].median)
        .map(([name, { median, from, to }]) => [
          name,
          median,
          `${from.toFixed(2)}–${to.toFixed(2)}`,
          name.includes('int8') ? '' : `${(median / ms.get(lowest)!.median).toFixed(2)} ×`,
        ]),
    ),
    table(
      ['where a query spends it, median ms', 'embed', 'route', 'search', 'all', 'experts asked'],
      [
        ...Object.entries(steps).map(([name, values]) => {
          const { embed, route, search, wall, experts } = bySteps(values)
          return [name, embed, route, search, wall, experts]
        }),
        [
          lowest,
          quantile(
            floorSteps[lowest]!.map(({ embed }) => embed),
            0.5,
          ),
          '',
          quantile(
            floorSteps[lowest]!.map(({ search }) => search),
            0.5,
          ),
          median(lowest),
          '',
        ],
      ],
    ),
    table(
      [`one short question embedded (median ${quantile(short.map(lengthOf), 0.5)} tokens), ms`, 'median', 'quartiles', 'pilotfish int8 is'],
      Object.entries(encoders)
        .sort((a, b) => a[1].median - b[1].median)
        .map(([name, { median, from, to }]) => [
          name,
          median,
          `${from.toFixed(2)}–${to.toFixed(2)}`,
          `${(median / encoders['pilotfish, int8']!.median).toFixed(2)} × as fast`,
        ]),
    ),
  ],
  missing,
})

/** The questions of a turn. */
function next(turn: number, of: readonly string[] = asked): readonly string[] {
  const from = (turn * chunk) % of.length
  return of.slice(from, from + chunk)
}

/** Tokens of a question; of what is far too long, many. */
function lengthOf(text: string): number {
  return text.length > 200 ? 200 : tokenize(text).length
}

function bySteps(values: readonly QueryTimes[]): Record<keyof QueryTimes, number> {
  const of = (step: keyof QueryTimes): number =>
    quantile(
      values.map((each) => each[step]),
      0.5,
    )
  const experts = values.reduce((sum, each) => sum + each.experts, 0) / values.length
  return { embed: of('embed'), route: of('route'), search: of('search'), total: of('total'), wall: of('wall'), experts }
}

/** Single questions, encoders alone. */
async function encoding(): Promise<Record<string, { median: number; from: number; to: number }>> {
  const own = new URL('./contenders/pilotfish-encoder.ts', import.meta.url)
  const bare = new URL('./contenders/bare-onnxruntime.ts', import.meta.url)
  const entrants: [string, URL, object][] = [
    ['pilotfish, fp32', own, { dtype: 'fp32' }],
    ['pilotfish, int8', own, { dtype: 'int8' }],
    ...(['fp32', 'int8'] as const).flatMap((dtype) =>
      plans.map(({ name, ...plan }): [string, URL, object] => [
        `bare onnxruntime, ${dtype}, ${name}`,
        bare,
        { dtype, workers: 1, ...plan },
      ]),
    ),
    ['transformers.js', new URL('./peers/transformersjs.ts', import.meta.url), {}],
    ...(peersInstalled
      ? ([
          ['HuggingFaceTransformersEmbeddings', new URL('./peers/langchain.ts', import.meta.url), {}],
          ['HuggingFaceEmbedding (LlamaIndex)', new URL('./peers/llamaindex.ts', import.meta.url), {}],
        ] as [string, URL, object][])
      : []),
  ]
  const opened: [string, Contender, boolean][] = []
  for (const [name, file, setup] of entrants) opened.push([name, await startContender(file, { model, ...setup }), name.startsWith('bare')])
  const rounds = 6
  const values = await inTurn(
    opened.map(([name, contender, isBare]) => {
      let at = 0
      return [
        name,
        async () => {
          const queries = next(at++, short)
          await contender.ask('hold', isBare ? { texts: queries } : queries)
          const times = await contender.ask<number[]>('single')
          // The first turn warms up.
          return at === 1 ? [] : times
        },
      ] as const
    }),
    rounds + 1,
    { pause: 450 },
  )
  for (const [, contender] of opened) await contender.close()
  return Object.fromEntries([...values].map(([name, times]) => [name, spread(times)]))
}
