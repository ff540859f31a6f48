import { join } from 'node:path'
import { InvalidModelError } from '../errors.ts'
import { readSafetensors, toFloat32, type Tensor } from '../safetensors.ts'
import { fingerprint } from './fingerprint.ts'
import { resolveModel, type HubOptions } from './hub.ts'
import { pieceLength, readTokens, type Reading } from './reading.ts'
import { loadTokenizer, optionalJson, readModelFile, type TextTokenizer } from './tokenizer.ts'

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

/**
 * Reads a Model2Vec-type directory: `tokenizer.json`, `model.safetensors` with `embeddings` and optionally `weights`
 * (a factor per token) and `mapping` (token to row), `config.json`. The layout of sentence-transformers'
 * `StaticEmbedding` (`modules.json`, `embedding.weight`) is read too.
 * @param source A directory, or a hub repository such as `minishlab/potion-base-8M`.
 * @throws ModelNotFoundError, InvalidModelError, DownloadError, OfflineError
 */
export async function loadStaticModel(source: string, options: HubOptions = {}): Promise<StaticModel> {
  const directory = await resolveModel(
    source,
    (path) => /^(\d+_StaticEmbedding\/)?model\.safetensors$/.test(path),
    'token table model.safetensors',
    options,
  )
  const [config, folder] = await Promise.all([optionalJson(join(directory, 'config.json')), staticModule(directory)])
  const path = join(folder, 'model.safetensors')
  const [tokenizer, bytes] = await Promise.all([loadTokenizer(folder), readModelFile(path, 'token table')])

  const { tensors } = readSafetensors(bytes, path)
  const { table, dimensions, rows } = readTable(tensors, path)
  if (tokenizer.vocabularySize > rows) {
    throw new InvalidModelError(
      path,
      `holds ${rows} rows, but its tokenizer.json gives ids up to ${tokenizer.vocabularySize - 1}: they belong to different models`,
    )
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
  if (!embeddings)
    throw new InvalidModelError(
      path,
      `has no tensor "embeddings" (found: ${[...tensors.keys()].join(', ') || 'none'}), so it is no static model`,
    )
  const [stored = 0, dimensions = 0] = embeddings.shape
  if (embeddings.shape.length !== 2 || stored === 0 || dimensions === 0)
    throw new InvalidModelError(path, 'has "embeddings" that are not a table of rows')

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

/** One query goes through the base and several table experts, batches of queries too. */
const remembered = 1_024

function textReader(tokenizer: TextTokenizer, dropped: number | undefined): (text: string, limit: number) => Reading {
  const recent = new Map<string, { limit: number; reading: Reading }>()
  return (text, limit) => {
    const known = recent.get(text)
    if (known?.limit === limit) return known.reading
    const reading = readTokens(tokenizer, text, limit, dropped)
    if (text.length <= pieceLength) {
      if (recent.size >= remembered) recent.delete(recent.keys().next().value!)
      recent.set(text, { limit, reading })
    }
    return reading
  }
}

/** Where a sentence-transformers directory keeps its table; Model2Vec keeps it at the top. */
async function staticModule(directory: string): Promise<string> {
  const modules = await optionalJson(join(directory, 'modules.json'))
  const module = Object.values(modules).find((entry) => String((entry as { type?: unknown }).type).endsWith('StaticEmbedding'))
  return join(directory, String((module as { path?: unknown } | undefined)?.path ?? '.'))
}
