/**
 * What does routing add to a query, next to embedding it?
 *
 *     npm run bench -- routing [--json FILE] [--pack DIR] [--rounds 200]
 *
 * Asks an engine in memory the same questions routed and of the general expert alone, in turn, and prints the median time
 * a question spends in each step. BM25 is off in both, so that only routing and the expert's own vector differ.
 */
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { openPilotfish, type Retrieval } from 'pilotfish'
import { median as middle } from './harness/interleaved.ts'
import { commit, machine, report } from './harness/report.ts'

const { values } = parseArgs({ options: { pack: { type: 'string' }, rounds: { type: 'string', default: '200' } } })
const rounds = Number(values.rounds)
const engine = await openPilotfish(values.pack === undefined ? {} : { pack: values.pack })

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
await engine.add(questions.map((text, i) => ({ id: `d${i}`, text: `${text}: an answer` })))

const ways = {
  general: { expert: 'general', lexicalWeight: 0, topK: 3 },
  routed: { lexicalWeight: 0, topK: 3 },
} as const
type Way = keyof typeof ways
const steps = ['embed', 'route', 'search', 'total'] as const
const times = new Map<string, number[]>()
const note = (way: Way, { timings }: Retrieval): void => {
  for (const step of steps) {
    const key = `${way} ${step}`
    times.set(key, [...(times.get(key) ?? []), timings[step] * 1000])
  }
}

const started = performance.now()
for (let round = -20; round < rounds; round++) {
  // A new ending each round, so that no cache of texts helps.
  const question = `${questions[((round % questions.length) + questions.length) % questions.length]!} ${round}`
  const order: Way[] = round % 2 === 0 ? ['general', 'routed'] : ['routed', 'general']
  for (const [i, way] of order.entries()) {
    const answer = await engine.retrieve(`${question} ${i}`, ways[way])
    if (round >= 0) note(way, answer)
  }
}
await engine.close()

const median = (key: string): number => middle(times.get(key)!)
console.log(
  `${machine()}, commit ${commit()}; ` +
    `${rounds} rounds, ${questions.length} questions, ${((performance.now() - started) / 1000).toFixed(0)} s\n`,
)
console.log('| median, µs | embed | route | search | total |\n| --- | ---: | ---: | ---: | ---: |')
for (const way of Object.keys(ways) as Way[])
  console.log(`| ${way} | ${steps.map((step) => median(`${way} ${step}`).toFixed(0)).join(' | ')} |`)
const ratios = {
  routing: median('routed route') / median('routed embed'),
  routed: median('routed total') / median('general total'),
}
console.log(`\nrouting against embedding: ${ratios.routing.toFixed(2)} ×`)
console.log(`routed against general: ${ratios.routed.toFixed(2)} ×`)
report({ ratios, figures: { rounds, microseconds: Object.fromEntries([...times.keys()].map((key) => [key, median(key)])) } })
