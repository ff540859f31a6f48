/**
 * Does cost grow as it should: indexing with tokens, queries with documents, routing with experts, memory with documents?
 *
 *     npm run bench -- scaling [--json FILE] [--data DIR…] [--sizes 1000,10000,100000] [--encoded 1000,10000,100000]
 *
 * Collections are indexed on disk with the bundled base, each in a fresh process, and asked in another; encoding by a transformer is that of
 * MiniLM-L6's shape in int8. Memory is what each further document adds to a fresh process that has opened the collection and answered questions.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { bundledPack, textRouter, type Pilot } from 'pilotfish'
import { startContender } from './harness/contender.ts'
import { readCorpus } from './harness/corpus.ts'
import { randomEncoder } from './harness/encoder.ts'
import { growth, type Growth } from './harness/fit.ts'
import { randomNumbers } from './harness/random.ts'
import { report } from './harness/report.ts'
import { quantile } from './harness/statistics.ts'
import { table } from './harness/table.ts'
import { tokenizerOf } from './harness/tokens.ts'

const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true },
    sizes: { type: 'string', default: '1000,10000,100000' },
    encoded: { type: 'string', default: '1000,10000,100000' },
  },
})
const list = (numbers: string): number[] => numbers.split(',').map(Number)
const corpus = await readCorpus(values.data)
const sizes = list(values.sizes).filter((size) => size <= corpus.documents.length)
const missing = list(values.sizes)
  .filter((size) => !sizes.includes(size))
  .map((size) => `${size} documents: there are ${corpus.documents.length}`)
const questions = [...new Set(corpus.queries.map(({ text }) => text))].slice(0, 150)

interface Collection {
  readonly documents: number
  readonly tokens: number
  readonly addMilliseconds: number
  readonly builtMilliseconds: number
  readonly queryMilliseconds: number
  /** Of a fresh process that has opened it and answered questions. */
  readonly residentBytes: number
  /** What cannot be left out: vectors, text, the graph's file. */
  readonly leastBytes: number
}

const count = tokenizerOf(join(bundledPack(), 'base'))
const collections: Collection[] = []
for (const size of sizes) {
  const documents = corpus.documents.slice(0, size)
  const sampled = documents.filter((_, i) => i % Math.ceil(size / 2_000) === 0)
  const tokens = (size * sampled.reduce((sum, { text }) => sum + count(text).length, 0)) / sampled.length
  const directory = await mkdtemp(join(tmpdir(), 'pilotfish-bench-scaling-'))
  const file = new URL('./contenders/index-on-disk.ts', import.meta.url)
  const builder = await startContender(file)
  const built = await builder.ask<{ add: number; graph: number; close: number }>('build', { directory, documents })
  await builder.close()
  const asker = await startContender(file)
  const { times, after } = await asker.ask<{ times: number[]; after: number }>('ask', { directory, questions })
  await asker.close()
  const derived = join(directory, 'derived')
  const graphs = (await readdir(derived).catch(() => [])).filter((name) => name.startsWith('graph'))
  const links = await Promise.all(graphs.map(async (name) => (await stat(join(derived, name))).size))
  await rm(directory, { recursive: true })
  const text = documents.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)
  collections.push({
    documents: size,
    tokens,
    addMilliseconds: built.add,
    builtMilliseconds: built.add + built.graph + built.close,
    queryMilliseconds: quantile(times.slice(50), 0.5),
    residentBytes: after,
    leastBytes: size * 256 * 4 + text + links.reduce((sum, bytes) => sum + bytes, 0),
  })
}

const model = randomEncoder('minilm-l6')
const tokenize = tokenizerOf(model)
const encoder = await startContender(new URL('./contenders/pilotfish-encoder.ts', import.meta.url), { model, dtype: 'int8' })
const encoded: { documents: number; tokens: number; milliseconds: number }[] = []
for (const size of [100, ...list(values.encoded).filter((each) => each <= corpus.documents.length)]) {
  const texts = corpus.documents.slice(0, size).map(({ text }) => text)
  await encoder.ask('hold', texts)
  const milliseconds = await encoder.ask<number>('all', { batch: 0 })
  const sampled = texts.filter((_, i) => i % Math.ceil(size / 5_000) === 0)
  const tokens = Math.round((size * sampled.reduce((sum, text) => sum + Math.min(256, tokenize(text).length), 0)) / sampled.length)
  // The first is for warming up.
  if (size !== 100) encoded.push({ documents: size, tokens, milliseconds })
}
await encoder.close()

const random = randomNumbers(3)
const words = [...new Set(questions.flatMap((text) => text.toLowerCase().split(/\W+/)))]
const routed = [10, 20, 50, 100].map((experts) => {
  const router = textRouter(
    Array.from({ length: experts }, (_, i) => ({ expert: `expert-${i}`, pilots: Array.from({ length: 50 }, pilot) })),
  )
  const times = questions.map((text) => {
    const query = { text, vector: vector() }
    const start = performance.now()
    router.route(query)
    return performance.now() - start
  })
  return { experts, milliseconds: quantile(times.slice(50), 0.5) }
})

const fits: Record<string, Growth> = {
  'indexing against tokens, bundled base': growth(
    collections.map(({ tokens, addMilliseconds }) => ({ size: tokens, value: addMilliseconds })),
  ),
  'encoding against tokens, MiniLM int8': growth(encoded.map(({ tokens, milliseconds }) => ({ size: tokens, value: milliseconds }))),
  'a query against documents': growth(
    collections.map(({ documents, queryMilliseconds }) => ({ size: documents, value: queryMilliseconds })),
  ),
  'routing against experts': growth(routed.map(({ experts, milliseconds }) => ({ size: experts, value: milliseconds }))),
}
// Between the two largest: what an engine takes without documents is left aside.
const [smaller, larger] = collections.slice(-2) as [Collection, Collection]
const perDocument = (of: (each: Collection) => number): number => (of(larger) - of(smaller)) / (larger.documents - smaller.documents)
const memory = { resident: perDocument(({ residentBytes }) => residentBytes), least: perDocument(({ leastBytes }) => leastBytes) }
report({
  ratios: {
    'indexing-exponent': fits['indexing against tokens, bundled base']!.exponent,
    'encoding-exponent': fits['encoding against tokens, MiniLM int8']!.exponent,
    'query-exponent': fits['a query against documents']!.exponent,
    'routing-exponent': fits['routing against experts']!.exponent,
    'memory-vs-least': memory.resident / memory.least,
  },
  figures: { bytesPerDocument: memory, collections, encoded, routed, fits },
  data: `${corpus.source}; bundled base and experts; MiniLM-L6 shape, random weights, int8; routers of 50 pilots an expert in 384 dimensions with their texts`,
  tables: [
    table(
      ['collection', 'tokens', 'added in s', 'µs a token', 'complete in s', 'a query, ms', 'resident MB', 'vectors + text + graph, MB'],
      collections.map((each) => [
        `${each.documents.toLocaleString('en')} documents`,
        Math.round(each.tokens),
        each.addMilliseconds / 1000,
        (1000 * each.addMilliseconds) / each.tokens,
        each.builtMilliseconds / 1000,
        each.queryMilliseconds,
        each.residentBytes / 2 ** 20,
        each.leastBytes / 2 ** 20,
      ]),
    ),
    table(
      ['encoding, MiniLM int8', 'tokens', 's', 'µs a token'],
      encoded.map(({ documents, tokens, milliseconds }) => [
        `${documents.toLocaleString('en')} documents`,
        tokens,
        milliseconds / 1000,
        (1000 * milliseconds) / tokens,
      ]),
    ),
    table(
      ['routing', 'ms a query'],
      routed.map(({ experts, milliseconds }) => [`${experts} experts of 50 pilots`, milliseconds]),
    ),
    table(
      ['growth', 'exponent', 'R² of a line'],
      Object.entries(fits).map(([name, { exponent, r2 }]) => [name, exponent, r2.toFixed(4)]),
    ),
  ],
  missing,
})

function pilot(): Pilot {
  const text = Array.from({ length: 8 }, () => words[Math.floor(random() * words.length)]!).join(' ')
  return { vector: vector(), text }
}

function vector(): Float32Array {
  const values = Float32Array.from({ length: 384 }, () => random() - 0.5)
  const length = Math.hypot(...values)
  return values.map((value) => value / length)
}
