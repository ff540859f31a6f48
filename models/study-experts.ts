/**
 * What are the ways of making an expert worth on one transformer? Trains, for every domain of the bundled pack, an adapter, LoRA matrices and a
 * whole model of its own, and asks the test queries. Settings are chosen on held-out train queries.
 * `npm run study:experts -- --base DIR [--out FILE.json] [--data DIR] [--cache DIR] [--seed 1] [--domains bank,assistant] [--threads 2]`
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Encoder } from '../src/encoder/encoder.ts'
import { adaptedEncoder, lowRankAdapter } from '../src/encoder/adapted.ts'
import { peftFiles } from '../src/encoder/lora/peft.ts'
import { loraEncoder } from '../src/encoder/lora.ts'
import { rememberSource, sourceOf } from '../src/encoder/onnx/source.ts'
import { onnxEncoder } from '../src/encoder/onnx.ts'
import { readBeir, ndcg } from '../src/eval/index.ts'
import { loadPack } from '../src/load-pack.ts'
import { adapterFile, trainExpert, type TrainedExpert } from '../src/train/index.ts'
import { nearest } from '../src/train/ranking.ts'
import { random, shuffled } from '../src/train/random.ts'
import { recipes } from './training/recipes.ts'
import { readTrainingSet, type TrainingSet } from './training/sets.ts'
import { trainWholeModel } from './training/transformer/whole-model.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const { values: given } = parseArgs({
  options: {
    base: { type: 'string' },
    data: { type: 'string', default: join(here, '../../shared/data') },
    out: { type: 'string', default: join(here, '../.cache/study-experts.json') },
    cache: { type: 'string', default: join(here, '../.cache/study-experts') },
    seed: { type: 'string', default: '1' },
    domains: { type: 'string' },
    threads: { type: 'string', default: '2' },
    ways: { type: 'string', default: 'adapter,lora,model' },
  },
})
if (given.base === undefined) throw new Error('--base is the directory of an encoder that `npm run train:transformer` wrote.')
const baseDirectory = given.base
const seed = Number(given.seed)
const threads = Number(given.threads)
const ways = given.ways.split(',')
const recipe = recipes.bundled!
const wanted = given.domains?.split(',')
const domains = recipe.experts.filter(({ name }) => wanted === undefined || wanted.includes(name))

/** LoRA settings that are tried; the best on held-out queries are kept. */
const loraSweep = [{ rank: 32, rates: [2e-3] }]

interface Way {
  readonly test: number
  readonly heldOut: number
  readonly bytes: number
  readonly seconds: number
}
interface Row {
  readonly domain: string
  readonly set: string
  readonly late: boolean
  readonly queries: number
  readonly general: number
  readonly ways: Record<string, Way>
}

const plain = await onnxEncoder(baseDirectory, { threads })
const base = rememberSource({ ...plain, encode: remembering(plain) }, sourceOf(plain)!)
mkdirSync(given.cache, { recursive: true })
const rows: Row[] = existsSync(given.out) ? (JSON.parse(readFileSync(given.out, 'utf8')) as { rows: Row[] }).rows : []
const costs: Record<string, number> = {}
const { model: staticBase } = await loadPack(join(here, 'bundled'))

for (const { name, sets: names } of domains) {
  const sets = names.map((set) => readTrainingSet(given.data, set, seed))
  const foreign = recipe.sets.filter((set) => !names.includes(set)).flatMap((set) => strangers(set))
  const pairs = sets.map(({ documents, train, heldOut }) => ({ documents: documents.map(textOf), queries: train, heldOut }))
  const found: Record<string, { encoder: Encoder; documents: Encoder; heldOut: number; bytes: number; seconds: number }> = {}
  const common = { name, pairs, foreign, seed, force: true, base }

  if (ways.includes('adapter')) {
    await embedAll(sets)
    const started = performance.now()
    const trained = await trainExpert({ ...common, method: 'adapter', rates: [1e-3, 5e-3], steps: 400, folds: 0 })
    const adapter = lowRankAdapter({ ...trained.changes, dimensions: base.dimensions, id: name })
    found.adapter = {
      encoder: adaptedEncoder(plain, adapter),
      documents: base,
      heldOut: trained.heldOut.expert,
      bytes: adapterFile(trained.changes).length,
      seconds: (performance.now() - started) / 1000,
    }
    say(`${name}, adapter: held out ${percent(trained.heldOut.general)} → ${percent(trained.heldOut.expert)}`)
  }
  if (ways.includes('lora')) {
    await embedAll(sets)
    const started = performance.now()
    let best: TrainedExpert<Parameters<typeof loraEncoder>[1]> | undefined
    for (const settings of loraSweep) {
      const trained = await trainExpert({
        ...common,
        ...settings,
        method: 'lora',
        steps: 800,
        folds: 0,
        batchSize: 64,
        negatives: 256,
        threads,
      })
      say(
        `${name}, LoRA ${JSON.stringify(settings)}: held out ${percent(trained.heldOut.general)} → ${percent(trained.heldOut.expert)}, step ${trained.steps}`,
      )
      if (!best || trained.heldOut.expert > best.heldOut.expert) best = trained
    }
    found.lora = {
      encoder: await loraEncoder(plain, best!.changes),
      documents: base,
      heldOut: best!.heldOut.expert,
      bytes: [...peftFiles(best!.changes).values()].reduce((sum, file) => sum + file.length, 0),
      seconds: (performance.now() - started) / 1000,
    }
  }
  if (ways.includes('model')) {
    const started = performance.now()
    const trained = await trainWholeModel(sets, {
      base: baseDirectory,
      tokenize: (text) => staticBase!.tokenize(text, 256),
      threads,
      seed,
      say: (line) => say(`${name}, whole model: ${line}`),
    })
    const directory = join(given.cache, `model-${name}`)
    await trained.write(directory, join(here, 'bundled/base'))
    const encoder = await onnxEncoder(directory, { threads })
    found.model = {
      encoder,
      documents: encoder,
      heldOut: trained.heldOut,
      bytes: trained.bytes,
      seconds: (performance.now() - started) / 1000,
    }
  }

  for (const set of sets) {
    const { queries, grades } = await testOf(set.name)
    const documents = await vectorsOf(base, set.documents.map(textOf))
    const general = score(await vectorsOf(base, queries), documents, set, grades)
    const row: Row = {
      domain: name,
      set: set.name,
      late: recipe.late.includes(set.name),
      queries: queries.length,
      general,
      ways: { ...rows.find((old) => old.set === set.name)?.ways },
    }
    for (const [way, { encoder, documents: side, ...facts }] of Object.entries(found)) {
      const theirs = side === base ? documents : await vectorsOf(side, set.documents.map(textOf))
      row.ways[way] = { ...facts, test: score(await encoder.encode(queries), theirs, set, grades) }
    }
    rows.splice(rows.findIndex((old) => old.set === set.name) >>> 0, rows.some((old) => old.set === set.name) ? 1 : 0, row)
    if (!rows.includes(row)) rows.push(row)
    say(
      `${set.name}: general ${percent(general)}, ${Object.entries(row.ways)
        .map(([way, { test }]) => `${way} ${percent(test)}`)
        .join(', ')}`,
    )
  }
  const asked = (await testOf(sets[0]!.name)).queries.slice(0, 100)
  costs.general = await costOf(plain, asked)
  for (const [way, { encoder }] of Object.entries(found)) costs[way] = await costOf(encoder, asked)
  for (const { encoder } of Object.values(found)) await encoder.close()
  mkdirSync(dirname(given.out), { recursive: true })
  writeFileSync(given.out, `${JSON.stringify({ base: baseDirectory.split('/').at(-1), seed, costs, rows }, undefined, 2)}\n`)
}
await plain.close()
console.log(table())

/** Vectors that were made before are kept in files, by the encoder's and the text's names. */
function remembering(encoder: Encoder): Encoder['encode'] {
  const known = new Map<string, Float32Array>()
  return async (texts, options) => {
    const missing = [...new Set(texts.filter((text) => !known.has(text)))]
    const made = await encoder.encode(missing, options)
    missing.forEach((text, i) => known.set(text, made[i]!))
    return texts.map((text) => known.get(text)!)
  }
}

/** Embeds a collection before a clock starts: an index has done so. */
async function embedAll(sets: readonly TrainingSet[]): Promise<void> {
  for (const { documents } of sets) await base.encode(documents.map(textOf))
}

async function vectorsOf(encoder: Encoder, texts: readonly string[]): Promise<Float32Array[]> {
  return encoder.encode(texts)
}

/** 300 documents of another set, drawn. */
function strangers(name: string): string[] {
  const { documents } = readTrainingSet(given.data, name, seed)
  return shuffled(documents, random(seed, 3)).slice(0, 300).map(textOf)
}

async function testOf(name: string): Promise<{ queries: string[]; grades: ReadonlyMap<string, number>[] }> {
  const set = await readBeir(join(given.data, name))
  const qrels = [...(await set.qrels('test'))]
  return { queries: qrels.map(([id]) => set.queries.get(id)!), grades: qrels.map(([, grades]) => grades) }
}

/** Mean nDCG@10 of exact search. */
function score(
  queries: readonly Float32Array[],
  documents: readonly Float32Array[],
  set: TrainingSet,
  grades: readonly ReadonlyMap<string, number>[],
): number {
  const flat = new Float32Array(documents.length * base.dimensions)
  documents.forEach((vector, i) => flat.set(vector, i * base.dimensions))
  const sum = queries.reduce(
    (total, query, i) =>
      total +
      ndcg(
        grades[i]!,
        nearest(query, flat, 10).map((place) => set.documents[place]!.id),
        10,
      ),
    0,
  )
  return sum / queries.length
}

/** Median milliseconds of one query at a time. */
async function costOf(encoder: Encoder, queries: readonly string[]): Promise<number> {
  const times: number[] = []
  for (const query of queries) {
    const started = performance.now()
    await encoder.encode([query])
    times.push(performance.now() - started)
  }
  return times.sort((a, b) => a - b)[times.length >> 1]!
}

function table(): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.ways)))]
  const lines = rows.map(
    (row) =>
      `| ${row.domain} | ${row.set}${row.late ? ' (late)' : ''} | ${percent(row.general)} | ${names.map((way) => (row.ways[way] ? percent(row.ways[way].test) : '–')).join(' | ')} |`,
  )
  const mean = (pick: (row: Row) => number): string => percent(rows.reduce((sum, row) => sum + pick(row), 0) / rows.length)
  lines.push(
    `| | **mean** | ${mean(({ general }) => general)} | ${names.map((way) => mean((row) => row.ways[way]?.test ?? 0)).join(' | ')} |`,
  )
  return [
    `| domain | set | general | ${names.join(' | ')} |`,
    `| --- | --- | ---: | ${names.map(() => '---:').join(' | ')} |`,
    ...lines,
  ].join('\n')
}

function textOf({ title, text }: { readonly title: string; readonly text: string }): string {
  return title ? `${title} ${text}` : text
}

function percent(share: number): string {
  return (100 * share).toFixed(1)
}

function say(line: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)} ${line}`)
}
