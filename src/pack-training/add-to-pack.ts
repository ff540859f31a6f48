import { DuplicateExpertError, InvalidArgumentError, TrainingRefusedError, UnsupportedError } from '../errors.ts'
import { isDense } from '../expert/expert.ts'
import { loadPack } from '../load-pack.ts'
import { openExpert } from '../open-expert.ts'
import type { NewcomerFigures } from '../routing/newcomer-figures.ts'
import { gatherSets, tooSmall, type TrainingPair, type TrainingSet } from '../train/expert/pairs.ts'
import { random, shuffled } from '../train/random.ts'
import type { TrainingProgress } from '../train/progress.ts'
import type { Division } from './division.ts'
import type { ExpertFigures } from './figures.ts'
import { checkExpertName, settleNewcomer } from './newcomer.ts'
import { findExpert, type ExpertSource } from './source.ts'
import { packTarget } from './target.ts'
import { forgotten, keptFigures, writeExpert } from './write-expert.ts'

export interface AddToPackOptions extends ExpertSource {
  /** Of the expert: letters, digits, `-` and `_`. */
  readonly name: string
  /**
   * Questions of its domain with passages that answer them: they judge the expert, fit its BM25 share and teach the router when to ask
   * it. @default none: it is asked only when named
   */
  readonly pairs?: readonly TrainingPair[] | TrainingSet
  /** One line for people: what the expert knows. @default that of the expert it replaces */
  readonly description?: string
  /** Directory of the pack to start from. @default the one at `out`, if any, else the bundled one */
  readonly pack?: string
  /** Directory of the pack with the expert; a pack that is there is changed in place. @default `pack` */
  readonly out?: string
  /** Take the place of an expert of that name. @default false, an error */
  readonly replace?: boolean
  /** Keep an expert that does not beat the general one on the questions. @default false */
  readonly force?: boolean
  /** @default 1 */
  readonly seed?: number
  /** Stops; the pack stays as it was. */
  readonly signal?: AbortSignal
  /** `open` while models are read or fetched; `score` counts texts. */
  readonly onProgress?: (progress: TrainingProgress & { readonly stage: 'open' | 'score' | 'route' | 'write' }) => void
}

/** An expert that is in its pack. */
export interface AddedExpert {
  readonly name: string
  readonly kind: 'lora' | 'instruction' | 'model' | 'remote'
  /** What it retrieves for, if it is bound to a task. */
  readonly task?: string
  /** Directory of the pack that holds it. */
  readonly pack: string
  /** The router may choose it; else it is asked when named. */
  readonly routed: boolean
  /** It searches documents that the base embeds: an index stays as it is. Else `reembed` embeds its documents by the new model too. */
  readonly sharesSpace: boolean
  /** By the questions that were given. The expert may have been trained on them: only its maker knows. */
  readonly heldOut?: ExpertFigures
  readonly routing?: NewcomerFigures
  /** BM25's share for its questions, in [0, 1]. */
  readonly lexicalWeight?: number
}

/** Questions that judge and teach, at most. */
const mostQuestions = 1000

/**
 * Puts an expert that was made elsewhere into a pack: a LoRA adapter in PEFT's format, a model, or an endpoint. With questions it is
 * judged beside the general expert and the router learns when to ask it, as for a trained one; without it is asked by name. The pack is
 * written all of it or nothing.
 * @throws TrainingRefusedError when it does not beat the general one, DuplicateExpertError, InvalidArgumentError, ModelNotFoundError,
 * InvalidModelError, UnsupportedError, AdapterMismatchError, EncoderFailedError, InvalidPackError, PackNotWrittenError
 */
export async function addToPack(options: AddToPackOptions): Promise<AddedExpert> {
  const { name, task, seed = 1, force = false, signal, onProgress, hub } = options
  checkExpertName(name)
  checkTaskName(task)
  const target = await packTarget(options)
  const once = { done: 0, total: 1, eta: undefined }
  onProgress?.({ ...once, stage: 'open' })
  const loaded = await loadPack(target.source)
  try {
    const old = loaded.pack.manifest.experts.find((expert) => expert.name === name)
    if (old && !options.replace)
      throw new DuplicateExpertError(name, 'Choose another name, or let the new one take its place: --replace (`replace: true`).')
    const division = options.pairs && judgesOf(options.pairs, seed)
    const found = await findExpert(name, options, signal)
    if (found.entry.kind === 'lora' && loaded.model)
      throw new UnsupportedError(
        `The pack at ${target.source} has a token table as its base, and LoRA changes the layers of a transformer.`,
        'Add it to a pack whose base is the ONNX model that the adapter was trained on.',
      )
    signal?.throwIfAborted()

    const { expert, close } = await openExpert(found.present, found.directory, loaded, { ...hub, ...(signal && { signal }) })
    try {
      if (!isDense(expert)) throw new InvalidArgumentError('source', 'has no vectors')
      const { queryEncoder, documentEncoder } = expert
      const settled =
        division &&
        (await settleNewcomer(
          loaded,
          division,
          { name, view: (texts, how) => queryEncoder.encode(texts, how), documentEncoder },
          { seed, signal, ...(onProgress && { onProgress }) },
        ))
      const figures = settled && keptFigures(settled.heldOut)
      if (figures && figures.expert <= figures.general && !force) throw new TrainingRefusedError(name, figures)

      signal?.throwIfAborted()
      onProgress?.({ ...once, stage: 'write' })
      const about = options.description ?? old?.description
      const entry = {
        ...found.entry,
        ...(task !== undefined && { task }),
        ...(about && { description: about }),
        late: true,
        ...(figures && { heldOut: figures }),
      }
      const routing = settled ?? (old && forgotten(name, loaded))
      await writeExpert(loaded.pack, target, { entry, files: found.files, old, ...(routing && { routing }) })
      return {
        name,
        kind: found.entry.kind,
        ...(task !== undefined && { task }),
        pack: target.out,
        routed: settled !== undefined,
        sharesSpace: documentEncoder.id === loaded.base.id,
        ...(settled && { heldOut: settled.heldOut, routing: settled.routing, lexicalWeight: settled.lexicalWeight }),
      }
    } finally {
      await close()
    }
  } finally {
    await loaded.close()
  }
}

/** Names of one's own are fine: whoever asks uses the same. @throws InvalidArgumentError */
function checkTaskName(task: unknown): void {
  if (task === undefined || (typeof task === 'string' && task !== '' && task.trim() === task && task.length <= 64)) return
  throw new InvalidArgumentError(
    'task',
    `is ${JSON.stringify(task)}`,
    'Use one of the six tasks, or a name of your own of up to 64 characters.',
  )
}

/** All questions judge, and the router learns from all: the expert itself learns from none of them. */
function judgesOf(pairs: readonly TrainingPair[] | TrainingSet, seed: number): Division {
  const { documents, queries, heldOut = [] } = gatherSets('queries' in pairs ? [pairs] : pairs)[0]!
  const all = [...queries, ...heldOut]
  if (all.length < 5) throw tooSmall()
  return { sets: [{ documents, queries: shuffled(all, random(seed, 0xadd)).slice(0, mostQuestions) }], judges: 'folds', madeUp: false }
}
