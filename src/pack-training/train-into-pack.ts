import { rm } from 'node:fs/promises'
import { DuplicateExpertError } from '../errors.ts'
import { loadPack } from '../load-pack.ts'
import type { NewcomerFigures } from '../routing/newcomer-figures.ts'
import type { AdapterExpertOptions, TrainingLogEntry } from '../train/expert/expert.ts'
import type { TrainingPair, TrainingSet } from '../train/expert/pairs.ts'
import type { LoraOptions } from '../train/lora/lora.ts'
import type { TrainingProgress } from '../train/progress.ts'
import { divide, type Division } from './division.ts'
import type { ExpertFigures } from './figures.ts'
import { checkExpertName, settleNewcomer } from './newcomer.ts'
import type { QueryView } from './search.ts'
import { packTarget } from './target.ts'
import { trainWeights, type ExpertWeights } from './weights.ts'
import { keptFigures, writeExpert } from './write-expert.ts'

/** What is trained: rows of a static base's table, a map of the base's vectors, or low-rank changes of an ONNX base's layers. */
export type TrainingMethod = 'table' | 'adapter' | 'lora'

export interface TrainIntoPackOptions {
  /** Of the new expert: letters, digits, `-` and `_`. */
  readonly name: string
  /** Questions with passages that answer them; `readPairs` reads files. */
  readonly pairs?: readonly TrainingPair[] | TrainingSet
  /** Pairs made of documents (`pairsFromDocuments`): trained on beside `pairs`, which then judge; alone they judge themselves. */
  readonly madeUp?: TrainingSet
  /** One line for people: what the expert knows. @default that of the expert it replaces */
  readonly description?: string
  /** Directory of the pack to start from. @default the one at `out`, if any, else the bundled one */
  readonly pack?: string
  /** Directory of the pack with the new expert; a pack that is there is changed in place. @default `pack` */
  readonly out?: string
  /** The task it is bound to: `retrieve` may then ask by task. @default that of `pairs`, where it names one */
  readonly task?: string
  /** @default 'table' on a static base, else 'lora' */
  readonly method?: TrainingMethod
  /** Take the place of an expert of that name. @default false, an error */
  readonly replace?: boolean
  /** Keep an expert that does not beat the general one on held-out questions. @default false */
  readonly force?: boolean
  /** Settings of the training itself, where its defaults do not suit. */
  readonly training?: Pick<
    AdapterExpertOptions,
    'foreign' | 'rates' | 'steps' | 'batchSize' | 'temperature' | 'hardNegatives' | 'candidates' | 'tied' | 'rank'
  > &
    LoraOptions
  /**
   * File that a training which is cut off goes on from when it is started again with the same inputs; gone once the expert is in its pack.
   * @default none
   */
  readonly checkpoint?: string
  /** Seconds of work that a kill may cost. @default 10 */
  readonly checkpointEvery?: number
  /** @default 1 */
  readonly seed?: number
  /** Stops; the pack stays as it was. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: PackTrainingProgress) => void
  /** Told of every training step. */
  readonly onLog?: (entry: TrainingLogEntry) => void
}

export interface PackTrainingProgress extends TrainingProgress {
  /** `embed` and `score` count texts, `train` and `judge` steps. */
  readonly stage: 'embed' | 'train' | 'judge' | 'score' | 'route' | 'write'
}

/** An expert that is in its pack, with what it is worth. */
export interface PackTraining {
  readonly name: string
  /** Directory of the pack that holds it. */
  readonly pack: string
  readonly method: TrainingMethod
  readonly trained: {
    /** Questions it learned from, those made of documents among them. */
    readonly queries: number
    readonly madeUp: number
    /** Passages of the collections. */
    readonly documents: number
  }
  /** By questions it has not learned from. They also chose how long to train and BM25's share. */
  readonly heldOut: ExpertFigures & {
    /**
     * `folds`: below 1000 questions all of them judge, each under an expert trained on four fifths that lack it; the one in the pack has
     * learned from all. `held-out`: questions set aside.
     */
    readonly judges: Division['judges']
    /** Whether these questions were made of documents. */
    readonly madeUp: boolean
  }
  readonly routing: NewcomerFigures
  /** BM25's share for its questions, in [0, 1]. */
  readonly lexicalWeight: number
  readonly seconds: { readonly training: number; readonly total: number }
}

/**
 * From pairs to an expert in a pack: trains it on the pack's base, fits its BM25 share and its scale to held-out questions,
 * teaches the pack's router when to ask it, and writes the pack, all of it or nothing. Documents stay as they are embedded, so
 * an index made with the old pack opens under the new one. Equal inputs and seeds give equal packs.
 * @throws TrainingRefusedError when the expert does not beat the general one, DuplicateExpertError, InvalidArgumentError,
 * InvalidPackError, PackNotWrittenError
 */
export async function trainIntoPack(options: TrainIntoPackOptions): Promise<PackTraining> {
  const started = performance.now()
  const { name, seed = 1, signal, onProgress } = options
  checkExpertName(name)
  const target = await packTarget(options)
  const loaded = await loadPack(target.source)
  let weights: ExpertWeights | undefined
  try {
    const old = loaded.pack.manifest.experts.find((expert) => expert.name === name)
    if (old && !options.replace)
      throw new DuplicateExpertError(name, `Choose another name, or let the new one take its place: --replace (\`replace: true\`).`)
    const about = options.description ?? old?.description
    const method = options.method ?? (loaded.model ? 'table' : 'lora')
    const division = divide(options.pairs, options.madeUp, seed)

    const task = options.task ?? division.sets[0].task
    weights = await trainWeights({ ...options, ...(task !== undefined && { task }) }, method, division, loaded, about)
    const { queryEncoder, documentEncoder, entry, files, unseen } = weights
    const seconds = (performance.now() - started) / 1000

    const view: QueryView = unseen ?? ((texts, how) => queryEncoder.encode(texts, how))
    const settled = await settleNewcomer(
      loaded,
      division,
      { name, view, documentEncoder },
      { seed, signal, ...(onProgress && { onProgress }) },
    )
    const { heldOut, routing, lexicalWeight } = settled
    signal?.throwIfAborted()
    onProgress?.({ stage: 'write', done: 0, total: 1, eta: undefined })
    await writeExpert(loaded.pack, target, {
      entry: { ...entry, late: true, heldOut: keptFigures(heldOut) },
      files,
      old,
      routing: settled,
    })
    if (options.checkpoint !== undefined) await rm(options.checkpoint, { force: true })
    const learned = division.sets.map((set) => set.queries.length)
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
    return {
      name,
      pack: target.out,
      method,
      trained: {
        queries: sum(learned),
        madeUp: division.madeUp ? sum(learned) : sum(learned.slice(1)),
        documents: sum(division.sets.map((set) => set.documents.length)),
      },
      heldOut: { ...heldOut, judges: division.judges, madeUp: division.madeUp },
      routing,
      lexicalWeight,
      seconds: { training: seconds, total: (performance.now() - started) / 1000 },
    }
  } finally {
    await weights?.close()
    await loaded.close()
  }
}
