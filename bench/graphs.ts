/**
 * Is there a better graph library than hnswlib-node? Bare libraries on the same real vectors: building, and searching at equal recall.
 *
 *     npm run bench -- graphs [--json FILE] [--data DIR…] [--documents 50000] [--queries 400] [--recall 0.99]
 *
 * usearch joins where it is installed: `npm install --no-save --prefix bench/peers usearch@2.25.3`.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bareGraph, graphSettings } from './contenders/bare-graph.ts'
import { readCorpus } from './harness/corpus.ts'
import { exactNeighbours } from './harness/exact.ts'
import { interleaved } from './harness/interleaved.ts'
import { narrowest } from './harness/ladder.ts'
import { report } from './harness/report.ts'
import { table } from './harness/table.ts'
import { bundledBase, readVectors, vectorsOf } from './harness/vectors.ts'
import { peer } from './peers/package-of.ts'

const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true },
    documents: { type: 'string', default: '50000' },
    queries: { type: 'string', default: '400' },
    recall: { type: 'string', default: '0.99' },
  },
})
const k = 10
const rounds = 5
const threads = availableParallelism()

/** A graph that was built and saved. */
interface Contender {
  readonly name: string
  readonly seconds: number
  readonly megabytes: number
  /** From now on searches keep so many candidates in view. */
  tune(breadth: number): void
  search(query: Float32Array): number[]
}

/** What is used of usearch. */
interface Usearch {
  readonly Index: new (settings: object) => {
    add(keys: BigUint64Array, vectors: Float32Array, threads: number): void
    search(query: Float32Array, k: number, threads: number): { readonly keys: BigUint64Array }
    save(path: string): void
    load(path: string): void
  }
}

const corpus = await readCorpus(values.data)
const texts = corpus.documents.slice(0, Number(values.documents)).map(({ text }) => text)
const asked = [...new Set(corpus.queries.map(({ text }) => text))].slice(0, Number(values.queries))
const documents = readVectors(await vectorsOf(texts, bundledBase))
const queries = readVectors(await vectorsOf(asked, bundledBase))
const dimensions = documents[0]!.length
const exact = queries.map((query) => exactNeighbours(documents, query, k))
const folder = mkdtempSync(join(tmpdir(), 'graphs-'))

const contenders = [withHnswlib()]
const usearch = await peer<{ default: Usearch }>('./node_modules/usearch/javascript/dist/esm/usearch.js').catch(() => undefined)
if (usearch) {
  for (const [kept, using] of [
    ['f32', 1],
    ['f16', 1],
    ['f16', threads],
    ['i8', 1],
  ] as const)
    contenders.push(withUsearch(usearch.default, kept, using))
}

const found: Record<string, { breadth: number; recall: number }> = {}
for (const contender of contenders) {
  found[contender.name] = await narrowest(Number(values.recall), exact, async (breadth) => {
    contender.tune(breadth)
    return queries.map(contender.search)
  })
  contender.tune(found[contender.name]!.breadth)
}
const times = await interleaved(Object.fromEntries(contenders.map(({ name, search }) => [name, async () => queries.map(search)])), {
  rounds,
  warmUp: 1,
})
rmSync(folder, { recursive: true })

const first = contenders[0]!
const perSecond = (name: string): number => (1000 * queries.length) / times[name]!
report({
  ratios: Object.fromEntries(
    contenders.slice(1).flatMap(({ name, seconds }) => [
      [`${name}: build`, first.seconds / seconds],
      [`${name}: search`, perSecond(name) / perSecond(first.name)],
    ]),
  ),
  figures: {
    dimensions,
    ...graphSettings,
    graphs: contenders.map(({ name, seconds, megabytes }) => ({ name, seconds, megabytes, ...found[name], perSecond: perSecond(name) })),
  },
  data: `${asked.length} questions over ${texts.length} of ${corpus.source}; ${dimensions} dimensions by ${bundledBase.name}; k ${k}; ${rounds} rounds`,
  missing: usearch ? [] : ['usearch is not installed: npm install --no-save --prefix bench/peers usearch@2.25.3'],
  tables: [
    table(
      ['graph', 'built in s', 'file in MB', 'ef', 'recall@10', 'queries per second', 'against the first'],
      contenders.map(({ name, seconds, megabytes }) => [
        name,
        seconds,
        megabytes,
        found[name]!.breadth,
        found[name]!.recall.toFixed(4),
        perSecond(name),
        `${(perSecond(name) / perSecond(first.name)).toFixed(2)} ×`,
      ]),
    ),
  ],
})

function withHnswlib(): Contender {
  const begun = performance.now()
  const index = bareGraph(documents)
  const seconds = (performance.now() - begun) / 1000
  const path = join(folder, 'hnswlib')
  index.writeIndexSync(path)
  return {
    name: 'hnswlib-node',
    seconds,
    megabytes: statSync(path).size / 1e6,
    tune: (breadth) => index.setEf(breadth),
    search: (query) => index.searchKnn(Array.from(query), k).neighbors,
  }
}

function withUsearch({ Index }: Usearch, kept: string, using: number): Contender {
  const settings = {
    dimensions,
    metric: 'ip',
    quantization: kept,
    connectivity: graphSettings.m,
    expansion_add: graphSettings.efConstruction,
    multi: false,
  }
  const opened = (breadth: number): InstanceType<typeof Index> => new Index({ ...settings, expansion_search: breadth })
  const all = new Float32Array(documents.length * dimensions)
  for (const [place, vector] of documents.entries()) all.set(vector, place * dimensions)
  const built = opened(64)
  const begun = performance.now()
  built.add(
    BigUint64Array.from(documents, (_, place) => BigInt(place)),
    all,
    using,
  )
  const seconds = (performance.now() - begun) / 1000
  const path = join(folder, `usearch-${kept}-${using}`)
  built.save(path)
  let index = built
  return {
    name: `usearch, ${kept}, ${using} building`,
    seconds,
    megabytes: statSync(path).size / 1e6,
    // The breadth is fixed when an index is made.
    tune(breadth) {
      index = opened(breadth)
      index.load(path)
    },
    search: (query) => Array.from(index.search(query, k, 1).keys, Number),
  }
}
