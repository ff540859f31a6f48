/**
 * Trains a pack from `../shared/data` by a recipe: the base, its experts, the router's pilots. Seeded, and goes on where it
 * was cut off. `npm run train:bundled -- --out DIR --seed 1 [--no-late] [--data DIR] [--checkpoints DIR] [--stage base|experts|multi-task|pilots] [--steps TEXTS,PAIRS] [--bits 4|8] [--only EXPERT]`;
 * `npm run train:paper-setting` is the same by the other recipe.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadStaticModel, type StaticModel } from '../src/encoder/static-model.ts'
import { PilotfishError, TrainingRefusedError } from '../src/errors.ts'
import { writeSafetensors } from '../src/safetensors.ts'
import type { LexicalOptions } from '../src/store/store.ts'
import {
  baseFiles,
  dequantizeRows,
  quantizeRows,
  tableFile,
  trainBase,
  trainExpert,
  type LearnedTable,
  type TableExpertOptions,
  type TrainedExpert,
} from '../src/train/index.ts'
import { random, shuffled } from '../src/train/random.ts'
import { baseCheckpoints } from './training/checkpoint.ts'
import { recipes, type ExpertSettings, type MultiTaskRecipe, type Recipe } from './training/recipes.ts'
import { bundledPilots } from './training/pilots.ts'
import { scoreGeneral, type Score } from './training/score.ts'
import { baseTask, readTrainingSet, type TrainingSet } from './training/sets.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const { values: given } = parseArgs({
  options: {
    data: { type: 'string', default: join(here, '../../shared/data') },
    recipe: { type: 'string', default: 'bundled' },
    out: { type: 'string' },
    checkpoints: { type: 'string' },
    seed: { type: 'string', default: '1' },
    'no-late': { type: 'boolean', default: false },
    stage: { type: 'string', default: 'base' },
    bits: { type: 'string', default: '4' },
    steps: { type: 'string' },
    only: { type: 'string' },
  },
})
const stages = ['base', 'experts', 'multi-task', 'pilots']
if (!stages.includes(given.stage))
  throw new Error(`--stage is one of ${stages.join(', ')}: the stage to begin with; what comes before is read from --out.`)
const recipe = chosenRecipe(given.recipe)
const { experts } = recipe
const out = given.out ?? (recipe.name === 'bundled' ? join(here, 'bundled') : join(here, '../.cache', recipe.name))
const seed = Number(given.seed)
const baseStages = recipe.stages.map((stage, i) => ({ ...stage, steps: Number(given.steps?.split(',')[i] ?? stage.steps) }))
const bits = given.bits === '4' ? 4 : 8
const late = new Set(given['no-late'] ? [] : recipe.late)
const checkpoints = join(
  given.checkpoints ?? join(here, '../.cache', `train-${recipe.name}`),
  `seed-${seed}${given['no-late'] ? '-no-late' : ''}`,
)
const started = performance.now()

interface Manifest {
  experts: {
    name: string
    kind: 'table'
    path: string
    description: string
    sets: readonly string[]
    late?: boolean
    multiTask?: boolean
    heldOut: { general: number; expert: number }
  }[]
  lexical: LexicalOptions
  [key: string]: unknown
}

const sets = recipe.sets.map((name) => readTrainingSet(given.data, name, seed))
mkdirSync(checkpoints, { recursive: true })
writeFileSync(
  join(checkpoints, 'held-out.json'),
  JSON.stringify(Object.fromEntries(sets.map(({ name, heldOut }) => [name, heldOut.map(({ id }) => id)]))),
)
const begins = stages.indexOf(given.stage)
if (begins <= stages.indexOf('base')) await makeBase()
const model = await loadStaticModel(join(out, 'base'))
if (begins <= stages.indexOf('experts')) await makeExperts(model)
if (begins <= stages.indexOf('multi-task') && recipe.multiTask && !given.only) await makeMultiTask(model, recipe.multiTask)
await makePilots(model)
sealManifest()
say(`done: ${out}`)

async function makeBase(): Promise<void> {
  const tasks = sets.map((set) => baseTask(set, !late.has(set.name)))
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([baseStages, seed, [...late], tasks.map(({ pairs, documents }) => [pairs.length, documents.length])]))
    .digest('hex')
  const kept = baseCheckpoints(checkpoints, fingerprint)
  const resume = kept.load()
  if (resume) say(`base: going on from step ${resume.step}`)
  const base = await trainBase(tasks, {
    seed,
    stages: baseStages,
    onCheckpoint: kept.save,
    ...(resume && { resume }),
    onProgress: reporter('base'),
  })
  for (const [name, bytes] of baseFiles(base)) write(`base/${name}`, bytes)
  const stored = await loadStaticModel(join(out, 'base'))
  for (const set of sets) {
    const exact = scoreGeneral({ ...stored, table: base.table }, set)
    const stays = scoreGeneral(stored, set)
    say(`base ${set.name}: held-out ${percent(stays.heldOut)} (before quantising ${percent(exact.heldOut)}), dev ${percent(stays.dev)}`)
  }
}

async function makeExperts(base: StaticModel): Promise<void> {
  const manifest: Manifest = { ...readManifest(), experts: given.only ? readManifest().experts : [] }
  for (const { name, sets: names, description, sweep } of experts) {
    if (given.only && given.only !== name) continue
    const path = `experts/${name}/table.safetensors`
    manifest.experts = manifest.experts.filter((expert) => expert.name !== name)
    try {
      const own = sets.filter((set) => names.includes(set.name))
      const foreign = alike(sets.filter((set) => !own.includes(set)))
      const expert = await bestOf(name, sweep, { name, base, seed, method: 'table', pairs: own.map(expertSet), foreign })
      write(path, tableFile(expert.changes, base.dimensions, bits))
      const scores = measure(expert.changes, own, base)
      const heldOut = { general: expert.heldOut.general, expert: mean(scores.map((score) => score.expert.heldOut)) }
      manifest.experts.push({
        name,
        kind: 'table',
        path,
        description,
        sets: names,
        ...(own.every((set) => late.has(set.name)) && { late: true }),
        heldOut: rounded(heldOut),
      })
      const perSet = scores.map(
        ({ set, general, expert: after }) =>
          `${set} ${percent(general.heldOut)} → ${percent(after.heldOut)}${after.dev > 0 ? `, dev ${percent(general.dev)} → ${percent(after.dev)}` : ''}`,
      )
      say(
        `${name}: ${perSet.join('; ')}; mean ${percent(heldOut.expert)} stored, ${percent(expert.heldOut.expert)} before quantising; ${expert.changes.rows.length} rows, step ${expert.steps}`,
      )
    } catch (error) {
      if (!PilotfishError.is(error) || error.code !== 'TRAINING_REFUSED') throw error
      rmSync(join(out, dirname(path)), { recursive: true, force: true })
      say(error.message)
    }
    const order = experts.map((expert) => expert.name)
    manifest.experts.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
    writeManifest(manifest)
  }
}

function chosenRecipe(name: string): Recipe {
  const found = recipes[name]
  if (!found) throw new Error(`--recipe is one of ${Object.keys(recipes).join(', ')}.`)
  return found
}

/** Trains with every setting; the best on held-out queries is kept. */
async function bestOf(name: string, sweep: readonly ExpertSettings[], options: TableExpertOptions): Promise<TrainedExpert<LearnedTable>> {
  let best: TrainedExpert<LearnedTable> | undefined
  for (const settings of sweep) {
    const trained = await trainExpert({ ...options, ...settings, force: true, onProgress: reporter(name) })
    const { heldOut, rate, steps, pull } = trained
    const found = `rate ${rate}, step ${steps}, pull ${pull}`
    if (sweep.length > 1) say(`${name} ${JSON.stringify(settings)}: ${percent(heldOut.general)} → ${percent(heldOut.expert)} (${found})`)
    if (!best || heldOut.expert > best.heldOut.expert) best = trained
  }
  if (best!.heldOut.expert <= best!.heldOut.general && !options.force) throw new TrainingRefusedError(name, best!.heldOut)
  return best!
}

/** Documents of other domains: 1500 of every set, small ones several times over, so that the nearest domain is not the rarest. */
function alike(others: readonly TrainingSet[]): string[] {
  return others.flatMap(({ documents }) => {
    const mixed = shuffled(documents, random(seed, 3))
    return Array.from({ length: 1500 }, (_, i) => textOf(mixed[i % mixed.length]!))
  })
}

/** One query side for the questions of all sets: every setting of the sweep, the best on held-out queries is kept. */
async function makeMultiTask(base: StaticModel, { sweep }: MultiTaskRecipe): Promise<void> {
  const name = 'multi-task'
  const path = `experts/${name}/table.safetensors`
  const best = await bestOf(name, sweep, { name, base, seed, method: 'table', force: true, pairs: sets.map(expertSet), foreignSets: true })
  write(path, tableFile(best.changes, base.dimensions, bits))
  const scores = measure(best.changes, sets, base)
  const heldOut = { general: mean(scores.map(({ general }) => general.heldOut)), expert: mean(scores.map(({ expert }) => expert.heldOut)) }
  const manifest = readManifest()
  const entry = {
    name,
    kind: 'table' as const,
    path,
    description: 'All questions of all sets',
    sets: [],
    multiTask: true,
    heldOut: rounded(heldOut),
  }
  writeManifest({ ...manifest, experts: [...manifest.experts.filter((expert) => expert.name !== name), entry] })
  say(
    `${name}: ${scores.map(({ set, general, expert }) => `${set} ${percent(general.heldOut)} → ${percent(expert.heldOut)}`).join('; ')}; mean ${percent(heldOut.expert)} stored`,
  )
}

/** Scores the expert as it is stored, on each of its sets. */
function measure(
  { rows, deltas }: LearnedTable,
  own: readonly TrainingSet[],
  base: StaticModel,
): { set: string; general: Score; expert: Score }[] {
  const { dimensions } = base
  const stored = dequantizeRows(quantizeRows(deltas, dimensions, bits), dimensions)
  const table = base.table.slice()
  rows.forEach((row, i) => {
    for (let d = 0; d < dimensions; d++) table[row * dimensions + d]! += stored[i * dimensions + d]!
  })
  return own.map((set) => ({ set: set.name, general: scoreGeneral(base, set), expert: scoreGeneral(base, set, table) }))
}

/** The router and its calibration, from the held-out queries. */
async function makePilots(base: StaticModel): Promise<void> {
  const manifest = readManifest()
  if (manifest.experts.length === 0) return say('no experts, so no router')
  const owned = sets.map((set) => ({
    ...set,
    expert: experts.find(({ sets: names }) => names.includes(set.name))!.name,
  }))
  const { router, calibration, figures } = await bundledPilots(out, base, manifest.experts, owned, manifest.lexical, reporter('pilots'))
  write('pilots.safetensors', writeSafetensors(router.tensors))
  writeManifest({ ...manifest, router: router.manifest, calibration })
  say(`pilots: ${JSON.stringify(figures)}`)
}

function sealManifest(): void {
  const files: Record<string, string> = {}
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(out, folder), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = folder ? `${folder}/${entry.name}` : entry.name
      if (entry.isDirectory()) visit(path)
      else if (path !== 'pack.json')
        files[path] = createHash('sha256')
          .update(readFileSync(join(out, path)))
          .digest('hex')
    }
  }
  visit('')
  writeManifest({ ...readManifest(), files })
}

function expertSet({ documents, train, heldOut }: TrainingSet) {
  return { documents: documents.map(textOf), queries: train, heldOut }
}

function textOf({ title, text }: { readonly title: string; readonly text: string }): string {
  return title ? `${title} ${text}` : text
}

function readManifest(): Manifest {
  const path = join(out, 'pack.json')
  const fresh: Manifest = {
    format: 1,
    name: recipe.name,
    version: recipe.version,
    languages: ['en'],
    base: { path: 'base', kind: 'static' },
    experts: [],
    lexical: { k1: 1.2, b: 0.75, titleWeight: 1 },
  }
  if (!existsSync(path)) return fresh
  const { name, version } = recipe
  return { ...(JSON.parse(readFileSync(path, 'utf8')) as Manifest), name, version }
}

function writeManifest(manifest: Manifest): void {
  write('pack.json', `${JSON.stringify(manifest, null, 2)}\n`)
}

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(out, path)), { recursive: true })
  writeFileSync(join(out, path), content)
}

function reporter(what: string) {
  let last = 0
  return ({
    stage,
    done,
    total,
    eta,
    loss,
    score,
  }: {
    stage: string
    done: number
    total: number
    eta: number | undefined
    loss?: number
    score?: number
  }): void => {
    if (performance.now() - last < 10_000 && done < total) return
    last = performance.now()
    say(
      `${what}: ${stage} ${done}/${total}${loss === undefined ? '' : `, loss ${loss.toFixed(3)}`}${score === undefined ? '' : `, held-out ${percent(score)}`}, ${eta?.toFixed(0) ?? '?'} s left`,
    )
  }
}

function rounded({ general, expert }: { general: number; expert: number }): { general: number; expert: number } {
  return { general: Number(general.toFixed(4)), expert: Number(expert.toFixed(4)) }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function percent(value: number): string {
  return (100 * value).toFixed(1)
}

function say(line: string): void {
  console.log(`[${((performance.now() - started) / 1000).toFixed(0)} s] ${line}`)
}
