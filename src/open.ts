import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import type { AddProgress, Engine } from './engine.ts'
import type { Encoder } from './encoder/encoder.ts'
import { adaptedEncoder, lowRankAdapter } from './encoder/adapted.ts'
import { onnxEncoder } from './encoder/onnx.ts'
import { loadStaticModel, type StaticModel } from './encoder/static-model.ts'
import { staticEncoder } from './encoder/static.ts'
import { createEngine } from './engine/create.ts'
import { backfill } from './engine/ingest.ts'
import { IndexMismatchError, InvalidArgumentError, InvalidPackError } from './errors.ts'
import { isDense, type Expert } from './expert/expert.ts'
import { adapterWeights, openPack, tableWeights, type Pack, type PackExpert } from './expert/pack.ts'
import { readCalibration } from './routing/calibration.ts'
import { fusion } from './routing/convex-fusion.ts'
import type { Router } from './routing/router.ts'
import { loadRouter } from './routing/saved-router.ts'
import { textRouter } from './routing/text-router.ts'
import { embeddedStore } from './store/embedded.ts'
import type { LexicalOptions, Store } from './store/store.ts'

export interface OpenOptions {
  /** Where documents are kept; made when missing. @default in memory, gone when closed */
  readonly directory?: string
  /** Search an index that another process may be writing; changes are refused. @default false */
  readonly readOnly?: boolean
  /** Directory of an expert pack. @default the bundled pack (English) */
  readonly pack?: string
  /** An encoder of your own as base and general expert, in place of a pack. */
  readonly base?: Encoder
  /** Experts beside those of the pack, with example queries that teach the router when to choose them. */
  readonly experts?: readonly OpenExpert[]
  /** A store of your own, in place of `directory`. Stays yours to close. */
  readonly store?: Store
  /** Decides in place of the pack's router. */
  readonly router?: Router
  /** BM25 constants. @default the pack's */
  readonly lexical?: LexicalOptions
  /** Embeds stored documents again where they lack a vector of an encoder in use. Resumable. @default false */
  readonly reembed?: boolean
  readonly signal?: AbortSignal
  /** Reports on `reembed`. */
  readonly onProgress?: (progress: AddProgress) => void
}

/** An expert to open with. */
export interface OpenExpert {
  readonly expert: Expert
  /** Typical questions of its domain: a dozen help, a few hundred are good. */
  readonly queries?: readonly string[]
  /** BM25's share for its questions, in [0, 1]. @default the pack's weight for unknown domains */
  readonly lexicalWeight?: number
}

/** Name of the expert that queries far from all others are given to. */
const general = 'general'

/**
 * Opens an engine: bundled experts and an in-memory index unless told otherwise.
 * @throws InvalidPackError, IndexMismatchError, IndexLockedError, IndexCorruptError, IndexReadOnlyError, StorageError
 */
export async function openPilotfish(options: OpenOptions = {}): Promise<Engine> {
  const { directory, readOnly = false, base: ownBase, experts: extra = [], reembed = false, signal, onProgress } = options
  if (ownBase && options.pack !== undefined)
    throw new InvalidArgumentError('base', 'was given beside a pack', 'A pack brings its own base; give one of the two.')
  if (options.store && directory !== undefined)
    throw new InvalidArgumentError('store', 'was given beside a directory', 'Give one of the two.')
  if (readOnly && reembed) throw new InvalidArgumentError('reembed', 'needs to write, but `readOnly` is set')
  signal?.throwIfAborted()

  const owned: { close(): Promise<void> }[] = []
  try {
    const pilot = ownBase ? ownPilot(ownBase) : await packPilot(options.pack ?? bundledPack())
    if (!ownBase) owned.push(pilot.base)
    const lexical = options.lexical ?? pilot.lexical
    const store = options.store ?? (await embeddedStore(directory ?? ':memory:', { readOnly, ...(lexical && { lexical }) }))
    if (!options.store) owned.unshift(store)

    const experts = [...pilot.experts, ...extra.map(({ expert }) => expert)]
    await settleSpaces(store, experts, { reembed, ...(signal && { signal }), ...(onProgress && { onProgress }) })
    const engine = createEngine({
      base: pilot.base,
      experts: pilot.experts,
      general,
      router: options.router ?? pilot.router,
      fusion: pilot.fusion,
      store,
      owned,
    })
    for (const { expert, ...teaching } of extra) await engine.experts.add(expert, { ...teaching, ...(signal && { signal }) })
    return engine
  } catch (error) {
    for (const part of owned) await part.close()
    throw error
  }
}

/** Directory of the pack that comes with the library. */
export function bundledPack(): string {
  // The same two steps up from src/open.ts and from dist/index.js.
  return fileURLToPath(new URL('../models/bundled', import.meta.url))
}

interface Pilot {
  readonly base: Encoder
  readonly experts: readonly Expert[]
  readonly router: Router
  readonly fusion: ReturnType<typeof fusion>
  readonly lexical?: LexicalOptions
}

function ownPilot(base: Encoder): Pilot {
  return { base, experts: [generalExpert(base)], router: textRouter([]), fusion: fusion() }
}

function generalExpert(base: Encoder): Expert {
  return { kind: 'model', name: general, description: 'Answers what no other expert knows', queryEncoder: base, documentEncoder: base }
}

async function packPilot(directory: string): Promise<Pilot> {
  const pack = await openPack(directory)
  const { manifest } = pack
  const path = join(directory, manifest.base.path)
  const model = manifest.base.kind === 'static' ? await loadStaticModel(path) : undefined
  const base = model ? staticEncoder(model) : await onnxEncoder(path)
  const experts = await Promise.all(manifest.experts.map((entry) => packExpert(pack, entry, base, model)))
  const router = manifest.router === undefined ? textRouter([]) : loadRouter(manifest.router, await pack.tensors('pilots.safetensors'))
  return {
    base,
    experts: [generalExpert(base), ...experts],
    router,
    fusion: fusion(manifest.calibration === undefined ? undefined : readCalibration(manifest.calibration)),
    ...(manifest.lexical && { lexical: manifest.lexical }),
  }
}

async function packExpert(pack: Pack, entry: PackExpert, base: Encoder, model: StaticModel | undefined): Promise<Expert> {
  const { name, description = '' } = entry
  if (entry.kind === 'lexical') return { kind: 'lexical', name, description }
  const path = entry.path!
  const where = join(pack.directory, path)
  const tensors = await pack.tensors(path)
  const id = `${name}@${pack.manifest.files?.[path]?.slice(0, 16) ?? pack.manifest.version}`
  if (entry.kind === 'adapter') {
    const adapter = lowRankAdapter({ ...adapterWeights(tensors, base.dimensions, where), dimensions: base.dimensions, id })
    return { kind: 'adapter', name, description, adapt: adapter, queryEncoder: adaptedEncoder(base, adapter), documentEncoder: base }
  }
  if (!model) throw new InvalidPackError(pack.directory, `has the table expert "${name}" on a base that is not static`)
  const changes = { id, ...tableWeights(tensors, model.dimensions, model.vocabularySize, where) }
  return { kind: 'table', name, description, queryEncoder: staticEncoder(model, { changes }), documentEncoder: base }
}

/** Sees to it that every stored document has a vector in every space in use. */
async function settleSpaces(
  store: Store,
  experts: readonly Expert[],
  { reembed, ...rest }: { reembed: boolean; signal?: AbortSignal; onProgress?: (progress: AddProgress) => void },
): Promise<void> {
  const { documents, spaces, location } = await store.info()
  if (documents === 0) return
  const needed = new Map(experts.filter(isDense).map(({ documentEncoder }) => [documentEncoder.id, documentEncoder]))
  const missing = [...needed.keys()].filter((id) => (spaces.find(({ space }) => space === id)?.vectors ?? 0) < documents)
  if (missing.length === 0) return
  if (!reembed) {
    throw new IndexMismatchError(
      location,
      spaces.map(({ space }) => space),
      [...needed.keys()],
    )
  }
  await backfill(store, new Map(missing.map((id) => [id, needed.get(id)!])), rest)
}
