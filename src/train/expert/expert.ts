import type { Encoder } from '../../encoder/encoder.ts'
import type { LoraWeights } from '../../encoder/lora/weights.ts'
import { TrainingRefusedError } from '../../errors.ts'
import type { LoraOptions } from '../lora/lora.ts'
import type { TrainingProgress } from '../progress.ts'
import type { LearnedAdapter } from './adapter.ts'
import type { ExpertCheckpoint } from './checkpoint.ts'
import type { TrainingPair, TrainingSet } from './pairs.ts'
import { prepare } from './prepare.ts'
import { runPlan, type UnseenQuery } from './plan.ts'
import type { LearnedTable, StaticBase } from './table.ts'

export interface ExpertOptions {
  readonly name: string
  /** Question–passage pairs, or sets of questions over collections. */
  readonly pairs: readonly TrainingPair[] | readonly TrainingSet[]
  /** Documents of other domains: a third of the documents of each batch, so that the expert does not drift towards them. */
  readonly foreign?: readonly string[]
  /** The sets are of several domains, and the documents of one are foreign to the others: for one expert of many tasks. @default false */
  readonly foreignSets?: boolean
  /** Keep an expert that does not beat the base on held-out queries. @default false */
  readonly force?: boolean
  /**
   * Parts the queries are split into; each judges an expert trained on the others, and what they say together decides rate and steps
   * of the one trained on all. 0 lets held-out queries decide. @default 5 below 1000 queries, else 0
   */
  readonly folds?: number
  /** With folds: also give each query's vector under an expert that has not learned from it, for the price of another run a fold. @default false */
  readonly crossFit?: boolean
  /** Peak learning rates to try. @default 5e-3 and 2e-2 for tables, of made-up questions alone 5e-3; 1e-3 for adapters, 2e-3 for LoRA */
  readonly rates?: readonly number[]
  /** Stop when held-out queries stop gaining, and keep the best state; otherwise the last one is kept, whatever it is worth. Not for folds. @default true */
  readonly earlyStopping?: boolean
  /** Steps at most; training stops early when held-out queries stop gaining. @default 80 with folds, else 400; 60 of made-up questions alone; for LoRA 200 with folds, else 800 */
  readonly steps?: number
  /** @default 384; 64 for LoRA */
  readonly batchSize?: number
  /** @default 0.05 */
  readonly temperature?: number
  /** Share of the tokens left out of each query while it is learned from; tables only. @default 0.5 below 5000 queries, else 0 */
  readonly dropout?: number
  /** Documents of the set drawn at random for each batch, as further negatives. @default 512 below 5000 queries, else 0 */
  readonly negatives?: number
  /** Documents that the base ranks high and that are no answers, added for each query of a batch. @default 3 for tables with folds, else 0 */
  readonly hardNegatives?: number
  /** Of queries with rewards, candidates that a batch has beside the answer. @default 7 */
  readonly candidates?: number
  /** All queries of a batch are of one set, so that its documents are hard to tell apart. @default true */
  readonly homogeneous?: boolean
  /** Sets whose loss is still high get larger steps, as LLM-Embedder schedules its tasks. Batches must be homogeneous. @default false */
  readonly selfPaced?: boolean
  /**
   * Documents learn as well, through the same changes (tied encoders). The expert then finds only documents that it has embedded itself, and is judged
   * on a pool of them: all that held-out queries ask for, and 1024 more. Not for tables. @default false
   */
  readonly tied?: boolean
  /** @default 1 */
  readonly seed?: number
  readonly signal?: AbortSignal
  /** Told of every step. */
  readonly onLog?: (entry: TrainingLogEntry) => void
  /** Stages: `embed` (texts), `train` and, for `crossFit`, `judge` (steps). */
  readonly onProgress?: (progress: TrainingProgress) => void
  /** Goes on where a training with the same inputs was cut off, and gives what it would have given. */
  readonly resume?: ExpertCheckpoint
  /** Called every `checkpointEvery` steps. The arrays it is given are live: copy or write them before resolving. */
  readonly onCheckpoint?: (checkpoint: ExpertCheckpoint) => Promise<void> | void
  /** @default 100 */
  readonly checkpointEvery?: number
}

/** What a step of a training did. */
export interface TrainingLogEntry {
  /** From 0: a training is several runs, of each rate and of each part that judges the others. */
  readonly run: number
  /** Of the run, from 1. */
  readonly step: number
  /** In nats, before the step. */
  readonly loss: number
  /** Learning rate of the step, its pace included. */
  readonly rate: number
  /** What self-paced scheduling made of the rate: 1 where it is off. */
  readonly pace: number
  /** Queries of the batch by the name of their set (its `task`, else its place): one name in a homogeneous batch. */
  readonly queries: Readonly<Record<string, number>>
  /** nDCG@10 on held-out queries, after steps that looked at them. */
  readonly score?: number
}

/** Trains sparse changes to a static base's token table, for queries only. */
export interface TableExpertOptions extends ExpertOptions {
  readonly method: 'table'
  readonly base: StaticBase
  /**
   * How far rows first move towards the documents that hold their tokens, 0 for not at all; no question is needed for that.
   * @default what finds most among 0, 0.5, 1, 2 and (where documents are known that answer no query) 4; without folds, that or 0, whichever ends better; 2 for made-up questions alone
   */
  readonly pull?: number
}

/** Trains a low-rank residual on the base's query vectors; the base may be any encoder, also a remote one. */
export interface AdapterExpertOptions extends ExpertOptions {
  readonly method: 'adapter'
  readonly base: Encoder
  /** @default 64 */
  readonly rank?: number
}

/** Trains low-rank changes of an ONNX encoder's linear layers. */
export interface LoraExpertOptions extends ExpertOptions, LoraOptions {
  readonly method: 'lora'
  /** Made by `onnxEncoder`; of int8 weights what they stand for is trained on. */
  readonly base: Encoder
}

/** Any way to train an expert. */
export type AnyExpertOptions = TableExpertOptions | AdapterExpertOptions | LoraExpertOptions

/** A trained expert and what it is worth. */
export interface TrainedExpert<Changes> {
  readonly name: string
  /** `id` of the base it belongs to. */
  readonly base: string
  readonly changes: Changes
  /** nDCG@10 on queries not learned from, mean over sets, before and after. With folds and no held-out queries, the mean over the folds. */
  readonly heldOut: { readonly general: number; readonly expert: number }
  /** Documents have to be embedded by the expert itself. */
  readonly tied: boolean
  /** The learning rate, the number of steps and (tables) the pull that won. */
  readonly rate: number
  readonly steps: number
  readonly pull: number
  /** Where `crossFit` was asked for, each query that is not held out. */
  readonly unseen?: readonly UnseenQuery[]
}

/**
 * Trains the query side of an expert against documents that stay as the base embeds them, so no stored document is
 * embedded again; or, `tied`, both sides. Equal inputs and seeds give equal experts.
 * @throws TrainingRefusedError when it does not beat the base on held-out queries and `force` is not set.
 */
export function trainExpert(options: TableExpertOptions): Promise<TrainedExpert<LearnedTable>>
export function trainExpert(options: AdapterExpertOptions): Promise<TrainedExpert<LearnedAdapter>>
export function trainExpert(options: LoraExpertOptions): Promise<TrainedExpert<LoraWeights>>
export async function trainExpert(options: AnyExpertOptions): Promise<TrainedExpert<LearnedTable | LearnedAdapter | LoraWeights>> {
  const { name, base, force = false } = options
  const prepared = await prepare(options)
  try {
    const { heldOut, pull, rate, steps, unseen } = await runPlan(prepared, options)
    if (heldOut.expert <= heldOut.general && !force) throw new TrainingRefusedError(name, heldOut)
    return {
      name,
      base: base.id,
      changes: prepared.side.changes(),
      heldOut,
      tied: prepared.settings.tied,
      rate,
      steps,
      pull,
      ...(unseen && { unseen }),
    }
  } finally {
    await prepared.close()
  }
}
