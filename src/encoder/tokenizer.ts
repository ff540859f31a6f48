import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidModelError, ModelNotFoundError } from '../errors.ts'
import { byWord, splitsAtBlanks } from './word-cache.ts'

/** Splits text into the ids a model was trained on. Synchronous, and safe with any string: NUL, lone surrogates, megabytes. */
export interface TextTokenizer {
  /** Ids of the text alone, without the special tokens of a sequence. Unknown words give `unknownId`. */
  tokenize(text: string): readonly number[]
  /** The special tokens a sequence of this model begins and ends with, such as `[CLS]` and `[SEP]`. */
  readonly opening: readonly number[]
  readonly closing: readonly number[]
  readonly unknownId: number | undefined
  /** One above the largest id it can give. */
  readonly vocabularySize: number
  /** `tokenizer_config.json`, for the settings encoders read from it. Empty where there is none. */
  readonly config: Readonly<Record<string, unknown>>
  /** What the tokens depend on, for fingerprints. */
  readonly bytes: readonly Uint8Array[]
}

/**
 * Reads `tokenizer.json` and, where present, `tokenizer_config.json`.
 * @throws ModelNotFoundError, InvalidModelError
 */
export async function loadTokenizer(directory: string): Promise<TextTokenizer> {
  const path = join(directory, 'tokenizer.json')
  const [bytes, configBytes] = await Promise.all([
    readModelFile(path, 'tokenizer'),
    readFile(join(directory, 'tokenizer_config.json')).catch(() => undefined),
  ])
  const definition = parseJson(bytes, path)
  const config = configBytes ? parseJson(configBytes, join(directory, 'tokenizer_config.json')) : {}

  const { Tokenizer } = await import('@huggingface/tokenizers')
  let tokenizer: InstanceType<typeof Tokenizer>
  let opening: number[]
  let closing: number[]
  try {
    tokenizer = new Tokenizer(definition, config)
    ;[opening, closing] = specialTokens(
      (text) => tokenizer.encode(text).ids,
      (text) => tokenizer.encode(text, { add_special_tokens: false }).ids,
    )
  } catch (error) {
    throw new InvalidModelError(path, 'is not a tokenizer we can run', error)
  }
  let largest = -1
  for (const id of tokenizer.get_vocab().values()) largest = Math.max(largest, id)

  const whole = (text: string): readonly number[] => tokenizer.encode(text, { add_special_tokens: false }).ids
  return {
    tokenize: splitsAtBlanks(definition, config) ? byWord(whole) : whole,
    opening,
    closing,
    unknownId: (tokenizer.model as { unk_token_id?: number } | null)?.unk_token_id,
    vocabularySize: largest + 1,
    config,
    bytes: configBytes ? [bytes, configBytes] : [bytes],
  }
}

/** Splits what a sequence adds around its text: `[CLS] a [SEP]` against `a`. */
function specialTokens(whole: (text: string) => number[], body: (text: string) => number[]): [number[], number[]] {
  const text = 'a'
  const inner = body(text)
  const outer = whole(text)
  // Nothing to find the place by: one opening token is what nearly all models have.
  if (inner.length === 0) return [outer.slice(0, 1), outer.slice(1)]
  for (let start = 0; start + inner.length <= outer.length; start++) {
    if (inner.every((id, i) => outer[start + i] === id)) return [outer.slice(0, start), outer.slice(start + inner.length)]
  }
  return [[], []]
}

/** Reads a file a model cannot do without. */
export async function readModelFile(path: string, what: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw new InvalidModelError(path, `cannot be read (${code ?? String(error)})`, error)
    throw new ModelNotFoundError(path, what, 'Give the directory that holds the model, or a hub repository such as "owner/name".')
  }
}

/** A JSON file that a model may lack: then an empty object. */
export async function optionalJson(path: string): Promise<Record<string, unknown>> {
  try {
    return parseJson(await readModelFile(path, 'settings'), path)
  } catch (error) {
    if (error instanceof ModelNotFoundError) return {}
    throw error
  }
}

/** A JSON object out of a model's file. */
function parseJson(bytes: Uint8Array, path: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch (error) {
    throw new InvalidModelError(path, 'is not valid JSON', error)
  }
  if (typeof value !== 'object' || value === null) throw new InvalidModelError(path, 'does not hold a JSON object')
  return value as Record<string, unknown>
}
