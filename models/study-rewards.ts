/**
 * Does it help to learn from a language model's rewards? A small language model tells stories, and says how much earlier chunks help it to foretell the next one;
 * experts are trained on that, and on the same rewards shuffled. Chosen on development stories, reported on stories that nothing has seen.
 * `npm run study:rewards -- --model DIR [--cache DIR] [--out FILE.json] [--stories 1200] [--seed 1]`
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isDense } from '../src/expert/expert.ts'
import { embedderSystem, evaluateTasks, taskTable, type CandidateSystem } from '../src/eval/index.ts'
import { causalLanguageModel } from '../src/language-model/causal.ts'
import { bundledPack, loadPack } from '../src/load-pack.ts'
import { packWeights, trainedChanges } from '../src/pack-training/packed-weights.ts'
import { likelihoodReward } from '../src/rewards/likelihood.ts'
import { setsFromSamples, trainExpert, type LoraExpertOptions, type LossSettings } from '../src/train/index.ts'
import { random, shuffled } from '../src/train/random.ts'
import { drawStories, storySamples, type StorySample } from './tasks/stories.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const { values: given } = parseArgs({
  options: {
    model: { type: 'string', default: join(here, '../../shared/models/stories260K') },
    cache: { type: 'string', default: join(here, '../.cache/study-rewards') },
    out: { type: 'string', default: join(here, '../.cache/study-rewards/results.json') },
    stories: { type: 'string', default: '1200' },
    seed: { type: 'string', default: '1' },
  },
})
const seed = Number(given.seed)
const count = Number(given.stories)
mkdirSync(given.cache, { recursive: true })
const model = await causalLanguageModel(given.model)
const loaded = await loadPack(bundledPack())

const stories = await cached(`stories-${count}.json`, () => drawStories(model, count, progress('stories', count)))
const plain = storySamples(stories, seed)
const scored = await cached(`scored-${count}-${seed}.json`, async () => {
  const rewarded = await likelihoodReward(model).score(plain, { onProgress: progress('samples scored', plain.length) })
  return rewarded.map(({ sample }) => sample as StorySample)
})
const part = (from: number, to: number): StorySample[] => scored.filter(({ story }) => story >= from * count && story < to * count)
const [train, dev, test] = [part(0, 0.6), part(0.6, 0.75), part(0.75, 1)]
console.log(`${train.length} samples to learn from, ${dev.length} to choose by, ${test.length} to report on`)

const losses: Record<string, LossSettings> = {
  'contrast of the best candidate': { contrastive: 1 },
  'graded distillation': { contrastive: 0, distillation: { kind: 'graded' } },
  'graded, teacher temperature 0.1': { contrastive: 0, distillation: { kind: 'graded', temperature: 0.1 } },
  'KL, teacher temperature 0.1': { contrastive: 0, distillation: { kind: 'kl', temperature: 0.1 } },
  'KL + contrast': { contrastive: 0.2, distillation: { kind: 'kl', temperature: 0.1 } },
}
const methods = [
  { method: 'table', tied: false, rates: [5e-3, 2e-2] },
  { method: 'adapter', tied: false, rates: [1e-3, 5e-3] },
  { method: 'adapter', tied: true, rates: [1e-3, 5e-3] },
] as const
type Method = (typeof methods)[number]
const asManySteps = ', shuffled rewards, as many steps'

/** Student temperatures beside the usual one: looked at on development stories alone. */
const otherTemperatures = [0.05, 0.15, 1]

const systems: CandidateSystem[] = [embedderSystem({ name: 'base', query: loaded.base, key: loaded.base })]
const temperatures: Record<string, number> = {}
const chosen: { name: string; dev: number; steps: number; rate: number }[] = []
for (const method of methods) {
  for (const [name, loss] of Object.entries(losses)) {
    const label = `${method.method}${method.tied ? ', both sides' : ''}: ${name}`
    await learn(label, method, loss, train, dev)
    if (name !== 'KL, teacher temperature 0.1') continue
    for (const studentTemperature of otherTemperatures) {
      const distillation = { ...loss.distillation!, studentTemperature }
      const { heldOut } = await trained(method, { ...loss, distillation }, train, dev)
      temperatures[`${label}, student temperature ${studentTemperature}`] = heldOut.expert
    }
    // Controls: all the same but the rewards. Stopped early they stay the base, by whichever rewards; so one goes as many steps as the real one.
    await learn(`${label}, shuffled rewards`, method, loss, train.map(shuffledRewards), dev.map(shuffledRewards))
    await learn(`${label}${asManySteps}`, method, loss, train.map(shuffledRewards), dev, chosen.at(-2)!)
  }
}
const evaluation = await evaluateTasks(test, { systems, model, onProgress: ({ share }) => share === 1 && console.log('evaluated') })
// Each expert against the control that went as many steps on shuffled rewards, on the same samples.
const againstControl: Record<string, unknown> = {}
for (const control of systems.filter(({ name }) => name.endsWith(asManySteps))) {
  const real = systems.find(({ name }) => `${name}${asManySteps}` === control.name)!
  const { tasks } = await evaluateTasks(test, { systems: [control, real] })
  againstControl[real.name] = tasks.lrlm!.systems[real.name]!.tests!.rewardNdcg
}
writeFileSync(
  given.out,
  JSON.stringify(
    { seed, stories: count, samples: [train, dev, test].map(({ length }) => length), temperatures, chosen, evaluation, againstControl },
    undefined,
    1,
  ),
)
console.log(chosen.map((each) => `${each.name}: dev ${(100 * each.dev).toFixed(2)}, ${each.steps} steps`).join('\n'))
console.log(taskTable(evaluation))
console.log(againstControl)
console.log(temperatures)
await loaded.close()
await model.close()

type Like = { readonly rate: number; readonly steps: number }

async function learn(
  name: string,
  method: Method,
  loss: LossSettings,
  from: readonly StorySample[],
  judges: readonly StorySample[],
  like?: Like,
) {
  const { changes, heldOut, steps, rate } = await trained(method, loss, from, judges, like)
  const { expert } = await packWeights({ name: `study-${systems.length}`, ...method, changes }, loaded).open()
  if (isDense(expert)) systems.push(embedderSystem({ name, query: expert.queryEncoder, key: expert.documentEncoder }))
  chosen.push({ name, dev: heldOut.expert, steps, rate })
  console.log(`${name}: dev ${(100 * heldOut.general).toFixed(2)} → ${(100 * heldOut.expert).toFixed(2)}`)
}

/** @param like Goes as many steps at its rate, instead of stopping where development stories say. */
function trained(
  { method, tied, rates }: Method,
  loss: LossSettings,
  from: readonly StorySample[],
  judges: readonly StorySample[],
  like?: Like,
) {
  const { sets } = setsFromSamples(from, { recipes: { lrlm: { loss } }, instructions: 'none', heldOut: judges })
  return trainedChanges(method, loaded, (how) =>
    trainExpert({
      ...how,
      name: 'study',
      pairs: sets,
      folds: 0,
      rates: like ? [like.rate] : rates,
      steps: like?.steps ?? 400,
      earlyStopping: !like,
      batchSize: 64,
      negatives: 0,
      dropout: 0,
      pull: 0,
      tied,
      seed,
      force: true,
    } as unknown as LoraExpertOptions),
  )
}

/** The same rewards, of other candidates. */
function shuffledRewards(sample: StorySample): StorySample {
  return { ...sample, scores: shuffled(sample.scores!, random(seed, sample.line)) }
}

async function cached<T>(file: string, make: () => Promise<T>): Promise<T> {
  const path = join(given.cache, file)
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as T
  const made = await make()
  writeFileSync(path, JSON.stringify(made))
  return made
}

function progress(what: string, total: number): (done: number) => void {
  let told = 0
  return (done) => {
    if (done < told + total / 10) return
    told = done
    console.log(`${done} of ${total} ${what}`)
  }
}
