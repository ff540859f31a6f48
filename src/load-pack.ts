import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Encoder } from './encoder/encoder.ts'
import { adaptedEncoder, lowRankAdapter } from './encoder/adapted.ts'
import { onnxEncoder } from './encoder/onnx.ts'
import { loadStaticModel, type StaticModel } from './encoder/static-model.ts'
import { staticEncoder } from './encoder/static.ts'
import { InvalidPackError } from './errors.ts'
import type { AdapterExpert, Expert, TableExpert } from './expert/expert.ts'
import { adapterWeights, openPack, tableWeights, type Pack, type PackExpert } from './expert/pack.ts'
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
}

/** Name of the expert that queries far from all others are given to. */
export const generalName = 'general'

/** Directory of the pack that comes with the library. */
export function bundledPack(): string {
  // The same two steps up from src/load-pack.ts and from dist/index.js.
  return fileURLToPath(new URL('../models/bundled', import.meta.url))
}

/** Opens a pack directory. The base is the caller's to close. @throws InvalidPackError */
export async function loadPack(directory: string): Promise<LoadedPack> {
  const pack = await openPack(directory)
  const { manifest } = pack
  const path = join(directory, manifest.base.path)
  const model = manifest.base.kind === 'static' ? await loadStaticModel(path) : undefined
  const base = model ? staticEncoder(model) : await onnxEncoder(path)
  const experts = await Promise.all(manifest.experts.map((entry) => packExpert(pack, entry, base, model)))
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
    experts: [generalExpert(base), ...experts],
    router,
    calibration,
    fusion: fusion(calibration),
    ...(manifest.lexical && { lexical: manifest.lexical }),
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

async function packExpert(pack: Pack, entry: PackExpert, base: Encoder, model: StaticModel | undefined): Promise<Expert> {
  if (entry.kind === 'lexical') return { kind: 'lexical', ...facts(entry) }
  const path = entry.path!
  const version = pack.manifest.files?.[path]?.slice(0, 16) ?? pack.manifest.version
  return expertOf({ entry, version, tensors: await pack.tensors(path), where: join(pack.directory, path) }, { base, model })
}

/** A dense expert from its stored weights. @param version Tells these weights from others of the same name. @throws InvalidPackError */
export function expertOf(
  { entry, version, tensors, where }: { entry: PackExpert; version: string; tensors: ReadonlyMap<string, Tensor>; where: string },
  { base, model }: Pick<LoadedPack, 'base' | 'model'>,
): AdapterExpert | TableExpert {
  const id = `${entry.name}@${version}`
  if (entry.kind === 'adapter') {
    const adapter = lowRankAdapter({ ...adapterWeights(tensors, base.dimensions, where), dimensions: base.dimensions, id })
    return { kind: 'adapter', ...facts(entry), adapt: adapter, queryEncoder: adaptedEncoder(base, adapter), documentEncoder: base }
  }
  if (!model) throw new InvalidPackError(where, `belongs to the table expert "${entry.name}", but its base is not static`)
  const changes = { id, ...tableWeights(tensors, model.dimensions, model.vocabularySize, where) }
  return { kind: 'table', ...facts(entry), queryEncoder: staticEncoder(model, { changes }), documentEncoder: base }
}

/** What people are told of an expert. */
function facts({ name, description = '', heldOut, late }: PackExpert) {
  return { name, description, ...(heldOut && { heldOut }), ...(late !== undefined && { late }) }
}
