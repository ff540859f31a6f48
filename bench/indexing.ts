/**
 * How many documents a second are embedded, next to every peer at the best of its options and next to bare onnxruntime?
 *
 *     npm run bench -- indexing [--json FILE] [--data DIR…] [--documents 192] [--rounds 5] [--add 768]
 *
 * All run the same random-weight model of MiniLM-L6's shape on the same documents of 20 to 256 tokens, each in a process of its own, one at
 * a time. First every option of every peer has one round; those within a sixth of the fastest, and what ratios are named after, have the others.
 */
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { peersInstalled, howToInstall } from './peers/package-of.ts'
import { startContender, type Contender } from './harness/contender.ts'
import { leastCosine } from './harness/agreement.ts'
import { readCorpus } from './harness/corpus.ts'
import { randomEncoder } from './harness/encoder.ts'
import { textsOfTokens } from './harness/lengths.ts'
import { report } from './harness/report.ts'
import { quantile, spread, type Spread } from './harness/statistics.ts'
import { table } from './harness/table.ts'
import { tokenizerOf } from './harness/tokens.ts'
import { inTurn } from './harness/turns.ts'

const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true },
    documents: { type: 'string', default: '192' },
    rounds: { type: 'string', default: '5' },
    add: { type: 'string', default: '768' },
  },
})
const count = Number(values.documents)
const rounds = Number(values.rounds)
const added = Number(values.add)
const model = randomEncoder('minilm-l6')
const { documents, source } = await readCorpus(values.data)
const tokenize = tokenizerOf(model)
const texts = textsOfTokens(documents, count + added, { tokenize, least: 20, most: 256 })
const [round, further] = [texts.slice(0, count), texts.slice(count)]
const lengths = round.map((text) => tokenize(text).length)
const missing: string[] = peersInstalled ? [] : [howToInstall]

/** One line of the table: a contender, and how it is asked. */
interface Row {
  readonly name: string
  readonly contender: Contender
  /** Documents a round: fewer where a contender is far behind. */
  readonly count: number
  readonly batch: number
  readonly kind: 'ours' | 'peer' | 'floor'
}

const rows: Row[] = []
const cosines: Record<string, number> = {}
const open: Contender[] = []

const ours = await enter('pilotfish, fp32', new URL('./contenders/pilotfish-encoder.ts', import.meta.url), { dtype: 'fp32' }, [0], 'ours')
const reference = await ours!.ask<Float32Array[]>('vectors', { texts: round.slice(0, 64), batch: 0 })
await enter('pilotfish, int8', new URL('./contenders/pilotfish-encoder.ts', import.meta.url), { dtype: 'int8' }, [0], 'ours')
const bare = new URL('./contenders/bare-onnxruntime.ts', import.meta.url)
for (const [name, setup] of [
  ['bare onnxruntime, 2 threads of one session', { workers: 1, threads: 2, spin: true }],
  ['bare onnxruntime, 2 sessions of one thread', { workers: 2, threads: 1, spin: false }],
] as const) {
  await enter(name, bare, { dtype: 'fp32', ...setup }, [0], 'floor')
}
const batches = [1, 8, 32, 128]
await enter('transformers.js', new URL('./peers/transformersjs.ts', import.meta.url), {}, batches, 'peer')
if (peersInstalled) {
  await enter('HuggingFaceTransformersEmbeddings', new URL('./peers/langchain.ts', import.meta.url), {}, [...batches, 512], 'peer')
  await enter('HuggingFaceEmbedding (LlamaIndex)', new URL('./peers/llamaindex.ts', import.meta.url), {}, [10], 'peer')
  await enter('fastembed', new URL('./peers/fastembed.ts', import.meta.url), {}, [32], 'peer', 32)
}

// A first, shorter round of everything tells which are worth more.
const few = 128
const first = await inTurn(ways(rows, few), 1, { pause: 450 })
const fastest = Math.max(...rows.filter(({ kind }) => kind === 'peer').map((row) => speed(row, first)))
const kept = rows.filter((row) => row.kind !== 'peer' || row.name === 'transformers.js, 32' || speed(row, first) > fastest / 1.17)
const times = await inTurn(ways(kept), rounds, { pause: 450 })
for (const [name, values] of first) if (!times.has(name)) times.set(name, values)

const speeds = new Map(rows.map((row) => [row.name, spread(times.get(row.name)!.map((seconds) => 1 / seconds))]))
const best = (kind: Row['kind']): Row =>
  rows.filter((row) => row.kind === kind && times.get(row.name)!.length === rounds).sort((a, b) => of(b) - of(a))[0]!
const of = ({ name }: { readonly name: string }): number => speeds.get(name)!.median
const peer = best('peer')
const floor = best('floor')
const fp32 = of({ name: 'pilotfish, fp32' })

// Alone, as indexing is: nobody else's memory is in the way.
for (const contender of open) if (contender !== ours) await contender.close()
await ours!.ask('hold', further)
const parts = { encode: [] as number[], add: [] as number[] }
for (let i = 0; i < 3; i++) {
  for (const way of i % 2 === 0 ? (['encode', 'add'] as const) : (['add', 'encode'] as const))
    parts[way].push(await ours!.ask<number>(way === 'encode' ? 'all' : 'add', way === 'encode' ? { batch: 0 } : further))
}
const committed = await ours!.ask<number>('commit', further)
await ours!.close()
const began = performance.now()
for (const text of further) tokenize(text)
const tokenized = performance.now() - began
/** Where the time of a document goes, in milliseconds of one. */
const perDocument = {
  'tokenised by the library alone, on one thread': tokenized / added,
  embedded: quantile(parts.encode, 0.5) / added,
  'committed to disk alone, its vector at hand': committed / added,
  'added: embedded and committed': quantile(parts.add, 0.5) / added,
}

report({
  ratios: {
    'vs-transformersjs-32': fp32 / of({ name: 'transformers.js, 32' }),
    'vs-best-peer': fp32 / of(peer),
    'vs-floor': fp32 / of(floor),
    'int8-vs-best-peer': of({ name: 'pilotfish, int8' }) / of(peer),
    'add-vs-encode': quantile(parts.encode, 0.5) / quantile(parts.add, 0.5),
  },
  figures: {
    documents: count,
    added,
    bestPeer: peer.name,
    floor: floor.name,
    documentsPerSecond: Object.fromEntries(speeds),
    addedPerSecond: Object.fromEntries(
      Object.entries(parts).map(([way, values]) => [way, spread(values.map((ms) => (1000 * added) / ms))]),
    ),
    leastCosine: cosines,
    millisecondsPerDocument: perDocument,
  },
  data:
    `MiniLM-L6 shape, random weights; ${count} documents of ${Math.min(...lengths)} to ${Math.max(...lengths)} tokens ` +
    `(median ${quantile(lengths, 0.5)}) in arrival order; ${source}; ${rounds} rounds`,
  tables: [
    table(
      ['documents per second', 'median', 'quartiles', 'rounds', 'against pilotfish fp32', 'least cosine to it'],
      [...rows].sort((a, b) => of(b) - of(a)).map(({ name, count }) => line(name, speeds.get(name)!, cosines[name], count)),
    ),
    table(
      [`${added} documents, per second`, 'median', 'quartiles'],
      Object.entries(parts).map(([way, values]) => {
        const { median, from, to } = spread(values.map((ms) => (1000 * added) / ms))
        return [way === 'encode' ? 'encoder alone' : '`add` into an index on disk', median, `${from.toFixed(1)}–${to.toFixed(1)}`]
      }),
    ),
    table(['where a document spends it', 'ms'], Object.entries(perDocument)),
  ],
  missing,
})

/** Opens a contender and compares its vectors with ours; what cannot be opened is left out and said so. */
async function enter(
  name: string,
  file: URL,
  setup: object,
  batches: readonly number[],
  kind: Row['kind'],
  most = count,
): Promise<Contender | undefined> {
  try {
    const contender = await startContender(file, { model, ...setup })
    open.push(contender)
    const held = round.slice(0, most)
    const names = batches.map((batch) => (batches.length === 1 ? name : `${name}, ${batch}`))
    await contender.ask('hold', kind === 'floor' ? { texts: held, budget: 512 } : held)
    if (kind === 'peer' || name === 'pilotfish, int8') {
      const made = await contender.ask<Float32Array[]>('vectors', { texts: round.slice(0, 64), batch: Math.min(32, batches.at(-1)!) })
      for (const each of names) cosines[each] = leastCosine(made, reference)
    }
    // Warm: sessions have seen their largest shape, functions are compiled.
    if (kind !== 'peer') await contender.ask('all', { batch: 0 })
    for (const [i, batch] of batches.entries()) rows.push({ name: names[i]!, contender, count: held.length, batch, kind })
    return contender
  } catch (error) {
    if (kind !== 'peer') throw error
    missing.push(`${name}: ${(error as Error).message.split('\n')[0]}`)
    return undefined
  }
}

/** Seconds a document, for each. Floors, and what would not fill a batch, are given all. */
function ways(of: readonly Row[], few = Infinity): (readonly [string, () => Promise<number>])[] {
  return of.map(({ name, contender, batch, kind, count }) => {
    const given = kind === 'floor' || batch > few ? count : Math.min(few, count)
    return [name, async () => (await contender.ask<number>('all', { batch, count: given })) / 1000 / given] as const
  })
}

function speed({ name }: Row, times: ReadonlyMap<string, readonly number[]>): number {
  return 1 / quantile(times.get(name)!, 0.5)
}

function line(name: string, { median, from, to, rounds }: Spread, cosine: number | undefined, documents: number): (string | number)[] {
  const less = documents < count ? ` (${documents} documents)` : ''
  return [
    name + less,
    median,
    `${from.toFixed(1)}–${to.toFixed(1)}`,
    String(rounds),
    `${(median / fp32).toFixed(2)} ×`,
    cosine?.toFixed(6) ?? '',
  ]
}
