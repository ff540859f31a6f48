/**
 * Does a search in the embedded store cost what the same search costs hnswlib, at the same recall? And what do others take?
 *
 *     npm run bench -- search [--json FILE] [--data DIR…] [--documents 50000] [--queries 400] [--model DIR]
 *
 * Vectors of real documents and questions by the bundled base, which is trained (or by an ONNX model of your own). `vs-floor` is throughput: all
 * questions in one call of the store, against a loop over bare hnswlib with the narrowest search that finds as much.
 */
import { parseArgs } from 'node:util'
import { startContender, type Contender } from './harness/contender.ts'
import { readCorpus } from './harness/corpus.ts'
import { exactNeighbours, recallOf } from './harness/exact.ts'
import { narrowest } from './harness/ladder.ts'
import { report } from './harness/report.ts'
import type { Searched, SearchRound, SearchSetup } from './harness/serve-search.ts'
import { spread } from './harness/statistics.ts'
import { table } from './harness/table.ts'
import { inTurn } from './harness/turns.ts'
import { bundledBase, modelAt, readVectors, vectorsOf } from './harness/vectors.ts'
import { howToInstall, peersInstalled } from './peers/package-of.ts'

const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true },
    documents: { type: 'string', default: '50000' },
    queries: { type: 'string', default: '400' },
    rounds: { type: 'string', default: '9' },
    model: { type: 'string' },
  },
})
const k = 10
const rounds = Number(values.rounds)
const maker = values.model === undefined ? bundledBase : modelAt(values.model)
const corpus = await readCorpus(values.data)
const texts = corpus.documents.slice(0, Number(values.documents)).map(({ text }) => text)
const asked = [...new Set(corpus.queries.map(({ text }) => text))].slice(0, Number(values.queries))
const setup: SearchSetup = { vectors: await vectorsOf(texts, maker), queries: await vectorsOf(asked, maker) }
const documents = readVectors(setup.vectors)
const exact = readVectors(setup.queries).map((query) => exactNeighbours(documents, query, k))
const missing = peersInstalled ? [] : [howToInstall]

const file = (name: string): URL => new URL(name, import.meta.url)
// Each fills its collection on a core of its own.
const [store, bare] = await Promise.all([
  startContender(file('./contenders/pilotfish-store.ts'), setup),
  startContender(file('./contenders/bare-hnswlib.ts'), setup),
])
const all: SearchRound = { from: 0, to: asked.length, k }
// The planner has learned what this machine takes before anything is counted.
await store.ask('one', all)
const found = await store.ask<Searched>('one', all)
const recall = recallOf(found.found, exact)
const tuned = await narrowest(recall, exact, async (breadth) => (await bare.ask<Searched>('one', { ...all, breadth })).found)
const floorRound: SearchRound = { ...all, breadth: tuned.breadth }
const perSecond = async (answer: Promise<Searched>): Promise<number> => {
  const { milliseconds, found } = await answer
  return (1000 * found.length) / milliseconds
}
const ways = [
  ['pilotfish, all in one call', () => perSecond(store.ask('many', all))],
  ['pilotfish, one at a time', () => perSecond(store.ask('one', all))],
  ['bare hnswlib-node', () => perSecond(bare.ask('one', floorRound))],
] as const
await inTurn(ways, 1)
const speeds = new Map([...(await inTurn(ways, rounds))].map(([name, of]) => [name as string, spread(of)]))
const built = { pilotfish: await store.ask<number>('built'), 'bare hnswlib-node': await bare.ask<number>('built') }
await store.close()
await bare.close()

interface Peer {
  readonly name: string
  readonly speed: ReturnType<typeof spread>
  readonly recall: number
  readonly built: number
}
const peers: Peer[] = []
await measure('MemoryVectorStore', './peers/memory-vector-store.ts', 12)
await measure('SimpleVectorStore', './peers/simple-vector-store.ts', 12)
if (peersInstalled) {
  await measure('HNSWLib (community)', './peers/community-hnswlib.ts', asked.length)
  await measure('vectra', './peers/vectra.ts', 6)
  await measure('LanceDB, scan', './peers/lancedb.ts', 60)
  await measure('LanceDB, HNSW-SQ', './peers/lancedb.ts', 200, { index: true })
}

const speed = (name: string): number => speeds.get(name)!.median
report({
  ratios: {
    'vs-floor': speed('pilotfish, all in one call') / speed('bare hnswlib-node'),
    'one-at-a-time-vs-floor': speed('pilotfish, one at a time') / speed('bare hnswlib-node'),
    recall,
    'floor-recall': tuned.recall,
  },
  figures: {
    documents: texts.length,
    queries: asked.length,
    dimensions: setup.vectors.dimensions,
    floorEf: tuned.breadth,
    queriesPerSecond: Object.fromEntries(speeds),
    buildMilliseconds: built,
    peers,
  },
  data:
    `${asked.length} questions over ${texts.length} of ${corpus.source}; ${setup.vectors.dimensions} dimensions by ${maker.name}; k ${k}; ` +
    `floor at ef ${tuned.breadth}; ${rounds} rounds`,
  tables: [
    table(
      ['queries per second', 'median', 'quartiles', 'recall@10', 'against the floor', 'filled in s'],
      [
        ...[...speeds].map(([name, { median, from, to }]) => [
          name,
          median,
          `${Math.round(from)}–${Math.round(to)}`,
          (name.startsWith('bare') ? tuned.recall : recall).toFixed(4),
          `${(median / speed('bare hnswlib-node')).toFixed(2)} ×`,
          (name.startsWith('bare') ? built['bare hnswlib-node'] : built.pilotfish) / 1000,
        ]),
        ...peers.map(({ name, speed: { median, from, to }, recall, built }) => [
          name,
          median,
          `${from.toFixed(1)}–${to.toFixed(1)}`,
          recall.toFixed(4),
          `${(median / speed('bare hnswlib-node')).toPrecision(2)} ×`,
          built / 1000,
        ]),
      ],
    ),
  ],
  missing,
})

/** A peer alone, asked the first of the questions three times. */
async function measure(name: string, path: string, count: number, options: object = {}): Promise<void> {
  let contender: Contender | undefined
  try {
    contender = await startContender(file(path), { ...setup, options })
    const round: SearchRound = { from: 0, to: Math.min(count, asked.length), k }
    const first = await contender.ask<Searched>('one', round)
    const speeds: number[] = []
    for (let i = 0; i < 3; i++) speeds.push(await perSecond(contender.ask('one', round)))
    peers.push({
      name,
      speed: spread(speeds),
      recall: recallOf(first.found, exact.slice(0, round.to)),
      built: await contender.ask('built'),
    })
  } catch (error) {
    missing.push(`${name}: ${(error as Error).message.split('\n')[0]}`)
  } finally {
    await contender?.close()
  }
}
