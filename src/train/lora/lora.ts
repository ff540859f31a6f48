import { availableParallelism } from 'node:os'
import type { LoraModule, LoraWeights } from '../../encoder/lora/weights.ts'
import type { OnnxSource } from '../../encoder/onnx/source.ts'
import { InvalidArgumentError } from '../../errors.ts'
import { exitGate } from '../../exit-gate.ts'
import { startWorker } from '../../worker.ts'
import { adamWUpdate } from '../adam.ts'
import type { QuerySide } from '../expert/query-side.ts'
import { transpose } from '../matrix.ts'
import { random } from '../random.ts'
import {
  sizesOf,
  type ForwardRequest,
  type OpenRequest,
  type OpenResult,
  type ReadRequest,
  type AttachRequest,
  type BackwardRequest,
  type ContrastRequest,
} from './protocol.ts'

export interface LoraOptions {
  /** Layers to change, as PEFT's `target_modules`: endings of their paths, or every layer of the encoder's blocks. @default 'all-linear' */
  readonly targets?: readonly string[] | 'all-linear'
  /** @default 8 */
  readonly rank?: number
  /** α: branches are multiplied by α / rank. @default 4 · rank */
  readonly alpha?: number
  /** How much weights shrink with each step, times the learning rate (AdamW). @default 0.01 */
  readonly weightDecay?: number
  /** Longest gradient a step follows; a longer one is shortened to it. @default 1 */
  readonly clip?: number
  /** Tokens read of a query while training, special ones included. @default 64 */
  readonly queryTokens?: number
  /** The same of a document, where documents learn as well. @default 128 */
  readonly documentTokens?: number
  /** Processor threads; weights are equal bit by bit only for equal numbers. @default half of them, at least 1 and at most 4 */
  readonly threads?: number
}

/** A query side that learns LoRA matrices in a worker. */
export interface LoraQuerySide extends QuerySide {
  changes(): LoraWeights
  close(): Promise<void>
}

/**
 * Learns low-rank changes of an ONNX encoder's linear layers for queries (Hu et al. 2021): A starts uniform as PEFT's, B at zero, so
 * that it starts as the base.
 * @throws UnsupportedGraphError, InvalidModelError, InvalidArgumentError
 */
export async function loraQuerySide(
  source: OnnxSource,
  texts: readonly string[],
  seed: number,
  options: LoraOptions & {
    /** How many of the texts are queries; the others are documents. @default all */
    readonly queries?: number
  } = {},
): Promise<LoraQuerySide> {
  const { targets = 'all-linear', rank = 8, weightDecay = 0.01, clip = 1, queryTokens = 64, documentTokens = 128 } = options
  const { alpha = 4 * rank, threads = Math.min(4, Math.max(1, availableParallelism() >> 1)) } = options
  checkOptions({ rank, alpha, weightDecay, clip, queryTokens, documentTokens, threads })
  const scaling = alpha / rank
  process.env.ORT_DISABLE_TELEMETRY ??= '1'
  const { gate, release } = exitGate()
  const worker = startWorker('LoRA trainer', './train/lora/worker.ts', 'lora-worker')
  const close = (): Promise<void> => worker.close().finally(release)
  try {
    const open: OpenRequest = { source, targets, rank, scaling, maxTokens: queryTokens, documentTokens, threads, gate }
    const { dimensions, layers } = await worker.request<OpenResult>('open', open)
    const size = layers.reduce((sum, layer) => sum + sizesOf(layer, rank).a + sizesOf(layer, rank).b, 0)
    const shared = (): Float32Array => new Float32Array(new SharedArrayBuffer(4 * size))
    const parameters = shared()
    const gradient = shared()
    await worker.request('attach', { parameters, gradient } satisfies AttachRequest)
    await worker.request('read', { texts, queries: options.queries ?? texts.length } satisfies ReadRequest)

    const generator = random(seed, 0x10a)
    const first = new Float32Array(size)
    let filled = 0
    for (const layer of layers) {
      const { a, b } = sizesOf(layer, rank)
      const bound = 1 / Math.sqrt(layer.inputs)
      for (let i = filled; i < filled + a; i++) first[i] = bound * (2 * generator.next() - 1)
      filled += a + b
    }
    const [kept, mean, square] = [new Float32Array(size), new Float32Array(size), new Float32Array(size)]

    const update = (rate: number, step: number): void => {
      let squares = 0
      for (let i = 0; i < size; i++) squares += gradient[i]! * gradient[i]!
      const scale = Math.min(1, clip / Math.sqrt(squares))
      adamWUpdate(parameters, gradient, { mean, square }, { rate, step, weightDecay, scale })
    }
    let last: readonly number[] = []

    const side: LoraQuerySide = {
      dimensions,
      state: { parameters, kept, mean, square },
      reset() {
        parameters.set(first)
        mean.fill(0)
        square.fill(0)
      },
      async forward(queries, out) {
        last = queries
        out.set(await worker.request<Float32Array>('forward', { queries } satisfies ForwardRequest))
      },
      learning: {
        async learn(upstream, rate, step) {
          await worker.request('backward', { queries: last, upstream: upstream.slice() } satisfies BackwardRequest)
          update(rate, step)
        },
        async contrast({ queries, targets: columns, masked }, documents, temperature, rate, step) {
          const request: ContrastRequest = { queries, targets: columns, masked, documents: documents.slice(), temperature }
          const loss = await worker.request<number>('contrast', request)
          update(rate, step)
          return loss
        },
      },
      keep: () => kept.set(parameters),
      restore: () => parameters.set(kept),
      changes() {
        let at = 0
        const modules = layers.map(({ module, inputs, outputs }): LoraModule => {
          const sizes = sizesOf({ module, inputs, outputs }, rank)
          const a = new Float32Array(sizes.a)
          const b = new Float32Array(sizes.b)
          transpose(parameters.subarray(at, at + sizes.a), a, inputs, rank)
          transpose(parameters.subarray(at + sizes.a, at + sizes.a + sizes.b), b, rank, outputs)
          at += sizes.a + sizes.b
          return { module, rank, inputs, outputs, a, b }
        })
        return { scaling, modules }
      },
      close,
    }
    side.reset()
    return side
  } catch (error) {
    await close()
    throw error
  }
}

function checkOptions(options: Readonly<Record<string, number>>): void {
  for (const name of ['rank', 'queryTokens', 'documentTokens', 'threads']) {
    const value = options[name]!
    if (!(Number.isInteger(value) && value > 0)) throw new InvalidArgumentError(name, `is ${value}, not a whole number above 0`)
  }
  for (const name of ['alpha', 'clip']) {
    const value = options[name]!
    if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError(name, `is ${value}, not a number above 0`)
  }
  if (!(options.weightDecay! >= 0 && options.weightDecay! < 1))
    throw new InvalidArgumentError('weightDecay', `is ${options.weightDecay}, not a number from 0 to below 1`)
}
