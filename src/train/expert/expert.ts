import { InvalidArgumentError, TrainingRefusedError } from '../../errors.ts'
import type { Encoder } from '../../encoder/encoder.ts'
import { poolTokens } from '../pooling.ts'
import { startClock, type TrainingProgress } from '../progress.ts'
import { nearest } from '../ranking.ts'
import { bytesFor, workspace } from '../simd/workspace.ts'
import { adapterQuerySide, type LearnedAdapter } from './adapter.ts'
import { fitBytes, fitQuerySide, fitRoom, scoreHeldOut, type FitQuery, type FitRoom, type FitSet } from './fit.ts'
import { divideSets, type DividedSet, type TrainingPair, type TrainingQuery, type TrainingSet } from './pairs.ts'
import type { QuerySide } from './query-side.ts'
import { queryTokens, tableBytes, tableQuerySide, type LearnedTable, type StaticBase } from './table.ts'

interface CommonOptions {
  readonly name: string
  /** Question–passage pairs, or sets of questions over collections. */
  readonly pairs: readonly TrainingPair[] | readonly TrainingSet[]
  /** Documents of other domains: a third of the documents of each batch, so that the expert does not drift towards them. */
  readonly foreign?: readonly string[]
  /** Keep an expert that does not beat the base on held-out queries. @default false */
  readonly force?: boolean
  /** Peak learning rates to try; the best on held-out queries stays. @default 5e-3 for tables and 1e-3 for adapters; less below 2000 queries */
  readonly rates?: readonly number[]
  /** Steps at most; training stops early when held-out queries stop gaining. @default 200; 120 below 2000 queries */
  readonly steps?: number
  /** @default 384 */
  readonly batchSize?: number
  /** @default 0.05 */
  readonly temperature?: number
  /** Documents that the base ranks high and that are no answers, added for each query of a batch. @default 0 */
  readonly hardNegatives?: number
  /** @default 1 */
  readonly seed?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: TrainingProgress) => void
}

/** Trains sparse changes to a static base's token table, for queries only. */
export interface TableExpertOptions extends CommonOptions {
  readonly method: 'table'
  readonly base: StaticBase
}

/** Trains a low-rank residual on the base's query vectors; the base may be any encoder, also a remote one. */
export interface AdapterExpertOptions extends CommonOptions {
  readonly method: 'adapter'
  readonly base: Encoder
  /** @default 64 */
  readonly rank?: number
}

/** A trained expert and what it is worth. */
export interface TrainedExpert<Changes> {
  readonly name: string
  /** `id` of the base it belongs to. */
  readonly base: string
  readonly changes: Changes
  /** nDCG@10 on held-out queries, mean over sets, before and after. */
  readonly heldOut: { readonly general: number; readonly expert: number }
  /** The learning rate and the number of steps that won. */
  readonly rate: number
  readonly steps: number
}

/**
 * Trains the query side of an expert against documents that stay as the base embeds them, so no stored document is
 * embedded again. Equal inputs and seeds give equal experts.
 * @throws TrainingRefusedError when it does not beat the base on held-out queries and `force` is not set.
 */
export function trainExpert(options: TableExpertOptions): Promise<TrainedExpert<LearnedTable>>
export function trainExpert(options: AdapterExpertOptions): Promise<TrainedExpert<LearnedAdapter>>
export async function trainExpert(
  options: TableExpertOptions | AdapterExpertOptions,
): Promise<TrainedExpert<LearnedTable | LearnedAdapter>> {
  const { name, base, seed = 1, signal, force = false, batchSize = 384, hardNegatives = 0 } = options
  const { dimensions } = base
  const sets = divideSets(options.pairs, seed)
  const texts: string[] = []
  const number = (queries: readonly TrainingQuery[]): FitQuery[] =>
    queries.map(({ text, positives }) => ({ query: texts.push(text) - 1, positives }))
  const numbered = sets.map(({ documents, queries, heldOut }) => ({ documents, queries: number(queries), heldOut: number(heldOut) }))
  const embed = embedder(options)
  const plain = (list: readonly string[]): Promise<Float32Array> => embed(list, new Float32Array(list.length * dimensions))
  const queryVectors = options.method === 'adapter' || hardNegatives > 0 ? await plain(texts) : new Float32Array(0)
  const foreign = await plain(options.foreign ?? [])

  const tokens = options.method === 'table' ? queryTokens(options.base, texts) : undefined
  const counts = sets.map(({ documents, heldOut }) => ({ documents: documents.length, heldOut: heldOut.length }))
  const space = workspace(
    bytesFor(...counts.map(({ documents }) => documents * dimensions)) +
      fitBytes(dimensions, counts, { batchSize, hardNegatives }) +
      (options.method === 'table' ? tableBytes(options.base, tokens!) : 0),
  )
  const fitSets: FitSet[] = []
  for (const { documents, queries, heldOut } of numbered) {
    const vectors = await embed(documents, space.floats(documents.length * dimensions))
    fitSets.push({
      documents: vectors,
      queries: hardNegatives > 0 ? mineHard(queries, queryVectors, vectors, dimensions) : queries,
      heldOut,
    })
  }
  const room = fitRoom(space, dimensions, counts, { batchSize, hardNegatives })
  const side: QuerySide & { changes(): LearnedTable | LearnedAdapter } =
    options.method === 'table'
      ? tableQuerySide(space, options.base, tokens!)
      : adapterQuerySide(rowsOf(queryVectors, dimensions), dimensions, options.rank ?? 64, seed)
  signal?.throwIfAborted()

  const general = scoreHeldOut(side, fitSets, room)
  const attempts = []
  for await (const attempt of tryRates(options, sets, fitSets, side, room, foreign)) attempts.push({ ...attempt, changes: side.changes() })
  const { changes, score, step, rate } = attempts.reduce((best, next) => (next.score > best.score ? next : best))
  if (score <= general && !force) throw new TrainingRefusedError(name, { expert: score, general })
  return { name, base: base.id, changes, heldOut: { general, expert: score }, rate, steps: step }
}

async function* tryRates(
  {
    method,
    rates,
    steps,
    batchSize = 384,
    temperature = 0.05,
    hardNegatives = 0,
    seed = 1,
    signal,
    onProgress,
  }: TableExpertOptions | AdapterExpertOptions,
  sets: readonly DividedSet[],
  fitSets: readonly FitSet[],
  side: QuerySide,
  room: FitRoom,
  foreign: Float32Array,
): AsyncGenerator<{ score: number; step: number; rate: number }> {
  const small = sets.reduce((sum, { queries }) => sum + queries.length, 0) < 2000
  const most = steps ?? (small ? 120 : 200)
  const candidates = rates ?? [(method === 'table' ? 5e-3 : 1e-3) * (small ? 0.4 : 1)]
  if (candidates.length === 0 || !candidates.every((rate) => rate > 0 && Number.isFinite(rate)))
    throw new InvalidArgumentError('rates', 'must hold positive numbers')
  const clock = startClock(most * candidates.length)
  for (const [attempt, rate] of candidates.entries()) {
    const best = await fitQuerySide(side, fitSets, room, {
      steps: most,
      rate,
      batchSize,
      temperature,
      seed,
      foreign,
      hardNegatives,
      signal,
      lookEvery: Math.max(10, Math.round(most / 10)),
      patience: 4,
      onStep: (step, loss, score) => onProgress?.({ ...clock(attempt * most + step), stage: `rate ${rate}`, loss, score }),
    })
    yield { rate, ...best }
  }
}

/** Writes the unit vectors of texts under the base, one after another. */
function embedder(
  options: TableExpertOptions | AdapterExpertOptions,
): (texts: readonly string[], vectors: Float32Array) => Promise<Float32Array> {
  const { dimensions } = options.base
  return async (texts, vectors) => {
    if (options.method === 'table') {
      const { base, signal } = options
      let turn = performance.now()
      for (const [i, text] of texts.entries()) {
        const tokens = base.tokenize(text)
        poolTokens(base.table, dimensions, tokens, 0, tokens.length, vectors, i * dimensions)
        if (performance.now() - turn < 20) continue
        await new Promise(setImmediate)
        signal?.throwIfAborted()
        turn = performance.now()
      }
    } else {
      for (let from = 0; from < texts.length; from += 256) {
        const part = await options.base.encode(texts.slice(from, from + 256), options.signal ? { signal: options.signal } : {})
        part.forEach((vector, i) => vectors.set(vector, (from + i) * dimensions))
      }
    }
    return vectors
  }
}

/** Names for each query the documents the base ranks high that do not answer it; the very first ones may be unlabelled answers and are spared. */
function mineHard(queries: readonly FitQuery[], vectors: Float32Array, documents: Float32Array, dimensions: number): FitQuery[] {
  return queries.map((query) => {
    const answers = new Set(query.positives)
    const near = nearest(vectors.subarray(query.query * dimensions, (query.query + 1) * dimensions), documents, 34)
    return { ...query, hard: near.filter((place) => !answers.has(place)).slice(2, 32) }
  })
}

function rowsOf(vectors: Float32Array, dimensions: number): Float32Array[] {
  return Array.from({ length: vectors.length / dimensions }, (_, i) => vectors.subarray(i * dimensions, (i + 1) * dimensions))
}
