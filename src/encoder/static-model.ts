import { join } from 'node:path'
import { InvalidModelError } from '../errors.ts'
import { readSafetensors, toFloat32, type Tensor } from '../safetensors.ts'
import { fingerprint } from './fingerprint.ts'
import { loadTokenizer, parseJson, readModelFile, type TextTokenizer } from './tokenizer.ts'

/** A token table in memory. Encoders and trainers of one base share it. */
export interface StaticModel {
  /** Fingerprint of tokenizer, table and settings. */
  readonly id: string
  readonly dimensions: number
  /** Rows of the table; token ids are below it. */
  readonly vocabularySize: number
  /** One row of `dimensions` values for each token id, scales and weights multiplied in. */
  readonly table: Float32Array
  /** Tokens read of a text unless the encoder says otherwise. */
  readonly maxTokens: number
  /** Ids of the first `maxTokens` known tokens; unknown ones are dropped, as Model2Vec does. Treat as read-only: recent texts are remembered. */
  tokenize(text: string, maxTokens?: number): Uint32Array
  /** The same, with the number of known tokens in the whole text. */
  read(text: string, maxTokens?: number): Reading
}

/** What a static encoder sees of a text. */
export interface Reading {
  readonly ids: Uint32Array
  /** More than `ids.length` exactly when the text was cut; then estimated from the density of the part that was read. */
  readonly tokens: number
}

/**
 * Reads a Model2Vec-type directory: `tokenizer.json`, `model.safetensors` with `embeddings` and optionally `weights`
 * (a factor per token) and `mapping` (token to row), `config.json`. The layout of sentence-transformers'
 * `StaticEmbedding` (`modules.json`, `embedding.weight`) is read too.
 * @throws ModelNotFoundError, InvalidModelError
 */
export async function loadStaticModel(directory: string): Promise<StaticModel> {
  const [config, folder] = await Promise.all([optionalJson(join(directory, 'config.json')), staticModule(directory)])
  const path = join(folder, 'model.safetensors')
  const [tokenizer, bytes] = await Promise.all([loadTokenizer(folder), readModelFile(path, 'token table')])

  const { tensors } = readSafetensors(bytes, path)
  const { table, dimensions, rows } = readTable(tensors, path)
  if (tokenizer.vocabularySize > rows) {
    throw new InvalidModelError(path, `holds ${rows} rows, but its tokenizer.json gives ids up to ${tokenizer.vocabularySize - 1}: they belong to different models`)
  }
  // Model2Vec drops unknown tokens; sentence-transformers trains a row for them.
  const dropped = tensors.has('embeddings') ? tokenizer.unknownId : undefined
  const maxTokens = maximumTokens(config, tokenizer)
  const read = textReader(tokenizer, dropped)
  const parts = ['embeddings', 'embedding.weight', 'weights', 'mapping'].flatMap((name) => {
    const tensor = tensors.get(name)
    return tensor ? [{ name, dtype: tensor.dtype, shape: tensor.shape }, tensor.data] : []
  })

  return {
    id: fingerprint('static', { maxTokens }, ...tokenizer.bytes, ...parts),
    dimensions,
    vocabularySize: rows,
    table,
    maxTokens,
    read: (text, limit = maxTokens) => read(text, limit),
    tokenize: (text, limit = maxTokens) => read(text, limit).ids,
  }
}

/** One float row per token id, whatever the file's element type, factors and row sharing. */
function readTable(tensors: ReadonlyMap<string, Tensor>, path: string): { table: Float32Array; dimensions: number; rows: number } {
  const embeddings = tensors.get('embeddings') ?? tensors.get('embedding.weight')
  if (!embeddings) throw new InvalidModelError(path, `has no tensor "embeddings" (found: ${[...tensors.keys()].join(', ') || 'none'}), so it is no static model`)
  const [stored = 0, dimensions = 0] = embeddings.shape
  if (embeddings.shape.length !== 2 || stored === 0 || dimensions === 0) throw new InvalidModelError(path, 'has "embeddings" that are not a table of rows')

  let table = toFloat32(embeddings, path)
  let rows = stored
  const mapping = tensors.get('mapping')
  if (mapping) {
    const rowOf = toIndices(mapping, path)
    rows = rowOf.length
    const spread = new Float32Array(rows * dimensions)
    rowOf.forEach((row, token) => {
      if (!(row >= 0 && row < stored)) throw new InvalidModelError(path, `maps token ${token} to row ${row} of ${stored}`)
      spread.set(table.subarray(row * dimensions, (row + 1) * dimensions), token * dimensions)
    })
    table = spread
  }
  const weights = tensors.get('weights')
  if (weights) {
    const factors = toFloat32(weights, path)
    if (factors.length !== rows) throw new InvalidModelError(path, `has ${factors.length} weights for ${rows} tokens`)
    factors.forEach((factor, token) => {
      for (let i = token * dimensions; i < (token + 1) * dimensions; i++) table[i]! *= factor
    })
  }
  for (let i = 0; i < table.length; i++) {
    if (!Number.isFinite(table[i])) throw new InvalidModelError(path, 'holds values that are not finite numbers')
  }
  return { table, dimensions, rows }
}

function toIndices(tensor: Tensor, path: string): ArrayLike<number> & { forEach(visit: (row: number, token: number) => void): void } {
  const { buffer } = new Uint8Array(tensor.data)
  if (tensor.dtype === 'I64') return Float64Array.from(new BigInt64Array(buffer), Number)
  if (tensor.dtype === 'I32') return new Int32Array(buffer)
  if (tensor.dtype === 'U32') return new Uint32Array(buffer)
  throw new InvalidModelError(path, `has a "mapping" of ${tensor.dtype} where whole numbers are needed`)
}

/** Numbers this large in `seq_length` or `model_max_length` stand for "no limit was thought of". */
const placeholder = 1_000_000

function maximumTokens(config: Readonly<Record<string, unknown>>, tokenizer: TextTokenizer): number {
  const stated = [config.max_length, config.seq_length, tokenizer.config.model_max_length]
  return stated.find((value): value is number => Number.isInteger(value) && (value as number) > 0 && (value as number) < placeholder) ?? 512
}

/** Texts this long are tokenised piece by piece, so that a megabyte costs no more than what is read of it. */
const pieceLength = 8_192
/** A text is given up after this many characters per token wanted: nearly all of it is unknown. */
const charactersPerToken = 64
/** One query goes through the base and several table experts, batches of queries too. */
const remembered = 1_024

function textReader(tokenizer: TextTokenizer, dropped: number | undefined): (text: string, limit: number) => Reading {
  const recent = new Map<string, { limit: number; reading: Reading }>()
  return (text, limit) => {
    const known = recent.get(text)
    if (known?.limit === limit) return known.reading
    const reading = readText(tokenizer, dropped, text, limit)
    if (text.length <= pieceLength) {
      if (recent.size >= remembered) recent.delete(recent.keys().next().value!)
      recent.set(text, { limit, reading })
    }
    return reading
  }
}

function readText(tokenizer: TextTokenizer, dropped: number | undefined, text: string, limit: number): Reading {
  const ids: number[] = []
  const end = Math.min(text.length, Math.max(pieceLength, limit * charactersPerToken))
  let start = 0
  while (start < end && ids.length <= limit) {
    const cut = pieceEnd(text, start)
    for (const id of tokenizer.tokenize(start === 0 && cut === text.length ? text : text.slice(start, cut))) {
      if (id !== dropped) ids.push(id)
    }
    start = cut
  }
  const whole = start >= text.length
  if (whole && ids.length <= limit) return { ids: Uint32Array.from(ids), tokens: ids.length }
  const estimate = whole ? ids.length : Math.round((ids.length * text.length) / start)
  return { ids: Uint32Array.from(ids.slice(0, limit)), tokens: Math.max(estimate, Math.min(ids.length, limit) + 1) }
}

/** Before white space, which no tokenizer joins across; in a text without any, anywhere but inside a character. */
function pieceEnd(text: string, start: number): number {
  const end = start + pieceLength
  if (end >= text.length) return text.length
  for (let at = end; at > end - 512; at--) {
    if (/\s/.test(text[at]!)) return at
  }
  const unit = text.charCodeAt(end)
  return unit >= 0xdc00 && unit < 0xe000 ? end - 1 : end
}

/** Where a sentence-transformers directory keeps its table; Model2Vec keeps it at the top. */
async function staticModule(directory: string): Promise<string> {
  const modules = await optionalJson(join(directory, 'modules.json'))
  const module = Object.values(modules).find((entry) => String((entry as { type?: unknown }).type).endsWith('StaticEmbedding'))
  return join(directory, String((module as { path?: unknown } | undefined)?.path ?? '.'))
}

async function optionalJson(path: string): Promise<Record<string, unknown>> {
  try {
    return parseJson(await readModelFile(path, 'settings'), path)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'MODEL_NOT_FOUND') return {}
    throw error
  }
}
