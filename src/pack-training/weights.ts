import type { Encoder } from '../encoder/encoder.ts'
import { InvalidArgumentError } from '../errors.ts'
import { isDense } from '../expert/expert.ts'
import type { PackExpert } from '../expert/pack.ts'
import type { LoadedPack } from '../load-pack.ts'
import type { ExpertCheckpoint } from '../train/expert/checkpoint.ts'
import { trainExpert, type LoraExpertOptions } from '../train/expert/expert.ts'
import type { UnseenQuery } from '../train/expert/plan.ts'
import type { TrainingProgress } from '../train/progress.ts'
import { checkpointsTo, resumed } from './checkpoints.ts'
import type { Division } from './division.ts'
import { packWeights, trainedChanges } from './packed-weights.ts'
import type { QueryView } from './search.ts'
import type { PackTrainingProgress, TrainIntoPackOptions, TrainingMethod } from './train-into-pack.ts'

/** A trained expert, as it goes into a pack. */
export interface ExpertWeights {
  readonly queryEncoder: Encoder
  readonly documentEncoder: Encoder
  close(): Promise<void>
  /** What the manifest says of it so far. */
  readonly entry: PackExpert
  /** Its files, by their paths in the pack. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Where questions judge in folds: each as an expert sees it that has not learned from it. */
  readonly unseen: QueryView | undefined
}

/** Trains an expert on a pack's base. @throws TrainingRefusedError */
export async function trainWeights(
  options: TrainIntoPackOptions,
  method: TrainingMethod,
  { sets, judges }: Division,
  { base, model }: LoadedPack,
  description: string | undefined,
): Promise<ExpertWeights> {
  const { name, task, force = false, seed = 1, signal, onProgress, onLog, training = {}, checkpoint, checkpointEvery = 10 } = options
  const common = {
    // Without folds held-out questions decide, which are then in the first set.
    ...(judges === 'folds' ? { folds: 5, crossFit: true } : { folds: 0 }),
    ...training,
    name,
    pairs: sets,
    force,
    seed,
    ...(signal && { signal }),
    ...(onLog && { onLog }),
    ...(checkpoint !== undefined && { checkpointEvery: 1, onCheckpoint: checkpointsTo(checkpoint, checkpointEvery) }),
    onProgress: (progress: TrainingProgress) => onProgress?.({ ...progress, stage: stageOf(progress.stage) }),
  }
  const resumable = <T>(train: (resume: { resume?: ExpertCheckpoint }) => Promise<T>): Promise<T> => resumed(checkpoint, train)
  const { changes, unseen } = await trainedChanges(method, { base, model }, (how) =>
    resumable((resume) => trainExpert({ ...common, ...resume, ...how } as LoraExpertOptions)),
  )
  const [{ instruction }] = sets
  const packed = packWeights({ name, method, changes, instruction, tied: training.tied ?? false, task, description }, { base, model })
  const opened = await packed.open()
  const { expert } = opened
  if (!isDense(expert)) throw new InvalidArgumentError('method', `is ${JSON.stringify(method)}, which makes no vectors`)
  return {
    queryEncoder: expert.queryEncoder,
    documentEncoder: expert.documentEncoder,
    close: opened.close,
    entry: packed.entry,
    files: packed.files,
    unseen: viewOf(unseen),
  }
}

function stageOf(stage: string): PackTrainingProgress['stage'] {
  return stage === 'embed' || stage === 'judge' ? stage : 'train'
}

/** Each query as an expert sees it that has not learned from it. */
function viewOf(unseen: readonly UnseenQuery[] | undefined): QueryView | undefined {
  if (!unseen) return undefined
  const vectors = new Map(unseen.map(({ text, vector }) => [text, vector]))
  return async (texts) => texts.map((text) => vectors.get(text)!)
}
