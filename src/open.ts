import type { AddProgress, Engine } from './engine.ts'
import type { Encoder } from './encoder/encoder.ts'
import { createEngine } from './engine/create.ts'
import { backfill } from './engine/ingest.ts'
import { IndexMismatchError, InvalidArgumentError } from './errors.ts'
import { isDense, type Expert } from './expert/expert.ts'
import { bundledPack, generalExpert, generalName, loadPack, type LoadedPack } from './load-pack.ts'
import { fusion } from './routing/convex-fusion.ts'
import type { Router } from './routing/router.ts'
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
  /** How a new index keeps its vectors: `float16` halves their room on disk. @default what the index has, `float32` for a new one */
  readonly vectors?: 'float32' | 'float16'
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
    const loaded = ownBase ? undefined : await loadPack(options.pack ?? bundledPack())
    if (loaded) owned.push(loaded)
    const pilot = loaded ?? ownPilot(ownBase!)
    const lexical = options.lexical ?? pilot.lexical
    const store =
      options.store ??
      (await embeddedStore(directory ?? ':memory:', {
        readOnly,
        ...(lexical && { lexical }),
        ...(options.vectors && { vectors: options.vectors }),
      }))
    if (!options.store) owned.unshift(store)

    const experts = [...pilot.experts, ...extra.map(({ expert }) => expert)]
    await settleSpaces(store, experts, { reembed, ...(signal && { signal }), ...(onProgress && { onProgress }) })
    const engine = createEngine({
      base: pilot.base,
      experts: pilot.experts,
      general: generalName,
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

function ownPilot(base: Encoder): Pick<LoadedPack, 'base' | 'experts' | 'router' | 'fusion' | 'lexical'> {
  return { base, experts: [generalExpert(base)], router: textRouter([]), fusion: fusion() }
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
