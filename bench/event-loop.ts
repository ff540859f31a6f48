/**
 * How long does other work of the process have to wait while it indexes, and while it answers 32 questions at once?
 *
 *     npm run bench -- event-loop [--json FILE] [--data DIR…] [--documents 768]
 *
 * The delay of the event loop (`perf_hooks.monitorEventLoopDelay`, every millisecond) in the process that calls Pilotfish, and in one that calls transformers.js.
 */
import { parseArgs } from 'node:util'
import type { EngineSetup } from './contenders/pilotfish-engine.ts'
import { startContender } from './harness/contender.ts'
import { readCorpus } from './harness/corpus.ts'
import { randomEncoder } from './harness/encoder.ts'
import type { LoopDelay } from './harness/event-loop.ts'
import { textsOfTokens } from './harness/lengths.ts'
import { questionsOf } from './harness/questions.ts'
import { report } from './harness/report.ts'
import { table } from './harness/table.ts'
import { tokenizerOf } from './harness/tokens.ts'
import { randomMiniLm, vectorsOf } from './harness/vectors.ts'

const { values } = parseArgs({
  options: { data: { type: 'string', multiple: true }, documents: { type: 'string', default: '768' } },
})
const model = randomEncoder('minilm-l6')
const corpus = await readCorpus(values.data)
const texts = textsOfTokens(corpus.documents, Number(values.documents), { tokenize: tokenizerOf(model), least: 20, most: 256 })
const collection = corpus.documents.slice(0, 15_000).map(({ text }) => text)
const { domains, asked } = questionsOf(
  corpus.queries.filter(({ text }) => text.length < 100),
  { experts: 8, examples: 60, count: 32 },
)
const delays: Record<string, LoopDelay> = {}

const indexer = await startContender(new URL('./contenders/pilotfish-encoder.ts', import.meta.url), { model, dtype: 'fp32' })
await indexer.ask('hold', texts.slice(0, 64))
await indexer.ask('all', { batch: 0 })
delays['pilotfish, indexing, MiniLM fp32'] = await indexer.ask('delayAdding', texts)
await indexer.close()

const bundled = await startContender(new URL('./contenders/bundled-engine.ts', import.meta.url))
delays['pilotfish, indexing, bundled base'] = await bundled.ask('delayAdding', collection)
delays['pilotfish, 32 questions at once, bundled experts'] = await bundled.ask('delayAsking', { queries: asked, times: 20 })
await bundled.close()

const setup: EngineSetup = { model, dtype: 'fp32', texts: collection, vectors: await vectorsOf(collection, randomMiniLm), domains }
const engine = await startContender(new URL('./contenders/pilotfish-engine.ts', import.meta.url), setup)
await engine.ask('atOnce', { queries: asked })
delays['pilotfish, 32 questions at once, MiniLM fp32'] = await engine.ask('delayAsking', { queries: asked, times: 20 })
await engine.close()
const ours = Object.values(delays)

const peer = await startContender(new URL('./peers/transformersjs.ts', import.meta.url), { model })
await peer.ask('hold', texts.slice(0, 128))
delays['transformers.js, batches of 32'] = await peer.ask('delay', { batch: 32 })
await peer.ask('hold', asked)
delays['transformers.js, 32 questions in one batch'] = await peer.ask('delay', { batch: 32, times: 20 })
await peer.close()

const worst = Math.max(...ours.map(({ p99 }) => p99))
report({
  ratios: { 'p99-against-transformersjs': worst / delays['transformers.js, batches of 32']!.p99 },
  figures: { 'p99-ms': worst, 'max-ms': Math.max(...ours.map(({ max }) => max)), milliseconds: delays },
  data:
    `MiniLM-L6 shape, random weights, ${texts.length} documents of 20 to 256 tokens; bundled base, ${collection.length} documents; 32 questions, ` +
    `20 times; ${corpus.source}`,
  tables: [
    table(
      ['delay of the event loop, ms', '99th percentile', 'longest'],
      Object.entries(delays).map(([name, { p99, max }]) => [name, p99, max]),
    ),
  ],
})
