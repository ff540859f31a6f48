/**
 * What the parts of LLM-Embedder's training are worth on real retrieval sets: losses, instructions, homogeneous batches, self-paced steps, and one expert for
 * all tasks against an expert a task. Trained on train queries, chosen on dev queries, reported on test queries.
 * `npm run study:tasks -- [--data DIR] [--cache DIR] [--out FILE.json] [--steps 800] [--seed 1]`
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { staticEncoder } from '../src/encoder/static.ts'
import { randomisationTest } from '../src/eval/significance.ts'
import { bundledPack, loadPack } from '../src/load-pack.ts'
import { taskInstructions } from '../src/tasks/task.ts'
import {
  taskComparisonTable,
  trainExpert,
  trainExperts,
  type LearnedTable,
  type LossSettings,
  type TrainingSet,
} from '../src/train/index.ts'
import { nearest } from '../src/train/ranking.ts'
import { readRealSet, studied, taughtByPack, unseen, type RealSet } from './tasks/real-sets.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const { values: given } = parseArgs({
  options: {
    data: { type: 'string', default: join(here, '../../shared/data') },
    cache: { type: 'string', default: join(here, '../.cache/study-tasks') },
    out: { type: 'string', default: join(here, '../.cache/study-tasks/results.json') },
    steps: { type: 'string', default: '800' },
    seed: { type: 'string', default: '1' },
  },
})
const seed = Number(given.seed)
const steps = Number(given.steps)
const rates = [3e-2, 1e-1]

interface Way {
  readonly loss: LossSettings
  readonly instructions: boolean
  readonly homogeneous: boolean
  readonly selfPaced: boolean
}
/** nDCG@10 of each test query, by set. */
type Scores = Readonly<Record<string, readonly number[]>>
interface Row {
  readonly name: string
  readonly dev: number
  readonly rates: Readonly<Record<string, number>>
  readonly steps: number
  readonly test: Scores
}

const loaded = await loadPack(bundledPack())
const model = loaded.model!
mkdirSync(given.cache, { recursive: true })
const rows: Row[] = existsSync(given.out) ? (JSON.parse(readFileSync(given.out, 'utf8')) as { rows: Row[] }).rows : []
const sets = await Promise.all(studied.map((each) => readRealSet(given.data, each, seed)))
const others = await Promise.all(unseen.map((each) => readRealSet(given.data, each, seed)))
const taught = new Map<string, TrainingSet['queries']>()
for (const set of sets) {
  taught.set(set.set, await taughtByPack(set, loaded, given.cache))
  console.log(
    `${set.set}: ${set.train.length} train, ${set.dev.length} dev, ${set.test.length} test queries, ${set.documents.length} documents`,
  )
}
const vectors = new Map<string, Float32Array>()
for (const { set, documents } of [...sets, ...others]) {
  const encoded = await loaded.base.encode(documents)
  const flat = new Float32Array(documents.length * model.dimensions)
  encoded.forEach((vector, i) => flat.set(vector, i * model.dimensions))
  vectors.set(set, flat)
}

const plain: Way = { loss: { contrastive: 1 }, instructions: true, homogeneous: true, selfPaced: true }
await row('base', async () => ({ dev: 0, rates: {}, steps: 0, test: await ask(undefined, false) }))
await trainedRow('contrastive only', plain)
const distilled: Record<string, LossSettings> = {
  'contrastive + graded distillation': { contrastive: 1, distillation: { kind: 'graded' } },
  'graded distillation, contrastive 0.2': { contrastive: 0.2, distillation: { kind: 'graded' } },
  'graded distillation only': { contrastive: 0, distillation: { kind: 'graded' } },
  'contrastive + KL': { contrastive: 1, distillation: { kind: 'kl' } },
  'KL, contrastive 0.2': { contrastive: 0.2, distillation: { kind: 'kl' } },
  'KL only': { contrastive: 0, distillation: { kind: 'kl' } },
}
for (const [name, loss] of Object.entries(distilled)) await trainedRow(name, { ...plain, loss })
const best = rows.filter(({ name }) => name === 'contrastive only' || name in distilled).reduce((a, b) => (b.dev > a.dev ? b : a))
const bestWay: Way = { ...plain, loss: distilled[best.name] ?? plain.loss }
console.log(`best on dev: ${best.name}`)
await trainedRow('best − instructions', { ...bestWay, instructions: false })
await trainedRow('best − homogeneous batches', { ...bestWay, homogeneous: false })
await trainedRow('best − self-paced steps', { ...bestWay, selfPaced: false })
await row('best, one expert a task (task known)', () => oneATask(bestWay))
await row('best, one expert a set (set known)', () => oneATask(bestWay, true))
console.log(table())
await bothWays(bestWay)
await loaded.close()

/** One expert a task with a task router over them, against one for all: at equal steps, chosen on dev, reported on test. */
async function bothWays(way: Way): Promise<void> {
  const {
    comparison,
    test,
    winner,
    steps: kept,
  } = await trainExperts({
    tasks: sets.map(({ set, task, documents, dev, test: asked }) => ({
      task,
      set,
      documents,
      queries: taught.get(set)!,
      heldOut: dev,
      test: asked,
      loss: way.loss,
      ...(way.instructions && { instruction: { query: taskInstructions[task].query } }),
    })),
    steps,
    homogeneous: way.homogeneous,
    selfPaced: way.selfPaced,
    training: { rates, batchSize: 64, negatives: 0, hardNegatives: 0, dropout: 0, pull: 0 },
    seed,
  })
  console.log(
    `\nOne half of the dev queries (${winner} is better; steps kept: ${JSON.stringify(kept)})\n\n${taskComparisonTable(comparison)}`,
  )
  console.log(`\nTest queries\n\n${taskComparisonTable(test!)}`)
  writeFileSync(given.out, JSON.stringify({ seed, steps, rows, bothWays: { winner, comparison, test } }))
}

async function trainedRow(name: string, way: Way): Promise<void> {
  await row(name, async () => {
    const { heldOut, changes, steps: kept, tried } = await train(sets, way, steps)
    return { dev: heldOut.expert, rates: tried, steps: kept, test: await ask(changes, way.instructions) }
  })
}

/** The same steps in all, shared by an expert for each task, or for each set. */
async function oneATask(way: Way, perSet = false): Promise<Omit<Row, 'name'>> {
  const keyOf = ({ set, task }: RealSet): string => (perSet ? set : task)
  const groups = [...new Set(sets.map(keyOf))]
  const test: Record<string, readonly number[]> = {}
  let dev = 0
  for (const group of groups) {
    const own = sets.filter((set) => keyOf(set) === group)
    const { heldOut, changes } = await train(own, way, Math.round(steps / groups.length))
    dev += (heldOut.expert * own.length) / sets.length
    Object.assign(test, await ask(changes, way.instructions, own))
  }
  return { dev, rates: {}, steps, test }
}

async function train(from: readonly RealSet[], way: Way, budget: number) {
  const pairs = from.map(({ set, task, documents, dev }): TrainingSet => ({
    documents,
    queries: taught.get(set)!,
    heldOut: dev,
    task: set,
    loss: way.loss,
    ...(way.instructions && { instruction: { query: taskInstructions[task].query } }),
  }))
  let best: Awaited<ReturnType<typeof one>> | undefined
  const tried: Record<string, number> = {}
  const one = (rate: number) =>
    trainExpert({
      name: 'study',
      method: 'table',
      base: model,
      pairs,
      folds: 0,
      rates: [rate],
      steps: budget,
      batchSize: 64,
      negatives: 0,
      hardNegatives: 0,
      dropout: 0,
      pull: 0,
      homogeneous: way.homogeneous,
      selfPaced: way.selfPaced,
      seed,
      force: true,
    })
  for (const rate of rates) {
    const trained = await one(rate)
    tried[String(rate)] = trained.heldOut.expert
    if (!best || trained.heldOut.expert > best.heldOut.expert) best = trained
  }
  return { ...best!, tried }
}

/** Asks the test queries of all sets, or of some. */
async function ask(
  changes: LearnedTable | undefined,
  instructions: boolean,
  from: readonly RealSet[] = [...sets, ...others],
): Promise<Scores> {
  const scores: Record<string, number[]> = {}
  for (const { set, task, test } of from) {
    const prefix = instructions ? taskInstructions[task].query : ''
    const encoder = staticEncoder(model, { ...(changes && { changes: { id: 'study', ...changes } }), ...(prefix && { prefix }) })
    const queries = await encoder.encode(test.map(({ text }) => text))
    scores[set] = queries.map((vector, i) => ndcg10(nearest(vector, vectors.get(set)!, 10), test[i]!.positives))
  }
  return scores
}

function ndcg10(ranked: readonly number[], positives: readonly number[]): number {
  const answers = new Set(positives)
  const gain = (list: readonly boolean[]): number => list.reduce((sum, hit, rank) => sum + (hit ? 1 / Math.log2(rank + 2) : 0), 0)
  return gain(ranked.map((place) => answers.has(place))) / gain(Array.from({ length: Math.min(10, answers.size) }, () => true))
}

async function row(name: string, make: () => Promise<Omit<Row, 'name'>>): Promise<void> {
  if (rows.some((each) => each.name === name)) return
  const start = performance.now()
  rows.push({ name, ...(await make()) })
  writeFileSync(given.out, JSON.stringify({ seed, steps, rows }))
  const made = rows.at(-1)!
  console.log(
    `${name}: dev ${(100 * made.dev).toFixed(2)} in ${((performance.now() - start) / 1000).toFixed(0)} s ${JSON.stringify(made.rates)}`,
  )
}

function table(): string {
  const names = [...sets, ...others].map(({ set }) => set)
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
  const percent = (value: number): string => (100 * value).toFixed(1)
  const lines = rows.map(({ name, dev, test }) => {
    const means = names.map((set) => (test[set] ? percent(mean(test[set])) : '–'))
    const seen = mean(sets.map(({ set }) => mean(test[set] ?? [])))
    const against = rows.find((each) => each.name === best.name)!
    const paired = sets.map(({ set }) => ({ first: Float64Array.from(test[set]!), second: Float64Array.from(against.test[set]!) }))
    const p = name === best.name ? '' : randomisationTest(paired).mean.toFixed(4)
    return `| ${[name, dev ? percent(dev) : '', ...means, percent(seen), p].join(' | ')} |`
  })
  return [
    `| | dev | ${names.join(' | ')} | mean of ${sets.length} | p against best |`,
    `|${' --- |'.repeat(names.length + 4)}`,
    ...lines,
  ].join('\n')
}
