import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Encoder } from './encoder/encoder.ts'
import { adaptedEncoder, lowRankAdapter } from './encoder/adapted.ts'
import { onnxEncoder } from './encoder/onnx.ts'
import type { OnnxDType } from './encoder/onnx/file.ts'
import { loadStaticModel, type StaticModel } from './encoder/static-model.ts'
import { staticEncoder } from './encoder/static.ts'
import { InvalidPackError, PilotfishError } from './errors.ts'
import type { AdapterExpert, Expert, InstructionExpert, TableExpert } from './expert/expert.ts'
import { insidePack, openPack, type Pack, type PackExpert } from './expert/pack.ts'
import { adapterWeights, tableWeights } from './expert/stored-weights.ts'
import {
  closeAll,
  expertFacts,
  hasOwnEncoders,
  instructed,
  openExpert,
  ownOf,
  sidesOf,
  type Ground,
  type OpenedExpert,
} from './open-expert.ts'
import { readCalibration, type Calibration } from './routing/calibration.ts'
import { fusion } from './routing/convex-fusion.ts'
import type { Fusion } from './routing/fusion.ts'
import type { Router } from './routing/router.ts'
import { loadRouter } from './routing/saved-router.ts'
import type { Tensor } from './safetensors.ts'
import { textRouter } from './routing/text-router.ts'
import type { LexicalOptions } from './store/store.ts'

/** A pack in working order: its files read and checked, its encoders open. */
export interface LoadedPack {
  readonly pack: Pack
  readonly base: Encoder
  /** The weights of a static base. */
  readonly model: StaticModel | undefined
  /** The general expert first, then those of the pack; a multi-task one is among them, to be asked by name alone. */
  readonly experts: readonly Expert[]
  /** Chooses among all experts but the multi-task one. */
  readonly router: Router
  /** `undefined` in a pack that was not calibrated. */
  readonly calibration: Calibration | undefined
  readonly fusion: Fusion
  /** BM25 constants the calibration was made with. */
  readonly lexical?: LexicalOptions
  /** Closes the base and everything else that was opened. Safe to call twice. */
  close(): Promise<void>
}

/** Name of the expert that queries far from all others are given to. */
export const generalName = 'general'

/** Directory of the pack that comes with the library. */
export function bundledPack(): string {
  // The same two steps up from src/load-pack.ts and from dist/index.js.
  return fileURLToPath(new URL('../models/bundled', import.meta.url))
}

/** Opens a pack directory, with every model in it; endpoints are not asked yet. @throws InvalidPackError */
export async function loadPack(directory: string): Promise<LoadedPack> {
  const pack = await openPack(directory)
  const { manifest } = pack
  const opened: (() => Promise<void>)[] = []
  let closing: Promise<void> | undefined
  // Experts before the base whose session they share.
  const close = (): Promise<void> =>
    (closing ??= (async () => {
      for (const end of opened.toReversed()) await end()
    })())
  try {
    const path = insidePack(directory, manifest.base.path)
    const model = manifest.base.kind === 'static' ? await loadStaticModel(path) : undefined
    const { dtype } = manifest.base
    const base = model ? staticEncoder(model) : await onnxEncoder(path, dtype === undefined ? {} : { dtype: dtype as OnnxDType })
    opened.push(() => base.close())
    const experts: Expert[] = [generalExpert(base)]
    for (const entry of manifest.experts) {
      const { expert, close: end } = await packExpert(pack, entry, { base, model })
      opened.push(end)
      experts.push(expert)
    }
    const saved =
      manifest.router === undefined
        ? textRouter([])
        : loadRouter(manifest.router, await pack.tensors(manifest.pilots ?? 'pilots.safetensors'))
    const multiTask = manifest.experts.find((expert) => expert.multiTask)
    const router = multiTask ? saved.without(multiTask.name) : saved
    const calibration = manifest.calibration === undefined ? undefined : readCalibration(manifest.calibration)
    return {
      pack,
      base,
      model,
      experts,
      router,
      calibration,
      fusion: fusion(calibration),
      ...(manifest.lexical && { lexical: manifest.lexical }),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** The base as an expert of its own. */
export function generalExpert(base: Encoder): Expert {
  return {
    kind: 'model',
    name: generalName,
    description: 'Answers what no other expert knows',
    queryEncoder: base,
    documentEncoder: base,
  }
}

async function packExpert(pack: Pack, entry: PackExpert, ground: Ground): Promise<OpenedExpert> {
  if (entry.kind === 'lexical') return { expert: { kind: 'lexical', ...expertFacts(entry) }, close: async () => {} }
  const { directory } = pack
  if (hasOwnEncoders(entry)) return openExpert(entry, directory, ground).catch((error: unknown) => refuse(error, entry.name, directory))
  const path = entry.path!
  const version = pack.manifest.files?.[path]?.slice(0, 16) ?? pack.manifest.version
  const tensors = await pack.tensors(path)
  try {
    const expert = expertOf({ entry, version, tensors, where: join(directory, path) }, ground)
    return { expert, close: () => closeAll(ownOf(expert, ground.base)) }
  } catch (error) {
    return refuse(error, entry.name, directory)
  }
}

/** What is wrong with an expert's files is wrong with its pack; what is wrong around it, a missing package or network, is not. */
function refuse(error: unknown, expert: string, directory: string): never {
  const ofFiles = [
    'INVALID_MODEL',
    'MODEL_NOT_FOUND',
    'UNSUPPORTED',
    'UNSUPPORTED_GRAPH',
    'ADAPTER_MISMATCH',
    'INVALID_ARGUMENT',
    'DIMENSION_MISMATCH',
  ]
  if (!PilotfishError.is(error) || !ofFiles.includes(error.code)) throw error
  throw new InvalidPackError(directory, `has the expert "${expert}", which cannot be used: ${error.message.replace(/\.$/, '')}`, error)
}

/** An expert that changes base vectors or rows, from its stored weights. @param version Tells these weights from others of the same name. @throws InvalidPackError */
export function expertOf(
  { entry, version, tensors, where }: { entry: PackExpert; version: string; tensors: ReadonlyMap<string, Tensor>; where: string },
  { base, model }: Ground,
): AdapterExpert | InstructionExpert | TableExpert {
  // Two experts of one file are one model: with documents of their own they share a space.
  const id = `${entry.path ?? entry.name}@${version}`
  const facts = expertFacts(entry)
  if (entry.kind === 'adapter') {
    const adapter = lowRankAdapter({ ...adapterWeights(tensors, base.dimensions, where), dimensions: base.dimensions, id })
    const sides = sidesOf(entry, base, (instruction) => adaptedEncoder(instructed(base, instruction), adapter))
    // Behind an instruction it needs the vector of another text than the one that was routed.
    if (entry.instructions?.query) return { kind: 'instruction', ...facts, ...sides }
    return { kind: 'adapter', ...facts, adapt: adapter, ...sides }
  }
  if (!model) throw new InvalidPackError(where, `belongs to the table expert "${entry.name}", but its base is not static`)
  const changes = { id, ...tableWeights(tensors, model.dimensions, model.vocabularySize, where) }
  const changed = staticEncoder(model, { changes })
  return { kind: 'table', ...facts, ...sidesOf(entry, base, (instruction) => instructed(changed, instruction)) }
}
