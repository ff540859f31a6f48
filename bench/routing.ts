/**
 * What does routing add to a query, and how does it grow with the experts?
 *
 *     npm run bench -- routing [--json FILE] [--pack DIR] [--documents 20000] [--rounds 200]
 *
 * Asks engines over a collection of made-up documents: the bundled pack (or another), and an encoder of MiniLM-L6's shape with random
 * weights and adapter experts. Each question is asked routed and of the general expert alone, in turn, and routed with BM25 as it comes.
 * Then routes alone: made-up experts of 50 pilots and 384 dimensions with the words of their questions.
 */
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import {
  adaptedEncoder,
  embeddedStore,
  lowRankAdapter,
  onnxEncoder,
  openPilotfish,
  textRouter,
  type AdapterExpert,
  type Encoder,
  type Engine,
  type Retrieval,
  type Router,
  type Vector,
} from 'pilotfish'
import { randomEncoder } from './harness/encoder.ts'
import { median as middle } from './harness/interleaved.ts'
import { commit, machine, report } from './harness/report.ts'

const { values } = parseArgs({
  options: { pack: { type: 'string' }, rounds: { type: 'string', default: '200' }, documents: { type: 'string', default: '20000' } },
})
const rounds = Number(values.rounds)
const documents = Number(values.documents)

const questions = [
  'how much ibuprofen for a toddler with a fever',
  'what are the early signs of type 2 diabetes?',
  'unpack a gzipped tar archive into another directory',
  'list the processes that listen on port 8080',
  'sort a dictionary by value in python',
  'my card was swallowed by the cash machine',
  'why was I charged a fee for a transfer abroad?',
  'I need an API that translates speech into text',
  'wake me up at seven tomorrow',
  'how is the weather in Lisbon this weekend and what should I pack',
  'find files larger than one gigabyte, and tell me how to treat a burn',
  'the boundary layer of a flat plate at high speed',
]
const vocabulary = [...new Set(questions.join(' ').match(/[A-Za-z]{4,}/g))]

const ways = {
  general: { expert: 'general', lexicalWeight: 0 },
  routed: { lexicalWeight: 0 },
  fused: {},
} as const
type Way = keyof typeof ways
const steps = ['embed', 'route', 'search', 'total'] as const
type Times = Record<Way, Record<(typeof steps)[number], number>>

console.log(`${machine()}, commit ${commit()}; ${documents} documents, ${rounds} rounds, ${questions.length} questions`)

const pack = await openPilotfish(values.pack === undefined ? {} : { pack: values.pack })
await pack.add(Array.from({ length: documents }, (_, i) => ({ id: `d${i}`, text: madeUpText(i) })))
await settled(pack)
const static_ = await measured('bundled pack', pack)
await pack.close()

const { engine, close } = await transformer()
await settled(engine)
const onnx = await measured('MiniLM-L6 shape, adapters', engine)
await close()

const growth = await grown([10, 20, 50, 100])
const fit = linear(growth.map(({ experts, microseconds }) => [experts, microseconds]))
console.log('\n| experts × 50 pilots × 384, median µs a route |  |\n| ---: | ---: |')
for (const { experts, microseconds } of growth) console.log(`| ${experts} | ${microseconds.toFixed(0)} |`)
console.log(`${fit.start.toFixed(0)} µs + ${fit.step.toFixed(2)} µs an expert, r² ${fit.r2.toFixed(4)}`)

const fifty = growth.find(({ experts }) => experts === 50)!.microseconds
report({
  ratios: {
    'of-query': static_.fused.route / static_.fused.total,
    'of-dense-query': static_.routed.route / static_.routed.total,
    'of-onnx-query': onnx.fused.route / onnx.fused.total,
    'routed-vs-general': static_.routed.total / static_.general.total,
    'onnx-routed-vs-general': onnx.routed.total / onnx.general.total,
    'linear-r2': fit.r2,
  },
  figures: { documents, rounds, '50x50x384-ms': fifty / 1000, microseconds: { static: static_, onnx }, growth, fit },
})

async function measured(name: string, asked: Engine): Promise<Times> {
  const times = new Map<string, number[]>()
  const note = (way: Way, { timings }: Retrieval): void => {
    for (const step of steps) {
      const key = `${way} ${step}`
      times.set(key, [...(times.get(key) ?? []), timings[step] * 1000])
    }
  }
  const order = Object.keys(ways) as Way[]
  for (let round = -20; round < rounds; round++) {
    for (const i of order.keys()) {
      const way = order[(i + round + 21) % order.length]!
      // A new ending each time, so that no cache of texts helps.
      const question = `${questions[(round + 24) % questions.length]!} ${round} ${i}`
      const answer = await asked.retrieve(question, ways[way])
      if (round >= 0) note(way, answer)
    }
  }
  const table = Object.fromEntries(
    order.map((way) => [way, Object.fromEntries(steps.map((step) => [step, middle(times.get(`${way} ${step}`)!)]))]),
  ) as Times
  console.log(`\n| ${name}, median µs | embed | route | search | total |\n| --- | ---: | ---: | ---: | ---: |`)
  for (const way of order) console.log(`| ${way} | ${steps.map((step) => table[way][step].toFixed(0)).join(' | ')} |`)
  console.log(`routing is ${((100 * table.fused.route) / table.fused.total).toFixed(1)} % of a routed query`)
  return table
}

/** Experts that share one transformer base. Documents get random vectors: embedding them would take most of the time and change nothing. */
async function transformer(): Promise<{ engine: Engine; close(): Promise<void> }> {
  const base = await onnxEncoder(randomEncoder('minilm-l6'))
  const store = await embeddedStore(':memory:')
  const random = numbers(3)
  const centres = Array.from({ length: 200 }, () => unit(random, base.dimensions))
  for (let from = 0; from < documents; from += 1000) {
    const count = Math.min(1000, documents - from)
    await store.upsert(
      Array.from({ length: count }, (_, i) => ({
        document: { id: `d${from + i}`, text: madeUpText(from + i) },
        hash: 'h',
        vectors: { [base.id]: near(centres[Math.floor(random() * centres.length)]!, random) },
      })),
    )
  }
  const opened = await openPilotfish({
    base,
    store,
    experts: Array.from({ length: 6 }, (_, i) => ({
      expert: adapterExpert(`expert-${i}`, base, random),
      queries: questions.slice(2 * i, 2 * i + 2).flatMap((question) => [question, `${question} please`, `tell me: ${question}`]),
      lexicalWeight: 0.4,
    })),
  })
  return { engine: opened, close: () => closeAll(opened, store, base) }
}

function adapterExpert(name: string, base: Encoder, random: () => number): AdapterExpert {
  const rank = 8
  const part = (): Float32Array => Float32Array.from({ length: base.dimensions * rank }, () => (random() - 0.5) / 20)
  const adapt = lowRankAdapter({ id: name, down: part(), up: part(), rank, dimensions: base.dimensions })
  return { kind: 'adapter', name, adapt, queryEncoder: adaptedEncoder(base, adapt), documentEncoder: base }
}

async function closeAll(...parts: readonly { close(): Promise<void> }[]): Promise<void> {
  for (const part of parts) await part.close()
}

/** Until graphs are built: when the same search is as fast as before. */
async function settled(asked: Engine): Promise<void> {
  let last = Infinity
  for (let tries = 0; tries < 60; tries++) {
    const times: number[] = []
    for (let i = 0; i < 5; i++) times.push((await asked.retrieve(`${questions[0]!} ${tries} ${i}`, ways.general)).timings.search)
    const now = middle(times)
    if (now < 1.5 && now > 0.8 * last) return
    last = now
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
}

async function grown(counts: readonly number[]): Promise<{ experts: number; microseconds: number }[]> {
  const random = numbers(5)
  const question = (expert: number): string =>
    Array.from({ length: 10 }, () =>
      random() < 0.3 ? 'how do i the with'.split(' ')[Math.floor(random() * 5)]! : `w${expert}x${Math.floor(200 * random() ** 2)}`,
    ).join(' ')
  const most = Math.max(...counts)
  let router: Router = textRouter(
    Array.from({ length: most }, (_, expert) => ({
      expert: `e${expert}`,
      pilots: Array.from({ length: 50 }, () => ({ text: question(expert), vector: unit(random, 384) })),
    })),
  )
  const asked = Array.from({ length: 400 }, (_, i) => ({ text: question(i % 10), vector: unit(random, 384) }))
  const routers = counts
    .toSorted((a, b) => b - a)
    .map((count) => {
      for (const name of router.experts.slice(count)) router = router.without(name)
      return { count, router, times: [] as number[] }
    })
  for (const [i, query] of [...asked, ...asked, ...asked].entries()) {
    for (const one of routers) {
      const start = performance.now()
      one.router.route(query)
      if (i >= asked.length) one.times.push((performance.now() - start) * 1000)
    }
  }
  return routers.toReversed().map(({ count, times }) => ({ experts: count, microseconds: middle(times) }))
}

/** Least squares: where a line starts, its step, and the share of the variance it explains. */
function linear(points: readonly (readonly [number, number])[]): { start: number; step: number; r2: number } {
  const mean = (at: 0 | 1): number => points.reduce((sum, point) => sum + point[at], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const sum = (of: (dx: number, dy: number) => number): number => points.reduce((total, [px, py]) => total + of(px - x, py - y), 0)
  const step = sum((dx, dy) => dx * dy) / sum((dx) => dx * dx)
  return { start: y - step * x, step, r2: (step * sum((dx, dy) => dx * dy)) / sum((_, dy) => dy * dy) }
}

function madeUpText(seed: number): string {
  const random = numbers(seed + 1)
  return Array.from({ length: 40 }, () =>
    random() < 0.5 ? vocabulary[Math.floor(vocabulary.length * random())]! : `w${Math.floor(20_000 * random() ** 3).toString(36)}`,
  ).join(' ')
}

function near(centre: Vector, random: () => number): Vector {
  return scaled(centre.map((value) => value + 0.05 * (random() - 0.5)))
}

function unit(random: () => number, dimensions: number): Vector {
  return scaled(Float32Array.from({ length: dimensions }, () => random() - 0.5))
}

function scaled(vector: Vector): Vector {
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}

/** In [0, 1), the same for the same seed. */
function numbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
