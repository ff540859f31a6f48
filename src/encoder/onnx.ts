import { availableParallelism } from 'node:os'
import { InvalidArgumentError } from '../errors.ts'
import type { Encoder } from './encoder.ts'
import type { HubOptions } from './hub.ts'
import type { OnnxDType } from './onnx/file.ts'
import { locateModel } from './onnx/locate.ts'
import type { OpenRequest } from './onnx/protocol.ts'
import type { Pooling } from './onnx/settings.ts'
import { shareModel } from './onnx/shared-model.ts'
import { rememberSource } from './onnx/source.ts'
import { viewEncoder } from './onnx/view-encoder.ts'

/** What a model's own files leave open, or should not decide. */
export interface OnnxEncoderOptions extends HubOptions {
  /** The .onnx file, relative to the model's directory. @default `onnx/model….onnx` for the dtype */
  readonly file?: string
  /** Which variant of the model, as transformers.js names them. Where there is no int8 one it is made, once, into the cache. @default 'fp32' */
  readonly dtype?: OnnxDType
  /** @default what `modules.json` and the pooling settings say, else the graph's own sentence output, else an error */
  readonly pooling?: Pooling
  /** Unit length, as stores and routers need it. @default true, unless the model is made for another comparison: then an error asks */
  readonly normalize?: boolean
  /** One of the model's named prompts (`query`, `document`), or a text to put before every text. @default the model's default prompt */
  readonly prompt?: string
  /** Tokens read of a text, special ones included. @default what the model's files say, else 512 */
  readonly maxTokens?: number
  /**
   * Processor threads that may be busy at once. With more than one, the first long list starts further sessions of the model, one thread each; 1 is
   * one session in one worker. @default all of them
   */
  readonly threads?: number
}

/**
 * Encodes with an ONNX model, from a directory (sentence-transformers or transformers.js layout) or from a hub
 * repository such as `owner/name`. It runs in worker threads, the same for all encoders of a model. Where there is no default
 * .onnx file but `model.safetensors` of a BERT-type model (BERT, DistilBERT, RoBERTa, XLM-R, CamemBERT, MPNet), the graph is written from
 * these weights once, into the cache.
 * @throws MissingPackageError, ModelNotFoundError, InvalidModelError, InvalidArgumentError, DownloadError, OfflineError
 */
export async function onnxEncoder(source: string, options: OnnxEncoderOptions = {}): Promise<Encoder> {
  const { file, dtype, pooling, normalize, prompt, maxTokens, threads = availableParallelism() } = options
  if (!(Number.isInteger(threads) && threads > 0)) throw new InvalidArgumentError('threads', `is ${threads}, not a whole number above 0`)
  const located = await locateModel(source, { file, dtype }, options)
  const { directory, path } = located

  const shared = shareModel({ ...located, threads })
  try {
    const request: OpenRequest = {
      ...(pooling !== undefined && { pooling }),
      ...(normalize !== undefined && { normalize }),
      ...(prompt !== undefined && { prompt }),
      ...(maxTokens !== undefined && { maxTokens }),
    }
    const view = await shared.open(request)
    return rememberSource(viewEncoder(shared, view), { directory, path, view: request })
  } catch (error) {
    await shared.leave()
    throw error
  }
}
