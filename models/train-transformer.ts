/**
 * Trains the small transformer encoder that LoRA experts are studied on: the bundled base's token table, and layers over it that start as
 * nothing. Seeded, and goes on where it was cut off.
 * `npm run train:transformer -- --out DIR [--steps 2000] [--seed 1] [--data DIR] [--checkpoints DIR] [--threads 2] [--rate 2e-4] [--table-rate 3e-5]`
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadStaticModel } from '../src/encoder/static-model.ts'
import { bytesOf, readSafetensors, toFloat32, writeSafetensors } from '../src/safetensors.ts'
import { warmUpThenDecay } from '../src/train/adam.ts'
import { drawBlock } from '../src/train/base/block.ts'
import { packTask } from '../src/train/base/packed.ts'
import { startClock } from '../src/train/progress.ts'
import { random, sampleBelow } from '../src/train/random.ts'
import { meanNdcg10 } from '../src/train/index.ts'
import { recipes } from './training/recipes.ts'
import { baseTask, readTrainingSet, type TrainingSet } from './training/sets.ts'
import { contrast } from './training/transformer/contrast.ts'
import { textsOf, transformerEngine } from './training/transformer/engine.ts'
import { writeTransformer } from './training/transformer/files.ts'
import { smallEncoder } from './training/transformer/graph.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const { values: given } = parseArgs({
  options: {
    data: { type: 'string', default: join(here, '../../shared/data') },
    out: { type: 'string', default: join(here, '../.cache/transformer') },
    checkpoints: { type: 'string', default: join(here, '../.cache/train-transformer') },
    steps: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    rate: { type: 'string', default: '2e-4' },
    'table-rate': { type: 'string', default: '3e-5' },
  },
})
const seed = Number(given.seed)
const steps = Number(given.steps)
const settings = {
  pairs: 128,
  pairShare: 0.7,
  dropout: 0.1,
  longest: 48,
  rate: Number(given.rate),
  tableRate: Number(given['table-rate']),
  temperature: 0.05,
}

const base = await loadStaticModel(join(here, 'bundled/base'))
const shape = smallEncoder(base.dimensions)
const late = new Set(recipes.bundled!.late)
const sets = recipes.bundled!.sets.map((name) => readTrainingSet(given.data, name, seed))
const tokenize = (text: string): readonly number[] => [...base.tokenize(text, 512)]
const tasks = sets.map((set) => packTask(baseTask(set, !late.has(set.name)), tokenize))
const engine = await transformerEngine(shape, base.table.slice(), Number(given.threads), seed)

mkdirSync(given.checkpoints, { recursive: true })
const kept = join(given.checkpoints, `seed-${seed}-steps-${steps}-rates-${given.rate}-${given['table-rate']}.safetensors`)
let step = 0
if (existsSync(kept)) {
  const { tensors } = readSafetensors(readFileSync(kept), kept)
  for (const [name, values] of Object.entries(state())) values.set(toFloat32(tensors.get(name)!, kept))
  step = toFloat32(tensors.get('step')!, kept)[0]!
  say(`going on from step ${step}`)
} else await look()

const clock = startClock(steps, step)
let smooth: number | undefined
while (step < steps) {
  const generator = random(seed, step, 0xb10c)
  const block = drawBlock(tasks, { size: settings.pairs, pairShare: settings.pairShare, dropout: settings.dropout }, generator)
  const texts = [...textsOf(block.queries, settings.longest), ...textsOf(block.documents, settings.longest)]
  const vectors = await engine.encode(texts)
  const { loss, upstream } = contrast(vectors, shape.hidden, block, settings.temperature)
  await engine.backpropagate(texts, upstream)
  engine.learn(warmUpThenDecay(step, steps, settings.rate), warmUpThenDecay(step, steps, settings.tableRate), step + 1)
  step++
  smooth = smooth === undefined ? loss : 0.98 * smooth + 0.02 * loss
  if (step % 25 === 0) say(`step ${step} of ${steps}, loss ${smooth.toFixed(3)}, ${Math.round(clock(step).eta ?? 0)} s left`)
  if (step % 100 === 0 || step === steps) save()
  if (step % 500 === 0 || step === steps) await look()
}
await writeTransformer(given.out, engine, shape, join(here, 'bundled/base'))
// A pack without experts: `pilotfish train --pack` adds them.
writeFileSync(
  join(given.out, 'pack.json'),
  `${JSON.stringify({ format: 1, name: 'transformer', version: '0.1.0', languages: ['en'], base: { path: '.', kind: 'onnx' }, experts: [] }, undefined, 2)}\n`,
)
await engine.close()
say(`done: ${given.out}`)

/** nDCG@10 on held-out train queries, at most 150 a set, over at most 3000 documents with the answers among them. */
async function look(): Promise<void> {
  const scores: number[] = []
  for (const set of sets) scores.push(100 * (await heldOutScore(set)))
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length
  say(`held out, after step ${step}: ${sets.map(({ name }, i) => `${name} ${scores[i]!.toFixed(1)}`).join(', ')}; mean ${mean.toFixed(2)}`)
}

async function heldOutScore({ documents, heldOut }: TrainingSet): Promise<number> {
  const asked = sampleBelow(heldOut.length, 150, random(1)).map((i) => heldOut[i]!)
  const answers = new Set(asked.flatMap(({ positives }) => positives))
  const others = sampleBelow(documents.length, 3000, random(2)).filter((place) => !answers.has(place))
  const places = [...answers, ...others.slice(0, Math.max(0, 3000 - answers.size))]
  const placeOf = new Map(places.map((place, i) => [place, i]))
  const read = (text: string): Uint32Array => Uint32Array.from(base.tokenize(text, 128))
  const known = await engine.encode(places.map((place) => read(`${documents[place]!.title} ${documents[place]!.text}`)))
  const queries = await engine.encode(asked.map(({ text }) => read(text)))
  const rows = asked.map((_, i) => queries.subarray(i * shape.hidden, (i + 1) * shape.hidden))
  return meanNdcg10(
    rows,
    known,
    asked.map(({ positives }) => positives.map((place) => placeOf.get(place)!)),
  )
}

function state(): Record<string, Float32Array> {
  const all = [...engine.weights, ['tokens', engine.tokens] as const, ['places', engine.places] as const]
  return Object.fromEntries(
    all.flatMap(([name, { values, mean, square }]) => [
      [name, values],
      [`${name} mean`, mean],
      [`${name} square`, square],
    ]),
  )
}

function save(): void {
  const arrays = { ...state(), step: Float32Array.of(step) }
  const tensors = Object.entries(arrays).map(
    ([name, values]) => [name, { dtype: 'F32' as const, shape: [values.length], data: bytesOf(values) }] as const,
  )
  const bytes = writeSafetensors(new Map(tensors))
  writeFileSync(`${kept}.part`, bytes)
  renameSync(`${kept}.part`, kept)
}

function say(line: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)} ${line}`)
}
