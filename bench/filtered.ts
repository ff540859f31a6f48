/**
 * What does a filter cost, by the share of documents it lets through?
 *
 *     npm run bench -- filtered [--json FILE] [--data DIR…] [--documents 50000] [--rounds 60]
 *
 * `vs-unfiltered` is a filter through which one document in a thousand passes and that has not been asked before, against the same search
 * without one; recall is that of such filters against all documents that pass.
 */
import { parseArgs } from 'node:util'
import { embeddedStore, type Filter, type StoreQuery } from 'pilotfish'
import { readCorpus } from './harness/corpus.ts'
import { exactNeighbours, recallOf } from './harness/exact.ts'
import { interleaved } from './harness/interleaved.ts'
import { randomNumbers } from './harness/random.ts'
import { report } from './harness/report.ts'
import { settled } from './harness/settled.ts'
import { table } from './harness/table.ts'
import { bundledBase, readVectors, vectorsOf } from './harness/vectors.ts'

const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true },
    documents: { type: 'string', default: '50000' },
    rounds: { type: 'string', default: '60' },
  },
})
const [k, kinds] = [10, 1_000]
const corpus = await readCorpus(values.data)
const texts = corpus.documents.slice(0, Number(values.documents)).map(({ text }) => text)
const asked = [...new Set(corpus.queries.map(({ text }) => text))].slice(0, 100)
const vectors = readVectors(await vectorsOf(texts, bundledBase))
const queries = readVectors(await vectorsOf(asked, bundledBase))
const random = randomNumbers(7)
const kind = texts.map(() => Math.floor(random() * kinds))

const store = await embeddedStore(':memory:')
for (let at = 0; at < vectors.length; at += 1_000) {
  await store.upsert(
    vectors.slice(at, at + 1_000).map((vector, i) => ({
      document: { id: String(at + i), text: '', metadata: { kind: kind[at + i]! } },
      hash: String(at + i),
      vectors: { base: vector },
    })),
  )
}
await settled()

const shares = { '1/1000': 1, '1/100': 10, '1/10': 100, '1/2': 500 } as const
type Share = keyof typeof shares
const asks = (i: number, filter?: Filter): StoreQuery => ({
  vectors: [{ space: 'base', vector: queries[i % queries.length]! }],
  topK: k,
  ...(filter && { filter }),
})
const span = (from: number, width: number): Filter => (width === 1 ? { kind: from } : { kind: { $gte: from, $lt: from + width } })
const find = async (query: StoreQuery): Promise<number[]> => (await store.search([query]))[0]!.candidates.map(({ id }) => Number(id))

const recalls = { none: 0 } as Record<Share | 'none', number>
const unfiltered = queries.map((query) => exactNeighbours(vectors, query, k))
recalls.none = recallOf(await each(queries.length, (i) => find(asks(i))), unfiltered)
for (const [share, width] of Object.entries(shares) as [Share, number][]) {
  const from = (i: number): number => (i * 37) % (kinds - width)
  const exact = queries.map((query, i) =>
    exactNeighbours(vectors, query, k, (place) => kind[place]! >= from(i) && kind[place]! < from(i) + width),
  )
  recalls[share] = recallOf(await each(queries.length, (i) => find(asks(i, span(from(i), width)))), exact)
}

// Every first asking is of a filter of its own: 1/1000 has a thousand of them, which the recall above has partly asked.
let turn = 0
const ways: Record<string, () => Promise<unknown>> = { 'no filter': () => store.search([asks(turn++)]) }
for (const [share, width] of Object.entries(shares)) {
  let next = 0
  ways[`${share}, first`] = () => store.search([asks(turn++, span(500 + ((next++ * 13) % (500 - Math.min(width, 499))), width))])
  ways[`${share}, again`] = () => store.search([asks(turn++, span(400, width))])
}
const ms = await interleaved(ways, { rounds: Number(values.rounds), warmUp: 8 })
await store.close()

report({
  ratios: {
    'vs-unfiltered': ms['1/1000, first']! / ms['no filter']!,
    'again-vs-unfiltered': ms['1/1000, again']! / ms['no filter']!,
    recall: recalls['1/1000'],
    'least-recall': Math.min(...Object.values(recalls)),
  },
  figures: { documents: texts.length, milliseconds: ms, recall: recalls },
  data:
    `${texts.length} of ${corpus.source}, 256 dimensions by ${bundledBase.name}, a whole number below ${kinds} as metadata (seed 7); one question ` +
    `at a time, k ${k}, ${values.rounds} rounds`,
  tables: [
    table(
      ['documents that pass', 'first time, ms', 'against no filter', 'again, ms', 'against no filter', 'recall@10'],
      [
        ['all (no filter)', ms['no filter']!, '1.00 ×', '', '', recalls.none.toFixed(4)],
        ...(Object.keys(shares) as Share[]).map((share) => [
          share,
          ms[`${share}, first`]!,
          `${(ms[`${share}, first`]! / ms['no filter']!).toFixed(2)} ×`,
          ms[`${share}, again`]!,
          `${(ms[`${share}, again`]! / ms['no filter']!).toFixed(2)} ×`,
          recalls[share].toFixed(4),
        ]),
      ],
    ),
  ],
})

async function each<T>(count: number, work: (i: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  for (let i = 0; i < count; i++) results.push(await work(i))
  return results
}
