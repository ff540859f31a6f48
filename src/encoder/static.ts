import { setImmediate as nextTurn } from 'node:timers/promises'
import { ClosedError, DimensionMismatchError, InvalidArgumentError } from '../errors.ts'
import { normalize as toUnitLength, type Vector } from '../vector.ts'
import type { Encoder } from './encoder.ts'
import { fingerprint } from './fingerprint.ts'
import type { HubOptions } from './hub.ts'
import { rememberPrefixing } from './own-prefix.ts'
import { loadStaticModel, type StaticModel } from './static-model.ts'
import { requireTexts } from './texts.ts'

/** Sparse changes to a static model's token table: what a *table expert* learns for its query side. */
export interface TableChanges {
  /** Stable name of these changes, part of the encoder's fingerprint. */
  readonly id: string
  /** Token ids whose rows change, ascending. */
  readonly rows: Uint32Array
  /** What is added to each of those rows: `rows.length × dimensions` values. */
  readonly deltas: Float32Array
}

export interface StaticEncoderOptions {
  readonly changes?: TableChanges
  /** Put before every text, tokenised on its own. A text that says nothing still gives zeros. @default '' */
  readonly prefix?: string
  /** Tokens read of a text, prefix included. @default what the model says, else 512 */
  readonly maxTokens?: number
  /** Unit length, as stores and routers need it. `false` gives the plain mean. @default true */
  readonly normalize?: boolean
}

/**
 * Encodes by looking up each token's row and taking the mean: plain TypeScript, no native code, a fraction of a
 * millisecond a text. A text without known tokens gives zeros. From a loaded model at once; from a directory or hub
 * repository as a promise.
 */
export function staticEncoder(model: StaticModel, options?: StaticEncoderOptions): Encoder
export function staticEncoder(source: string, options?: StaticEncoderOptions & HubOptions): Promise<Encoder>
export function staticEncoder(source: StaticModel | string, options: StaticEncoderOptions & HubOptions = {}): Encoder | Promise<Encoder> {
  return typeof source === 'string'
    ? loadStaticModel(source, options).then((model) => encoderOf(model, options))
    : encoderOf(source, options)
}

function encoderOf(model: StaticModel, options: StaticEncoderOptions): Encoder {
  const { changes, prefix = '', maxTokens = model.maxTokens, normalize = true } = options
  if (!(Number.isInteger(maxTokens) && maxTokens > 0))
    throw new InvalidArgumentError('maxTokens', `is ${maxTokens}, not a whole number above 0`)
  const { dimensions } = model
  const prefixIds = model.tokenize(prefix, maxTokens)
  const limit = maxTokens - prefixIds.length
  if (limit < 1) throw new InvalidArgumentError('prefix', `takes all of the ${maxTokens} tokens that are read of a text`)
  const addRow = rowAdder(model, changes)
  const changed = {
    ...(maxTokens !== model.maxTokens && { maxTokens }),
    ...(prefix && { prefix }),
    ...(!normalize && { normalize }),
    ...(changes && { changes: changes.id }),
  }
  let closed = false

  const vectorOf = (ids: Uint32Array): Vector => {
    const vector = new Float32Array(dimensions)
    if (ids.length === 0) return vector
    const sum = new Float64Array(dimensions)
    for (const id of prefixIds) addRow(sum, id)
    for (const id of ids) addRow(sum, id)
    const count = prefixIds.length + ids.length
    for (let i = 0; i < dimensions; i++) vector[i] = sum[i]! / count
    return normalize ? toUnitLength(vector) : vector
  }

  const encoder: Encoder = {
    id: Object.keys(changed).length === 0 ? model.id : fingerprint('static', model.id, changed),
    dimensions,
    async encode(texts, { signal, onTruncated } = {}) {
      if (closed) throw new ClosedError('The static encoder')
      requireTexts(texts)
      signal?.throwIfAborted()
      const vectors: Vector[] = []
      let turn = performance.now()
      for (const [index, text] of texts.entries()) {
        // A long list must not keep timers and requests of this thread waiting.
        if (performance.now() - turn > 5) {
          await nextTurn()
          signal?.throwIfAborted()
          turn = performance.now()
        }
        const { ids, tokens } = model.read(text, limit)
        if (tokens > ids.length) onTruncated?.({ index, tokens: tokens + prefixIds.length, limit: maxTokens })
        vectors.push(vectorOf(ids))
      }
      return vectors
    },
    async close() {
      closed = true
    },
  }
  return rememberPrefixing(encoder, (further) => encoderOf(model, { ...options, prefix: prefix + further }))
}

/** Adds a token's row, with its change if it has one, to a sum. */
function rowAdder(
  { table, dimensions, vocabularySize }: StaticModel,
  changes: TableChanges | undefined,
): (sum: Float64Array, id: number) => void {
  const add = (sum: Float64Array, values: Float32Array, start: number): void => {
    for (let i = 0; i < dimensions; i++) sum[i]! += values[start + i]!
  }
  if (!changes) return (sum, id) => add(sum, table, id * dimensions)

  const { rows, deltas } = changes
  if (deltas.length !== rows.length * dimensions)
    throw new DimensionMismatchError(`The token table (${rows.length} changed rows)`, dimensions, deltas.length / rows.length)
  const place = new Int32Array(vocabularySize).fill(-1)
  rows.forEach((row, i) => {
    if (row >= vocabularySize || (i > 0 && row <= rows[i - 1]!))
      throw new InvalidArgumentError('changes.rows', `must be ascending token ids below ${vocabularySize}`)
    place[row] = i
  })
  if (!deltas.every(Number.isFinite)) throw new InvalidArgumentError('changes.deltas', 'has a value that is not a finite number')
  return (sum, id) => {
    add(sum, table, id * dimensions)
    if (place[id]! >= 0) add(sum, deltas, place[id]! * dimensions)
  }
}
