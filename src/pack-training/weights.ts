import { InvalidArgumentError } from '../errors.ts'
import { versionedPath } from '../expert/write-pack.ts'
import type { LoadedPack } from '../load-pack.ts'
import { trainExpert } from '../train/expert/expert.ts'
import type { UnseenQuery } from '../train/expert/plan.ts'
import { adapterFile, tableFile } from '../train/files.ts'
import type { TrainingProgress } from '../train/progress.ts'
import type { Division } from './division.ts'
import type { QueryView } from './search.ts'
import type { PackTrainingProgress, TrainIntoPackOptions } from './train-into-pack.ts'

/** The file of a trained expert. */
export interface ExpertWeights {
  readonly file: Uint8Array
  /** Where it belongs in the pack. */
  readonly path: string
  /** Where questions judge in folds: each as an expert sees it that has not learned from it. */
  readonly unseen: QueryView | undefined
}

/** Trains an expert on a pack's base. @throws TrainingRefusedError */
export async function trainWeights(
  { name, force = false, seed = 1, signal, onProgress, training = {} }: TrainIntoPackOptions,
  method: 'table' | 'adapter',
  { sets, judges }: Division,
  { base, model }: LoadedPack,
): Promise<ExpertWeights> {
  const common = {
    // Without folds held-out questions decide, which are then in the first set.
    ...(judges === 'folds' ? { folds: 5, crossFit: true } : { folds: 0 }),
    ...training,
    name,
    pairs: sets,
    force,
    seed,
    ...(signal && { signal }),
    onProgress: (progress: TrainingProgress) => onProgress?.({ ...progress, stage: stageOf(progress.stage) }),
  }
  if (method === 'adapter') {
    const { changes, unseen } = await trainExpert({ ...common, method, base })
    const file = adapterFile(changes)
    return { file, path: versionedPath(`experts/${name}/adapter.safetensors`, file), unseen: viewOf(unseen) }
  }
  if (!model) throw new InvalidArgumentError('method', 'is "table", but the base of the pack is not static', 'Train an adapter.')
  const { changes, unseen } = await trainExpert({ ...common, method, base: model })
  const file = tableFile(changes, model.dimensions, 8)
  return { file, path: versionedPath(`experts/${name}/table.safetensors`, file), unseen: viewOf(unseen) }
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
