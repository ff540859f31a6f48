/**
 * Where does the graph begin to pay, what does a filter cost, and what does BM25 cost?
 *
 *     npm run bench -- store [--json FILE] [documents] [dimensions]
 *
 * Times are medians of one query at a time, worker hop included. Read the ratios: they carry over to other machines.
 */
import { embeddedStore, memoryStore, type Filter, type Store, type StoreEntry, type StoreQuery, type Vector } from 'pilotfish'
import { median as middle } from './harness/interleaved.ts'
import { commit, machine, report } from './harness/report.ts'

const [documents = 40_000, dimensions = 256] = process.argv.slice(2).map(Number)
const seed = 1
const repeats = 60
let nextId = 0

const random = randomNumbers(seed)
const centres = Array.from({ length: 300 }, () => Float32Array.from({ length: dimensions }, () => random() - 0.5))
const vocabulary = Array.from({ length: 20_000 }, (_, i) => `w${i.toString(36)}`)

console.log(`# ${machine()}, commit ${commit()}, seed ${seed}`)
console.log(`# seeded synthetic documents: clustered vectors of ${dimensions} dimensions, 40 words each by Zipf's law\n`)

console.log('Scan and graph side by side (k = 10)')
console.log(row('vectors', 'scan ms', 'graph ms', 'scan / graph', 'recall@10'))
const scanned = await embeddedStore(':memory:', { graphFrom: Infinity })
const store = await embeddedStore(':memory:', { graphFrom: 0 })
let queries: StoreQuery[] = []
let stored = 0
const sizes: { size: number; scan: number; graph: number; recall: number }[] = []
for (const size of [...new Set([1_000, 2_500, 5_000, 10_000, 20_000, documents])].filter((size) => size <= documents)) {
  const entries = made(size - stored)
  for (const each of [scanned, store]) await fill(each, entries)
  stored = size
  queries = Array.from({ length: repeats }, () => dense(vector()))
  await settled(store, queries[0]!)
  const exact = (await scanned.search(queries)).map(({ candidates }) => candidates.map(({ id }) => id))
  const found = (await store.search(queries)).map(({ candidates }) => new Set(candidates.map(({ id }) => id)))
  const hits = exact.flatMap((ids, i) => ids.filter((id) => found[i]!.has(id))).length
  const [scan, graph] = [await median(scanned, queries), await median(store, queries)]
  sizes.push({ size, scan, graph, recall: hits / exact.flat().length })
  console.log(row(size, scan, graph, scan / graph, hits / exact.flat().length))
}
await scanned.close()

console.log('\nFilters (k = 10), against the same search without one')
console.log(row('selects', 'first ms', 'again ms', 'again / none', ''))
const unfiltered = await median(store, queries)
for (const share of [0.001, 0.01, 0.1, 0.5, 1]) {
  const filtered = (least: number): Filter => ({ n: { $gte: least, $lt: least + share * 1000 } })
  const first = await median(
    store,
    queries.map((query, i) => ({ ...query, filter: filtered(share === 1 ? -i : (i * 7) % (1000 - share * 1000)) })),
  )
  const again = await median(
    store,
    queries.map((query) => ({ ...query, filter: filtered(0) })),
  )
  console.log(row(`${share * 100} %`, first, again, again / unfiltered, ''))
}

console.log('\nBM25 (k = 100, 8 words), alone and beside a dense part')
console.log(row('parts', 'ms', '', '/ dense', ''))
const texts = Array.from({ length: repeats }, () => text(8))
const denseTime = await median(
  store,
  queries.map((query) => ({ ...query, topK: 100 })),
)
const lexicalTime = await median(
  store,
  texts.map((words) => ({ vectors: [], text: words, topK: 100 })),
)
const bothTime = await median(
  store,
  queries.map((query, i) => ({ ...query, text: texts[i]!, topK: 100 })),
)
console.log(row('dense', denseTime, '', 1, ''))
console.log(row('BM25', lexicalTime, '', lexicalTime / denseTime, ''))
console.log(row('both', bothTime, '', bothTime / denseTime, ''))

console.log('\nOne query at a time and all in one call (both parts), and the plain in-memory reference')
const all = queries.map((query, i) => ({ ...query, text: texts[i]!, topK: 100 }))
const begun = performance.now()
await store.search(all)
const together = (performance.now() - begun) / repeats
const plain = memoryStore()
await fill(plain, made(Math.min(documents, 5_000)))
console.log(row('one', bothTime, '', 1, ''))
console.log(row('in one call', together, '', together / bothTime, ''))
console.log(row('reference, 5,000', await median(plain, all.slice(0, 5)), '', '', ''))

await store.close()
await plain.close()
const largest = sizes.at(-1)!
report({
  ratios: { scanToGraph: largest.scan / largest.graph, lexicalToDense: lexicalTime / denseTime, togetherToOne: together / bothTime },
  figures: { documents, dimensions, seed, sizes, milliseconds: { dense: denseTime, lexical: lexicalTime, both: bothTime, together } },
})

/** Median milliseconds of a query, after a few to warm up. */
async function median(of: Store, queries: readonly StoreQuery[]): Promise<number> {
  for (const query of queries.slice(0, 5)) await of.search([query])
  const times: number[] = []
  for (const query of queries) {
    const begun = performance.now()
    await of.search([query])
    times.push(performance.now() - begun)
  }
  return middle(times)
}

/** Waits until the graph, which is built in the background, is complete: until then slices of building hold queries up. */
async function settled(of: Store, query: StoreQuery): Promise<void> {
  for (let quick = 0; quick < 8;) {
    await new Promise((resolve) => setTimeout(resolve, 200))
    const begun = performance.now()
    await of.search([query])
    quick = performance.now() - begun < 3 ? quick + 1 : 0
  }
}

function made(count: number): StoreEntry[] {
  return Array.from({ length: count }, (): StoreEntry => {
    const id = `d${nextId++}`
    return { document: { id, text: text(40), metadata: { n: Math.floor(random() * 1000) } }, hash: id, vectors: { base: vector() } }
  })
}
async function fill(of: Store, entries: readonly StoreEntry[]): Promise<void> {
  for (let at = 0; at < entries.length; at += 1000) await of.upsert(entries.slice(at, at + 1000))
}

function dense(asked: Vector): StoreQuery {
  return { vectors: [{ space: 'base', vector: asked }], topK: 10 }
}

function vector(): Vector {
  const centre = centres[Math.floor(random() * centres.length)]!
  const values = centre.map((value) => value + (random() - 0.5) * 1.2)
  const length = Math.hypot(...values)
  return values.map((value) => value / length)
}

function text(words: number): string {
  return Array.from({ length: words }, () => vocabulary[Math.floor(vocabulary.length ** random()) - 1]!).join(' ')
}

function randomNumbers(start: number): () => number {
  let state = start
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function row(...cells: readonly (string | number)[]): string {
  return cells.map((cell) => (typeof cell === 'number' && !Number.isInteger(cell) ? cell.toFixed(3) : String(cell)).padStart(14)).join('')
}
