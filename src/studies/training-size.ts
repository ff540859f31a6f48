import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvalidArgumentError, PilotfishError } from '../errors.ts'
import { askSystems, type JudgedSet } from '../eval/ask.ts'
import type { BeirSet } from '../eval/beir.ts'
import type { Study, StudyPoint } from '../eval/results.ts'
import { bundledPack, generalName, loadPack, type LoadedPack } from '../load-pack.ts'
import { packCollection } from '../pack-collection.ts'
import { declaredExpert, lessonSplit } from '../pack-lessons.ts'
import { expertSystem } from '../pack-systems.ts'
import { trainIntoPack } from '../pack-training/train-into-pack.ts'
import { readPairs } from '../pairs/read-pairs.ts'
import { searchThreads, type SearchThreads } from '../store/exact/threads.ts'
import { random, shuffled } from '../train/random.ts'
import { writePackWithout } from './pack-without.ts'
import { documentsOf, embedderOf, judgedSets, studyMetric } from './study-field.ts'
import type { StudyOptions } from './study-options.ts'
import { mean } from './study-point.ts'

/** Scores in [0, 1] by system. */
type Scored = Record<string, number>

/** What came of the trainings of one size on one set. */
interface Outcome {
  readonly scores: Scored
  /** Trainings that gave no expert. */
  readonly refused: number
}

/** A set whose expert is trained anew, under the name of the expert that owns it; of a set that none owns, under the set's own. */
interface Trainee extends JudgedSet {
  readonly expert: string
}

/**
 * An expert trained anew on some train queries of its set, into a pack that lacks it, a few times with other draws: how many it takes.
 * Where training refuses an expert because it does not beat the general one, the general one answers.
 */
export async function trainingSize(sets: readonly BeirSet[], options: StudyOptions): Promise<Study> {
  const { pack, sizes = [25, 50, 100, 200, 400, 800], repeats = 3, seed = 1, merged = false, signal, onProgress } = options
  const loaded = typeof pack === 'object' ? pack : await loadPack(pack ?? bundledPack())
  const threads = searchThreads()
  const folder = await mkdtemp(join(tmpdir(), 'pilotfish-study-'))
  const embedder = embedderOf(options)
  try {
    const trainees = (await judgedSets(sets, options))
      .map((one): Trainee => ({ ...one, expert: declaredExpert(loaded, one.set.name) ?? one.set.name }))
      .filter(({ set, expert }) => set.splits.includes(lessonSplit) && (options.experts?.includes(expert) ?? true))
    if (trainees.length === 0) throw new InvalidArgumentError('sets', `have no ${lessonSplit} split that these experts could be trained on`)

    const total = trainees.length * sizes.length * repeats
    const outcomes = new Map<string, ReadonlyMap<number, Outcome>>()
    let reached = 0
    for (const [place, one] of trainees.entries()) {
      const before = place * sizes.length * repeats
      const ask: Ask = (which, systems) => scoresOf(which, threads, { one, systems, pool: merged ? sets : [one.set], embedder, signal })
      const onTrained = (trainings: number): void => {
        // A training may begin again, with another rate.
        reached = Math.max(reached, before + trainings)
        onProgress?.({ stage: 'trainings', done: Math.floor(reached), total, share: Math.min(1, reached / total) })
      }
      outcomes.set(one.set.name, await trainInSizes(loaded, one, { sizes, repeats, seed, folder, ask, onTrained, signal }))
    }
    return { name: 'training-size', varied: 'train queries', metric: studyMetric, merged, seed, points: pointsOf(outcomes, sizes, repeats) }
  } finally {
    await threads.close()
    await rm(folder, { recursive: true, force: true })
    if (loaded !== pack) await loaded.close()
  }
}

/** Mean scores of the set's queries under systems of a pack. */
type Ask = (pack: LoadedPack, systems: readonly string[]) => Promise<Scored>

interface Trials {
  readonly sizes: readonly number[]
  readonly repeats: number
  readonly seed: number
  /** Where packs may be written. */
  readonly folder: string
  readonly ask: Ask
  /** Trainings of this set that are done, the present one in part. */
  readonly onTrained: (trainings: number) => void
  readonly signal: AbortSignal | undefined
}

/** Trains the expert of one set in every size that it has the queries for. */
async function trainInSizes(
  pack: LoadedPack,
  { set, expert }: Trainee,
  { sizes, repeats, seed, folder, ask, onTrained, signal }: Trials,
): Promise<Map<number, Outcome>> {
  const without = join(folder, `without-${set.name}`)
  await writePackWithout(pack, expert, without)
  const { documents, queries } = await readPairs(set.directory, { split: lessonSplit })
  const own = expertSystem(expert)
  const present = pack.experts.some(({ name }) => name === expert)
  const before = await ask(pack, present ? [generalName, own] : [generalName])
  const general = before[generalName]!

  const outcomes = new Map<number, Outcome>()
  for (const [place, size] of sizes.entries()) {
    onTrained(place * repeats)
    if (size > queries.length) continue
    const trained: Scored[] = []
    for (let repeat = 0; repeat < repeats; repeat++) {
      signal?.throwIfAborted()
      const done = place * repeats + repeat
      const out = join(folder, 'trained')
      const kept = await train({
        name: expert,
        pairs: { documents, queries: shuffled(queries, random(seed, repeat, 0x51e)).slice(0, size) },
        pack: without,
        out,
        seed: seed + repeat,
        ...(signal && { signal }),
        onProgress: ({ stage, done: steps, total: all }) => stage === 'train' && onTrained(done + (0.5 * steps) / Math.max(1, all)),
      })
      if (kept) trained.push(await withPack(out, (which) => ask(which, [own, 'routed'])))
      await rm(out, { recursive: true, force: true })
      onTrained(done + 1)
    }
    const refused = repeats - trained.length
    const average = (system: string): number => mean([...trained.map((scores) => scores[system]!), ...Array<number>(refused).fill(general)])
    const scores = { general, expert: average(own), routed: average('routed'), ...(present && { 'expert of the pack': before[own]! }) }
    outcomes.set(size, { scores, refused })
  }
  onTrained(sizes.length * repeats)
  return outcomes
}

/** Whether an expert came of it. */
async function train(options: Parameters<typeof trainIntoPack>[0]): Promise<boolean> {
  try {
    await trainIntoPack(options)
    return true
  } catch (error) {
    if (PilotfishError.is(error) && error.code === 'TRAINING_REFUSED') return false
    throw error
  }
}

async function withPack<T>(directory: string, work: (pack: LoadedPack) => Promise<T>): Promise<T> {
  const pack = await loadPack(directory)
  try {
    return await work(pack)
  } finally {
    await pack.close()
  }
}

interface Asking {
  readonly one: JudgedSet
  readonly systems: readonly string[]
  /** Sets whose documents are in the collection. */
  readonly pool: readonly BeirSet[]
  readonly embedder: ReturnType<typeof embedderOf>
  readonly signal: AbortSignal | undefined
}

async function scoresOf(pack: LoadedPack, threads: SearchThreads, { one, systems, pool, embedder, signal }: Asking): Promise<Scored> {
  const stoppable = signal && { signal }
  const collection = packCollection(pack, threads, { depth: 50, embedder })
  try {
    await collection.engine.add(documentsOf(pool), { ...stoppable })
    const asked = systems.map((name) => collection.system(name))
    const { scores } = await askSystems(asked, one, {
      metrics: [studyMetric],
      topK: 10,
      blockSize: 256,
      prepare: (texts) => collection.prepare(texts, asked, signal),
      ...stoppable,
    })
    return Object.fromEntries(systems.map((name) => [name, mean(Array.from(scores.get(name)!.values(), (score) => score[studyMetric]!))]))
  } finally {
    await collection.close()
  }
}

/** Means are over the sets that have enough train queries for every size, so that all points tell of the same sets. */
function pointsOf(outcomes: ReadonlyMap<string, ReadonlyMap<number, Outcome>>, sizes: readonly number[], repeats: number): StudyPoint[] {
  const reached = sizes.filter((size) => [...outcomes.values()].some((bySize) => bySize.has(size)))
  const whole = [...outcomes].filter(([, bySize]) => reached.every((size) => bySize.has(size))).map(([set]) => set)
  return reached.map((size) => {
    const here = [...outcomes].flatMap(([set, bySize]) => (bySize.has(size) ? [{ set, ...bySize.get(size)! }] : []))
    const counted = here.filter(({ set }) => whole.includes(set))
    const systems = [...new Set(counted.flatMap(({ scores }) => Object.keys(scores)))]
    const refused = here.reduce((sum, outcome) => sum + outcome.refused, 0)
    return {
      at: size,
      ...(refused > 0 && { note: `${refused} of ${here.length * repeats} experts refused` }),
      mean: Object.fromEntries(systems.map((system) => [system, mean(counted.flatMap(({ scores }) => scores[system] ?? []))])),
      sets: Object.fromEntries(here.map(({ set, scores }) => [set, scores])),
    }
  })
}
