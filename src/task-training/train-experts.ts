import { existsSync } from 'node:fs'
import { rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidArgumentError } from '../errors.ts'
import { bundledPack, loadPack, type LoadedPack } from '../load-pack.ts'
import { checkpointsTo, resumed } from '../pack-training/checkpoints.ts'
import { checkExpertName } from '../pack-training/newcomer.ts'
import { packTarget } from '../pack-training/target.ts'
import { packWeights, trainedChanges, type PackedWeights } from '../pack-training/packed-weights.ts'
import type { TrainingMethod } from '../pack-training/train-into-pack.ts'
import { trainExpert, type LoraExpertOptions, type TrainingLogEntry } from '../train/expert/expert.ts'
import { gatherSets } from '../train/expert/pairs.ts'
import { startClock, type TrainingProgress } from '../train/progress.ts'
import { compareTasks } from './comparison.ts'
import { checkHalves, halved, type HalvedTask } from './halves.ts'
import { judgeTasks } from './judge.ts'
import type { TrainedExperts, TrainExpertsOptions } from './options.ts'
import { writeTaskPack } from './write-task-pack.ts'

/** The weights of both ways: an expert a task, and one for all under each task's instruction. In the order of the tasks. */
export interface BothWays {
  readonly experts: readonly PackedWeights[]
  readonly multiTask: readonly PackedWeights[]
}

/** What the expert of all tasks is called in progress and logs. */
const multiTask = 'multi-task'

/**
 * Trains for several tasks in both ways: one expert for all of them, and one expert a task, with a router that tells tasks apart. Both have the same
 * steps, settings and questions, and are judged on questions that neither has seen; what did better goes into the pack at `out`.
 * Equal inputs and seeds give equal experts.
 * @throws InvalidArgumentError, InvalidPackError, PackNotWrittenError
 */
export async function trainExperts(options: TrainExpertsOptions): Promise<TrainedExperts> {
  const started = performance.now()
  const { pack = bundledPack(), out, seed = 1, signal, onProgress } = options
  const sets = checkedSets(options, seed)
  const tasks = [...new Set(sets.map(({ training }) => training.task))]
  if (out !== undefined && existsSync(join(out, 'pack.json')))
    throw new InvalidArgumentError('out', `already holds a pack: ${out}`, 'Name a new directory: its experts are those of the tasks alone.')
  const target = out === undefined ? undefined : await packTarget({ pack, out })
  const loaded = await loadPack(pack)
  try {
    const method = options.method ?? (loaded.model ? 'table' : 'lora')
    const { ways, steps } = await trainBoth(sets, tasks, method, loaded, options)
    const judged = await judgeTasks(sets, tasks, ways, loaded, { seed, ...(signal && { signal }), ...(onProgress && { onProgress }) })
    const comparison = compareTasks(judged.scores)
    const test = judged.test.length > 0 ? compareTasks(judged.test) : undefined
    const winner = comparison.difference.mean >= 0 ? 'routed' : 'multi-task'
    if (target) {
      onProgress?.({ stage: 'write', done: 0, total: 1, eta: undefined })
      signal?.throwIfAborted()
      const chosen = winner === 'routed' ? ways.experts : ways.multiTask
      await writeTaskPack(loaded.pack, target.out, { weights: chosen, routing: judged.routing[winner], comparison, winner })
    }
    if (options.checkpoint !== undefined) await removeCheckpoints(options.checkpoint, [multiTask, ...tasks])
    const seconds = (performance.now() - started) / 1000
    return { winner, comparison, ...(test && { test }), ...(target && { pack: target.out }), method, steps, seconds }
  } finally {
    await loaded.close()
  }
}

function checkedSets({ tasks: sets, steps }: TrainExpertsOptions, seed: number): HalvedTask[] {
  const tasks = Array.isArray(sets) ? new Set((sets as TrainExpertsOptions['tasks']).map(({ task }) => task)) : new Set<string>()
  if (tasks.size < 2)
    throw new InvalidArgumentError('tasks', `are ${tasks.size}`, 'Give sets of two tasks or more; `trainIntoPack` trains for one.')
  for (const task of tasks) checkExpertName(task)
  if (tasks.has(multiTask))
    throw new InvalidArgumentError('tasks', `have one called "${multiTask}", as the expert of all of them is`, 'Choose another name.')
  if (steps !== undefined && !(Number.isInteger(steps) && steps >= tasks.size))
    throw new InvalidArgumentError('steps', `is ${steps}`, `Give a whole number, at least one for each of the ${tasks.size} tasks.`)
  gatherSets(sets.map((set) => ({ ...set, heldOut: [...(set.heldOut ?? []), ...(set.test ?? [])] })))
  for (const task of tasks) {
    const instructions = new Set(sets.filter((set) => set.task === task).map(({ instruction }) => JSON.stringify(instruction)))
    if (instructions.size > 1)
      throw new InvalidArgumentError(
        'tasks',
        `have sets of "${task}" behind different instructions`,
        'A task has one; call the others differently.',
      )
  }
  const divided = sets.map((set) => halved(set, seed))
  checkHalves(divided)
  return divided
}

async function trainBoth(
  sets: readonly HalvedTask[],
  tasks: readonly string[],
  method: TrainingMethod,
  loaded: LoadedPack,
  options: TrainExpertsOptions,
): Promise<{ ways: BothWays; steps: Record<string, number> }> {
  const { training = {}, homogeneous = true, selfPaced = true, checkpoint, checkpointEvery = 10, seed = 1 } = options
  const { signal, onProgress, onLog } = options
  const budget = options.steps ?? tasks.length * (method === 'lora' ? 200 : 400)
  const clock = startClock(2 * budget)
  const kept = new Map<string, number>()
  let before = 0
  const train = async (expert: string, asked: readonly string[], steps: number): Promise<PackedWeights[]> => {
    const own = sets.filter(({ training: { task } }) => asked.includes(task))
    const file = checkpoint === undefined ? undefined : join(checkpoint, `${expert}.training`)
    const settings = {
      ...training,
      name: expert,
      pairs: own.map(({ training: set }) => set),
      folds: 0,
      steps,
      homogeneous,
      selfPaced,
      seed,
      // What it is worth is told by the comparison.
      force: true,
      ...(signal && { signal }),
      ...(file !== undefined && { checkpointEvery: 1, onCheckpoint: checkpointsTo(file, checkpointEvery) }),
      onLog: (entry: TrainingLogEntry) => onLog?.({ expert, ...entry }),
      onProgress({ stage, done, total, loss }: TrainingProgress) {
        if (stage !== 'train') return
        const share = before + (steps * done) / Math.max(1, total)
        onProgress?.({ ...clock(Math.round(share)), stage: 'train', expert, ...(loss !== undefined && { loss }) })
      },
    }
    const { changes, steps: best } = await resumed(file, (resume) =>
      trainedChanges(method, loaded, (how) => trainExpert({ ...settings, ...how, ...resume } as LoraExpertOptions)),
    )
    before += steps
    kept.set(expert, best)
    return asked.map((task) => {
      const { instruction } = own.find((set) => set.training.task === task)!.training
      return packWeights({ name: task, method, changes, instruction, tied: training.tied ?? false, task, folder: expert }, loaded)
    })
  }
  const all = await train(multiTask, tasks, budget)
  const experts: PackedWeights[] = []
  for (const task of tasks) experts.push(...(await train(task, [task], Math.max(1, Math.round(budget / tasks.length)))))
  return { ways: { experts, multiTask: all }, steps: Object.fromEntries(kept) }
}

/** The files alone, and the directory where nothing else is in it. */
async function removeCheckpoints(directory: string, experts: readonly string[]): Promise<void> {
  for (const expert of experts) await rm(join(directory, `${expert}.training`), { force: true })
  await rmdir(directory).catch(() => {})
}
