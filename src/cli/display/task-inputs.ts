import type { SetsFromSamples, TaskTraining, TrainingSet, UnusedReason } from '../../train/index.ts'
import { count, counted } from './numbers.ts'
import { alignedTable } from './table.ts'

/** What was read to train on. */
export interface TaskInputs {
  readonly sets: readonly (TaskTraining & { readonly set: string })[]
  readonly unused: SetsFromSamples['unused']
  /** Questions that are asked to judge, and so not learned from. */
  readonly kept: number
}

const reasons: Readonly<Record<UnusedReason, string>> = {
  'nothing says which candidate helps': 'nothing says which candidate helps',
  'its rewards lie too close together': 'rewards too close together',
  'it has no candidates': 'no candidates',
}

/** What was read for each task, how it will be learned, and what is not used. */
export function taskInputText(inputs: TaskInputs): string[] {
  const { sets, kept } = inputs
  const rows = sets.map((set) => [
    set.task,
    set.set,
    count(set.queries.length),
    count(set.documents.length),
    set.heldOut ? count(set.heldOut.length) : 'a fifth',
    set.test ? count(set.test.length) : '–',
    lossOf(set),
  ])
  return [
    ...alignedTable(['task', 'set', 'questions', 'passages', 'held out', 'test', 'learns by'], rows, { left: [0, 1, 6] }),
    ...unusedText(inputs),
    ...(kept > 0
      ? [`${counted(kept, 'question')} not learned from, as held-out or test questions repeat ${kept === 1 ? 'it' : 'them'}`]
      : []),
  ]
}

/** How a set is learned: graded distillation, KL distillation or contrast, and how many of its questions have no rewards to learn from. */
export function lossOf({ queries, loss = {} }: Pick<TrainingSet, 'queries' | 'loss'>): string {
  const { contrastive = 1, distillation } = loss
  const taught = queries.filter(({ rewards }) => rewards).length
  const without = queries.length - taught
  if (!distillation || distillation.weight === 0) return taught > 0 ? 'contrast; rewards judge' : 'contrast'
  if (taught === 0) return 'contrast: no rewards'
  const kind = distillation.kind === 'kl' ? `KL distillation at ${distillation.temperature ?? 1}` : 'graded distillation'
  const both = contrastive > 0 ? `${kind} and contrast` : kind
  return without > 0 ? `${both}; ${count(without)} without rewards by contrast` : both
}

/** "lrlm: 3 samples unused (rewards too close together)" */
export function unusedText(unused: Pick<SetsFromSamples, 'unused'>): string[] {
  return unusedFigures(unused).map(({ task, reason, samples }) => `${task}: ${counted(samples, 'sample')} unused (${reasons[reason]})`)
}

/** How many samples of each task teach nothing, and why. */
export function unusedFigures({ unused }: Pick<SetsFromSamples, 'unused'>): { task: string; reason: UnusedReason; samples: number }[] {
  const found = new Map<string, { task: string; reason: UnusedReason; samples: number }>()
  for (const { sample, reason } of unused) {
    const key = `${sample.task} ${reason}`
    const known = found.get(key) ?? { task: sample.task, reason, samples: 0 }
    found.set(key, { ...known, samples: known.samples + 1 })
  }
  return [...found.values()]
}

/** What was read, for JSON. */
export function taskInputFigures(inputs: TaskInputs) {
  return {
    sets: inputs.sets.map((set) => ({
      task: set.task,
      set: set.set,
      questions: set.queries.length,
      documents: set.documents.length,
      ...(set.heldOut && { heldOut: set.heldOut.length }),
      ...(set.test && { test: set.test.length }),
      rewarded: set.queries.filter(({ rewards }) => rewards).length,
      learnsBy: lossOf(set),
    })),
    unused: unusedFigures(inputs),
    notLearnedFrom: inputs.kept,
  }
}
