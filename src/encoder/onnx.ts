import { availableParallelism } from 'node:os'
import { ClosedError, InvalidArgumentError, PilotfishError } from '../errors.ts'
import { startWorker, type WorkerClient } from '../worker.ts'
import type { Encoder } from './encoder.ts'
import { resolveModel, type HubOptions } from './hub.ts'
import { exitGate } from '../exit-gate.ts'
import { findOnnxFile, onnxFile, type OnnxDType } from './onnx/file.ts'
import { gatherCalls } from './onnx/gather.ts'
import type { EncodeRequest, EncodeResult, LoadRequest, OpenRequest, OpenResult } from './onnx/protocol.ts'
import type { Pooling } from './onnx/settings.ts'
import { rememberSource } from './onnx/source.ts'
import { requireTexts } from './texts.ts'

/** What a model's own files leave open, or should not decide. */
export interface OnnxEncoderOptions extends HubOptions {
  /** The .onnx file, relative to the model's directory. @default `onnx/model….onnx` for the dtype */
  readonly file?: string
  /** Which variant of the model, as transformers.js names them. @default 'fp32' */
  readonly dtype?: OnnxDType
  /** @default what `modules.json` and the pooling settings say, else the graph's own sentence output, else an error */
  readonly pooling?: Pooling
  /** Unit length, as stores and routers need it. @default true, unless the model is made for another comparison: then an error asks */
  readonly normalize?: boolean
  /** One of the model's named prompts (`query`, `document`), or a text to put before every text. @default the model's default prompt */
  readonly prompt?: string
  /** Tokens read of a text, special ones included. @default what the model's files say, else 512 */
  readonly maxTokens?: number
  /** Processor threads. @default half of them, at least 1 and at most 4 */
  readonly threads?: number
}

/**
 * Encodes with an ONNX model, from a directory (sentence-transformers or transformers.js layout) or from a hub
 * repository such as `owner/name`. It runs in a worker thread, one for each model however many encoders use it.
 * @throws MissingPackageError, ModelNotFoundError, InvalidModelError, InvalidArgumentError, DownloadError, OfflineError
 */
export async function onnxEncoder(source: string, options: OnnxEncoderOptions = {}): Promise<Encoder> {
  const { file, dtype, pooling, normalize, prompt, maxTokens, threads = Math.min(4, Math.max(1, availableParallelism() >> 1)) } = options
  if (!(Number.isInteger(threads) && threads > 0)) throw new InvalidArgumentError('threads', `is ${threads}, not a whole number above 0`)
  const name = onnxFile(file, dtype)
  const directory = await resolveModel(
    source,
    (path) => path === name || path.startsWith(`${name}_data`) || path === `${name}.data`,
    `ONNX model ${name}`,
    options,
  )
  const path = await findOnnxFile(directory, name)

  const shared = shareModel({ directory, path, threads })
  try {
    const request: OpenRequest = {
      ...(pooling !== undefined && { pooling }),
      ...(normalize !== undefined && { normalize }),
      ...(prompt !== undefined && { prompt }),
      ...(maxTokens !== undefined && { maxTokens }),
    }
    const view = await shared.request<OpenResult>('open', request)
    return rememberSource(encoderOf(shared, view), { directory, path, view: request })
  } catch (error) {
    await shared.leave()
    throw error
  }
}

function encoderOf(shared: SharedModel, { handle, id, dimensions, maxTokens }: OpenResult): Encoder {
  const calls = gatherCalls((texts) => shared.request<EncodeResult>('encode', { handle, texts } satisfies EncodeRequest), {
    dimensions,
    maxTokens,
  })
  let closing: Promise<void> | undefined
  return {
    id,
    dimensions,
    async encode(texts, options) {
      if (closing) throw new ClosedError('The ONNX encoder')
      requireTexts(texts)
      return calls.encode(texts, options)
    },
    close() {
      closing ??= calls.idle().then(shared.leave)
      return closing
    },
  }
}

interface SharedModel {
  request<T>(method: string, argument: unknown): Promise<T>
  /** One user less; the last one ends the worker. */
  leave(): Promise<void>
}

/** Models that are loaded: the query and the document side of one model share its session and its memory. */
const loaded = new Map<string, { readonly worker: Promise<WorkerClient>; users: number }>()

function shareModel(request: Omit<LoadRequest, 'gate'>): SharedModel {
  const key = JSON.stringify(request)
  const model = loaded.get(key) ?? { worker: loadModel(request), users: 0 }
  loaded.set(key, model)
  model.users++
  const forget = (): void => {
    if (loaded.get(key) === model) loaded.delete(key)
  }
  return {
    async request(method, argument) {
      try {
        return await (await model.worker).request(method, argument)
      } catch (error) {
        // A worker that is gone must not be joined by later encoders.
        if (PilotfishError.is(error) && error.code === 'WORKER_FAILED') forget()
        throw error
      }
    },
    async leave() {
      if (--model.users > 0) return
      forget()
      await (await model.worker.catch(() => undefined))?.close()
    },
  }
}

async function loadModel(request: Omit<LoadRequest, 'gate'>): Promise<WorkerClient> {
  // Native code reads the real environment, which a worker cannot change.
  process.env.ORT_DISABLE_TELEMETRY ??= '1'
  const { gate, release } = exitGate()
  const worker = startWorker('onnx encoder', './encoder/onnx/worker.ts', 'onnx-worker')
  const close = (): Promise<void> => worker.close().finally(release)
  try {
    await worker.request('load', { ...request, gate } satisfies LoadRequest)
    return { ...worker, close }
  } catch (error) {
    await close()
    throw error
  }
}
