import { rm } from 'node:fs/promises'
import type { Encoder } from '../encoder/encoder.ts'
import { loraEncoder } from '../encoder/lora.ts'
import { peftFiles } from '../encoder/lora/peft.ts'
import { InvalidArgumentError, PilotfishError } from '../errors.ts'
import type { PackExpert } from '../expert/pack.ts'
import { versionedPath } from '../expert/write-pack.ts'
import { expertOf, type LoadedPack } from '../load-pack.ts'
import { readSafetensors } from '../safetensors.ts'
import { readCheckpoint, writeCheckpoint } from '../train/expert/checkpoint-file.ts'
import type { ExpertCheckpoint } from '../train/expert/checkpoint.ts'
import { trainExpert } from '../train/expert/expert.ts'
import type { UnseenQuery } from '../train/expert/plan.ts'
import { adapterFile, tableFile } from '../train/files.ts'
import type { TrainingProgress } from '../train/progress.ts'
import type { Division } from './division.ts'
import type { QueryView } from './search.ts'
import type { PackTrainingProgress, TrainIntoPackOptions, TrainingMethod } from './train-into-pack.ts'

/** A trained expert, as it goes into a pack. */
export interface ExpertWeights {
  readonly queryEncoder: Encoder
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
  const { name, force = false, seed = 1, signal, onProgress, training = {}, checkpoint, checkpointEvery = 10 } = options
  const common = {
    // Without folds held-out questions decide, which are then in the first set.
    ...(judges === 'folds' ? { folds: 5, crossFit: true } : { folds: 0 }),
    ...training,
    name,
    pairs: sets,
    force,
    seed,
    ...(signal && { signal }),
    ...(checkpoint !== undefined && { checkpointEvery: 1, onCheckpoint: checkpointsTo(checkpoint, checkpointEvery) }),
    onProgress: (progress: TrainingProgress) => onProgress?.({ ...progress, stage: stageOf(progress.stage) }),
  }
  const entryOf = (path: string): PackExpert => ({ name, kind: method, path, ...(description && { description }) })
  const resumable = <T>(train: (resume: { resume?: ExpertCheckpoint }) => Promise<T>): Promise<T> => resumed(checkpoint, train)
  if (method === 'lora') {
    if (model)
      throw new InvalidArgumentError(
        'method',
        'is "lora", but the base of the pack is static',
        'Train a table, or give a pack with an ONNX base.',
      )
    const { changes, unseen } = await resumable((resume) => trainExpert({ ...common, ...resume, method, base }))
    const files = peftFiles(changes)
    // Both files lie in a directory that names their content.
    const [place] = versionedPath(`experts/${name}/lora.peft`, Buffer.concat([...files.values()])).split('.peft')
    const queryEncoder = await loraEncoder(base, changes)
    return {
      queryEncoder,
      close: () => queryEncoder.close(),
      entry: entryOf(place!),
      files: new Map([...files].map(([file, content]) => [`${place}/${file}`, content])),
      unseen: viewOf(unseen),
    }
  }
  if (method === 'table' && !model)
    throw new InvalidArgumentError('method', 'is "table", but the base of the pack is not static', 'Train LoRA or an adapter.')
  const { changes, unseen } =
    method === 'adapter'
      ? await resumable(async (resume) => {
          const trained = await trainExpert({ ...common, ...resume, method, base })
          return { ...trained, changes: adapterFile(trained.changes) }
        })
      : await resumable(async (resume) => {
          const trained = await trainExpert({ ...common, ...resume, method, base: model! })
          return { ...trained, changes: tableFile(trained.changes, model!.dimensions, 8) }
        })
  const path = versionedPath(`experts/${name}/${method}.safetensors`, changes)
  const entry = entryOf(path)
  const { tensors } = readSafetensors(changes, path)
  const { queryEncoder } = expertOf({ entry, version: 'new', tensors, where: path }, { base, model })
  return { queryEncoder, close: async () => {}, entry, files: new Map([[path, changes]]), unseen: viewOf(unseen) }
}

/** Writes a checkpoint now and then. */
function checkpointsTo(path: string, seconds: number): (state: ExpertCheckpoint) => Promise<void> {
  let last = performance.now()
  return async (state) => {
    if (performance.now() - last < 1000 * seconds) return
    await writeCheckpoint(path, state)
    last = performance.now()
  }
}

/** Goes on from a checkpoint of the same training; one of another training is none. */
async function resumed<T>(path: string | undefined, train: (resume: { resume?: ExpertCheckpoint }) => Promise<T>): Promise<T> {
  const resume = path === undefined ? undefined : await readCheckpoint(path)
  if (!resume) return train({})
  try {
    return await train({ resume })
  } catch (error) {
    if (!(PilotfishError.is(error) && error instanceof InvalidArgumentError && error.argument === 'resume')) throw error
    await rm(path!, { force: true })
    return train({})
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
