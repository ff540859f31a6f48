import { Tokenizer } from '@huggingface/tokenizers'
import { InvalidArgumentError } from '../../errors.ts'
import { startWorker } from '../../worker.ts'
import { random } from '../random.ts'
import { bytesFor, workspace } from '../simd/workspace.ts'
import { startClock, type TrainingProgress } from '../progress.ts'
import { trainWordPiece, type TokenizerJson } from '../wordpiece.ts'
import { laneBytes } from './lane.ts'
import { documentFrequencies, packTask, type BaseTask, type PackedTask } from './packed.ts'
import type { BaseJob, BaseSegment } from './worker.ts'

/** A static model fresh from training. */
export interface TrainedBase {
  readonly tokenizer: TokenizerJson
  readonly dimensions: number
  /** One row for each token. */
  readonly table: Float32Array
}

/** Everything needed to go on with a training that was cut off. */
export interface BaseCheckpoint extends TrainedBase {
  /** Steps done, counted over all stages. */
  readonly step: number
  readonly adam: { readonly mean: Float32Array; readonly square: Float32Array }
  /** By task, what a stage with `neighbours` has found. */
  readonly neighbours: readonly Int32Array[]
}

/** A stretch of training with its own learning-rate schedule. */
export interface BaseStage {
  readonly name: string
  readonly steps: number
  /** Share of blocks drawn from pairs; the others are drawn from the texts alone. */
  readonly pairShare: number
  /** Peak learning rate. @default 0.02 */
  readonly rate?: number
  /** Share of tokens left out of every text, anew each time, so that no single word is relied on. @default 0 */
  readonly dropout?: number
  /**
   * Neighbours that each query brings into its block: queries whose answers look like its own, so that negatives are hard.
   * Found anew when the stage begins and every 2000 steps. @default 0
   */
  readonly neighbours?: number
}

export interface BaseOptions {
  /** @default 256 */
  readonly dimensions?: number
  /** @default 24000 */
  readonly vocabularySize?: number
  /** @default 1 */
  readonly seed?: number
  readonly stages?: readonly BaseStage[]
  /** Rows of a block. @default 256 */
  readonly blockSize?: number
  /** Blocks of a step. @default 4 */
  readonly blocks?: number
  /** @default 0.05 */
  readonly temperature?: number
  /** More than two bring nothing; the result does not depend on it. @default 2 */
  readonly threads?: 1 | 2
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: TrainingProgress) => void
  readonly resume?: BaseCheckpoint
  /** Called about every `checkpointEvery` steps and at the end. What it is given is live: copy or write it before resolving. */
  readonly onCheckpoint?: (checkpoint: BaseCheckpoint) => Promise<void> | void
  /** @default 1000 */
  readonly checkpointEvery?: number
}

/** First the texts alone, then mostly pairs, then pairs among their hardest neighbours. */
export const defaultStages: readonly BaseStage[] = [
  { name: 'texts', steps: 800, pairShare: 0 },
  { name: 'pairs', steps: 1500, pairShare: 0.7, dropout: 0.2 },
  { name: 'hard pairs', steps: 4000, pairShare: 0.7, dropout: 0.2, neighbours: 7, rate: 0.015 },
]

const lanes = 2
const segmentSteps = 20
/** Steps after which neighbours are looked for again, as the table has moved; whole segments. */
const neighboursEvery = 2000

/**
 * Trains a static base from nothing: learns a WordPiece vocabulary, then a vector for each token such that the mean over
 * a query's tokens points to the mean over its answer's. Runs in threads; equal inputs and seeds give equal tables.
 */
export async function trainBase(tasks: readonly BaseTask[], options: BaseOptions = {}): Promise<TrainedBase> {
  const {
    dimensions = 256,
    vocabularySize = 24_000,
    seed = 1,
    stages = defaultStages,
    blockSize = 256,
    blocks = 4,
    temperature = 0.05,
  } = options
  const { threads = 2, signal, onProgress, resume, onCheckpoint, checkpointEvery = 1000 } = options
  if (!tasks.some(({ documents }) => documents.length > 0))
    throw new InvalidArgumentError('tasks', 'holds no document', 'A base learns from texts.')

  const tokenizer = resume?.tokenizer ?? trainWordPiece(textsOf(tasks), { size: vocabularySize })
  const size = Object.keys(tokenizer.model.vocab).length
  const tokenize = tokenizeWith(tokenizer)
  const packed = tasks.map((task) => packTask(task, tokenize))
  signal?.throwIfAborted()

  const length = size * dimensions
  const shared = bytesFor(...Array.from({ length: 3 + lanes }, () => length))
  const perThread = laneBytes(dimensions, blockSize)
  const space = workspace(shared + threads * perThread)
  const table = space.floats(length)
  const adam = { mean: space.floats(length), square: space.floats(length) }
  if (resume) {
    table.set(resume.table)
    adam.mean.set(resume.adam.mean)
    adam.square.set(resume.adam.square)
    packed.forEach(({ neighbours }, task) => neighbours.set(resume.neighbours[task] ?? []))
  } else initialise(table, dimensions, packed, seed)

  const job: Omit<BaseJob, 'thread'> = {
    tasks: packed,
    dimensions,
    memory: space.memory,
    table,
    adam,
    threads,
    seed,
    blockSize,
    blocks,
    temperature,
    gradients: Array.from({ length: lanes }, () => ({
      values: space.floats(length),
      touched: new Uint8Array(new SharedArrayBuffer(size)),
    })),
    scratch: Array.from({ length: threads }, (_, thread) => ({
      start: shared + thread * perThread,
      end: shared + (thread + 1) * perThread,
    })),
    barrier: new Int32Array(new SharedArrayBuffer(8)),
  }
  const workers = Array.from({ length: threads }, (_, i) => startWorker(`base trainer ${i + 1}`, './train/base/worker.ts', 'train-worker'))
  try {
    await Promise.all(workers.map((worker, thread) => worker.request('start', { ...job, thread })))
    const total = stages.reduce((sum, { steps }) => sum + steps, 0)
    const clock = startClock(total, resume?.step ?? 0)
    for (let step = resume?.step ?? 0; step < total;) {
      signal?.throwIfAborted()
      const segment = nextSegment(stages, step)
      if (segment.neighbours > 0 && (step - segment.stageStart) % neighboursEvery === 0) {
        await Promise.all(workers.map((worker) => worker.request('neighbours', undefined)))
      }
      const losses = await Promise.all(workers.map((worker) => worker.request<number>('segment', segment)))
      const before = step
      step = segment.to
      onProgress?.({ ...clock(step), stage: segment.stage, loss: losses.reduce((sum, loss) => sum + loss, 0) })
      if (step === total || Math.floor(step / checkpointEvery) > Math.floor(before / checkpointEvery)) {
        await onCheckpoint?.({ tokenizer, dimensions, table, step, adam, neighbours: packed.map(({ neighbours }) => neighbours) })
      }
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.close()))
  }
  return { tokenizer, dimensions, table: table.slice() }
}

/** Token ids of a text; tokens the vocabulary lacks are left out, as they say nothing. */
export function tokenizeWith(tokenizer: TokenizerJson): (text: string) => number[] {
  const unknown = tokenizer.model.vocab[tokenizer.model.unk_token]
  const ours = new Tokenizer(tokenizer as never, {} as never)
  return (text) => ours.encode(text).ids.filter((id: number) => id !== unknown)
}

function nextSegment(stages: readonly BaseStage[], step: number): BaseSegment & { stage: string } {
  let stageStart = 0
  for (const { name, steps, pairShare, rate = 0.02, dropout = 0, neighbours = 0 } of stages) {
    if (step < stageStart + steps) {
      return {
        stage: name,
        from: step,
        to: Math.min(step + segmentSteps, stageStart + steps),
        stageStart,
        stageSteps: steps,
        rate,
        pairShare,
        dropout,
        neighbours,
      }
    }
    stageStart += steps
  }
  throw new InvalidArgumentError('step', `is ${step} but the stages have ${stageStart} steps`)
}

/** Rare tokens start long: a mean is then led by the words that tell texts apart. */
function initialise(table: Float32Array, dimensions: number, tasks: readonly PackedTask[], seed: number): void {
  const size = table.length / dimensions
  const { counts, documents } = documentFrequencies(tasks, size)
  const generator = random(seed, 0x1517)
  for (let row = 0; row < size; row++) {
    const spread = 0.1 * Math.log((documents + 1) / (counts[row]! + 1))
    for (let d = 0; d < dimensions; d++) table[row * dimensions + d] = spread * generator.normal()
  }
}

function* textsOf(tasks: readonly BaseTask[]): Iterable<string> {
  for (const { documents, pairs } of tasks) {
    for (const { title = '', text } of documents) yield `${title} ${text}`
    for (const { query } of pairs) yield query
  }
}
