import { join } from 'node:path'
import type * as Transformers from '@huggingface/transformers'
import { InvalidModelError, MissingPackageError, MissingTokenError, UnsupportedError } from '../errors.ts'
import { throughGate } from '../exit-gate.ts'
import { fingerprint } from '../encoder/fingerprint.ts'
import { onnxFile } from '../encoder/onnx/file.ts'
import { firstLine } from '../encoder/onnx/runtime.ts'
import { optionalJson } from '../encoder/tokenizer.ts'
import { chooseWindow, hashes, vocabularyOf } from './model-files.ts'
import type { LoadRequest } from './protocol.ts'

/** What transformers.js gives, as far as we use it: its own declarations leave most of it open. */
export interface Tensor {
  readonly dims: readonly number[]
  readonly data: Float32Array
  to(type: 'float32'): Tensor
}

export interface LoadedModel {
  readonly path: string
  /** Changes with everything that changes a score. */
  readonly id: string
  readonly window: number
  /** Ids of a text, without special tokens. */
  tokenize(text: string): readonly number[]
  decode(ids: readonly number[]): string
  /** The special tokens that the tokenizer puts around a text, and between two of them. */
  readonly special: { readonly opening: readonly number[]; readonly between: readonly number[]; readonly closing: readonly number[] }
  readonly bosId: number | undefined
  readonly eosIds: readonly number[]
  readonly padId: number
  /** Runs the model inside the exit gate. Token ids and numbers of the same shape become int64 tensors. */
  run(inputs: Readonly<Record<string, readonly (readonly number[])[]>>, more?: Record<string, unknown>): Promise<Record<string, Tensor>>
  scalar(value: number): unknown
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  /** Refuses ids that the model has no place for. @throws MissingTokenError */
  check(ids: readonly number[]): void
  dispose(): Promise<void>
}

interface Tokenizer {
  (
    text: string,
    options: { text_pair?: string; add_special_tokens: boolean; return_tensor: false; return_token_type_ids?: boolean },
  ): { input_ids: number[]; token_type_ids?: number[] }
  decode(ids: readonly number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string
  readonly bos_token_id?: number
  readonly eos_token_id?: number
  readonly pad_token_id?: number
}

interface Model {
  (inputs: Record<string, unknown>): Promise<Record<string, Tensor>>
  readonly config: Readonly<Record<string, unknown>>
  readonly generation_config?: { readonly eos_token_id?: number | readonly number[] } | null
  readonly sessions: Readonly<Record<string, { readonly inputNames: readonly string[]; readonly outputNames: readonly string[] }>>
  dispose(): Promise<unknown>
}

/**
 * Loads a model of transformers.js' layout. Works inside a worker thread only: it changes settings that are the whole thread's.
 * @throws MissingPackageError, InvalidModelError, MissingTokenError, InvalidArgumentError
 */
export async function loadModel(request: LoadRequest): Promise<LoadedModel> {
  const { directory, kind, dtype, threads, gate } = request
  const file = onnxFile(undefined, dtype)
  const path = join(directory, file)
  const transformers = await throughGate(gate, loadTransformers)
  const load = <T>(Class: { from_pretrained(name: string, options: object): Promise<unknown> }, what: string): Promise<T> =>
    throughGate(gate, async () => {
      try {
        return (await Class.from_pretrained(directory, {
          local_files_only: true,
          dtype,
          device: 'cpu',
          session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 },
        })) as T
      } catch (error) {
        throw new InvalidModelError(directory, `has ${what} that transformers.js cannot run (${firstLine(error)})`, error)
      }
    })
  const tokenizer = await load<Tokenizer>(transformers.AutoTokenizer, 'a tokenizer')
  const model = await load<Model>(
    kind === 'causal' ? transformers.AutoModelForCausalLM : transformers.AutoModelForSequenceClassification,
    'a model',
  )
  const session = model.sessions['model'] ?? Object.values(model.sessions)[0]!
  const settings = await optionalJson(join(directory, 'config.json'))
  const vocabulary = vocabularyOf(settings)
  const window = chooseWindow(request.window, settings, directory)
  const encode = (text: string, special: boolean): number[] =>
    tokenizer(text.toWellFormed(), { add_special_tokens: special, return_tensor: false }).input_ids
  const idOf = (id: unknown): number | undefined => (typeof id === 'number' && Number.isInteger(id) && id >= 0 ? id : undefined)
  const tensor = (rows: readonly (readonly number[])[]): unknown =>
    new transformers.Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]!.length])
  const special = specialTokens(tokenizer)
  const eos = model.generation_config?.eos_token_id ?? settings.eos_token_id ?? tokenizer.eos_token_id

  return {
    path,
    id: fingerprint(kind, ...(await hashes(directory, file)), { dtype, window }),
    window,
    tokenize: (text) => (text === '' ? [] : encode(text, false)),
    decode: (ids) => tokenizer.decode(ids, { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
    special,
    bosId: idOf(tokenizer.bos_token_id) ?? idOf(settings.bos_token_id),
    eosIds: (Array.isArray(eos) ? eos : [eos]).filter((id) => idOf(id) !== undefined) as number[],
    padId: idOf(tokenizer.pad_token_id) ?? idOf(settings.pad_token_id) ?? 0,
    run: (inputs, more = {}) =>
      throughGate(gate, async () => {
        const feeds = Object.fromEntries(Object.entries(inputs).map(([name, rows]) => [name, tensor(rows)]))
        try {
          return await model({ ...feeds, ...more })
        } catch (error) {
          const rows = Object.values(inputs)[0]!
          throw new InvalidModelError(
            path,
            `failed on ${rows.length} texts of up to ${rows[0]!.length} tokens (${firstLine(error)})`,
            error,
          )
        }
      }),
    scalar: (value) => new transformers.Tensor('int64', BigInt64Array.of(BigInt(value)), []),
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    check(ids) {
      for (const id of ids) {
        if (id < vocabulary) continue
        const text = tokenizer.decode([id], { skip_special_tokens: false, clean_up_tokenization_spaces: false })
        throw new MissingTokenError(
          directory,
          `${JSON.stringify(text)} (id ${id})`,
          `its tokenizer gives it, but the model knows ${vocabulary} tokens, so the two do not belong together`,
        )
      }
    },
    dispose: () => throughGate(gate, async () => void (await model.dispose())),
  }
}

/** The optional package. @throws MissingPackageError */
async function loadTransformers(): Promise<typeof Transformers> {
  let transformers: typeof Transformers
  try {
    transformers = await import('@huggingface/transformers')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND')
      throw new UnsupportedError(
        `@huggingface/transformers is installed but does not load here (${firstLine(error)}).`,
        'It runs on glibc Linux, macOS on Apple silicon, and Windows. A language model behind an endpoint needs no native code.',
      )
    throw new MissingPackageError(
      '@huggingface/transformers',
      'Running a language model',
      'ONNXRUNTIME_NODE_INSTALL=skip npm install @huggingface/transformers',
      error,
    )
  }
  const { env, LogLevel } = transformers
  // Models come from a directory, and a library prints nothing.
  env.allowRemoteModels = false
  env.useFSCache = false
  env.logLevel = LogLevel.NONE
  return transformers
}

/** What the tokenizer adds, found by what it makes of short texts. */
function specialTokens(tokenizer: Tokenizer): LoadedModel['special'] {
  const ids = (text: string, pair?: string, special = true): number[] =>
    tokenizer(text, { ...(pair !== undefined && { text_pair: pair }), add_special_tokens: special, return_tensor: false }).input_ids
  const inner = ids('a', undefined, false)
  const place = (outer: readonly number[], from = 0): number => {
    for (let start = from; start + inner.length <= outer.length; start++) if (inner.every((id, i) => outer[start + i] === id)) return start
    return -1
  }
  const one = ids('a')
  const at = place(one)
  if (inner.length === 0 || at < 0) return { opening: [], between: [], closing: [] }
  const two = ids('a', 'a')
  const first = place(two)
  const second = place(two, first + inner.length)
  return {
    opening: one.slice(0, at),
    between: second < 0 ? [] : two.slice(first + inner.length, second),
    closing: one.slice(at + inner.length),
  }
}
