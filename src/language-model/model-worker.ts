import { availableParallelism } from 'node:os'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { findOnnxFile, onnxFile, type OnnxDType } from '../encoder/onnx/file.ts'
import { resolveModel, type HubOptions } from '../encoder/hub.ts'
import { InvalidArgumentError, ModelNotFoundError } from '../errors.ts'
import { exitGate } from '../exit-gate.ts'
import { startWorker, type WorkerClient } from '../worker.ts'
import type { LoadRequest, LoadResult } from './protocol.ts'

/** How a model of transformers.js' layout is run. */
export interface LocalModelOptions extends HubOptions {
  /** Which variant of the model, as transformers.js names them. @default 'fp32' */
  readonly dtype?: OnnxDType
  /** Tokens read at most. @default the positions that config.json names, at most 4096 */
  readonly window?: number
  /** Processor threads. @default half of them, at least 1 and at most 4 */
  readonly threads?: number
}

/** A model in a worker of its own: its passes block the thread they run on. */
export async function startModel(
  source: string,
  kind: LoadRequest['kind'],
  options: LocalModelOptions,
): Promise<LoadResult & { readonly worker: WorkerClient }> {
  const { dtype = 'fp32', window, threads = Math.min(4, Math.max(1, availableParallelism() >> 1)) } = options
  for (const [name, value] of Object.entries({ threads, ...(window !== undefined && { window }) })) {
    if (!(Number.isInteger(value) && value > 0)) throw new InvalidArgumentError(name, `is ${value}, not a whole number above 0`)
  }
  const file = onnxFile(undefined, dtype)
  const isWeights = (path: string): boolean => path === file || path.startsWith(`${file}_data`) || path === 'generation_config.json'
  // transformers.js takes a relative path for a name on its hub.
  const directory = resolve(await resolveModel(source, isWeights, `ONNX model ${file}`, options))
  await findOnnxFile(directory, file)
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
    const there = await stat(resolve(directory, name)).catch(() => undefined)
    if (!there) throw new ModelNotFoundError(directory, name, 'Give a model in the layout of transformers.js, with its tokenizer.')
  }

  // Native code reads the real environment, which a worker cannot change.
  process.env.ORT_DISABLE_TELEMETRY ??= '1'
  const { gate, release } = exitGate()
  const worker = startWorker('language model', './language-model/worker.ts', 'language-model-worker')
  const close = (): Promise<void> => worker.close().finally(release)
  try {
    const request: LoadRequest = { directory, kind, dtype, window, threads, gate }
    const { id, window: chosen } = await worker.request<LoadResult>('load', request, { ...(options.signal && { signal: options.signal }) })
    return { id, window: chosen, worker: { ...worker, close } }
  } catch (error) {
    await close()
    throw error
  }
}
