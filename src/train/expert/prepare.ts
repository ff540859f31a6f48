import type { Encoder } from '../../encoder/encoder.ts'
import type { LoraWeights } from '../../encoder/lora/weights.ts'
import { sourceOf, type OnnxSource } from '../../encoder/onnx/source.ts'
import { InvalidArgumentError } from '../../errors.ts'
import { loraQuerySide } from '../lora/lora.ts'
import { startClock } from '../progress.ts'
import { bytesFor, workspace } from '../simd/workspace.ts'
import { adapterQuerySide, type LearnedAdapter } from './adapter.ts'
import { choosePull, safePull } from './choose-pull.ts'
import { embed } from './embed.ts'
import { checkOptions } from './check-options.ts'
import { fingerprintOfTexts } from './checkpoint.ts'
import type { AnyExpertOptions } from './expert.ts'
import { fitBytes, fitRoom, type FitQuery, type FitRoom, type FitSet } from './fit.ts'
import { scoreHeldOut, wholeFours } from './look.ts'
import { divideSets, gatherSets, requireQueries, type TrainingQuery, type TrainingSet } from './pairs.ts'
import { pullOfDocuments } from './pull.ts'
import type { QuerySide } from './query-side.ts'
import { decide, requireJudges, type Settings } from './settings.ts'
import { queryTokens, tableBytes, tableQuerySide, type LearnedTable } from './table.ts'
import { firstOfSame, mineHard, poolOf, splitSets } from './views.ts'

/** Everything read, embedded and in its place. */
export interface Prepared {
  readonly sets: readonly FitSet[]
  /** With folds: the sets as each fold sees them, its queries held out. */
  readonly splits: readonly (readonly FitSet[])[]
  readonly room: FitRoom
  readonly side: QuerySide & { changes(): LearnedTable | LearnedAdapter | LoraWeights }
  readonly foreign: Float32Array
  /** Number of its first text, where documents learn as well. */
  readonly foreignText: number
  readonly settings: Settings
  /** nDCG@10 of the base on the held-out queries; where there are none, the mean over the folds. */
  readonly general: number
  /** The text of each query, by number: as it was given, and as it is read, behind its set's instruction. */
  readonly texts: readonly string[]
  readonly readTexts: readonly string[]
  /** Changes with the text of any document; empty where no checkpoint asks for it. */
  readonly documentsId: string
  /** Pulls to try, and how to begin with one. */
  readonly pulls: readonly number[]
  start(pull: number): void
  /** Ends what runs in the background. */
  close(): Promise<void>
}

/** Checks, divides, tokenises and embeds what is trained on, and finds the start. */
export async function prepare(options: AnyExpertOptions): Promise<Prepared> {
  checkOptions(options)
  const { base, signal } = options
  const { dimensions } = base
  const gathered = gatherSets(options.pairs)
  const madeUp = gathered.every((set) => set.madeUp)
  const given = gathered.map((set) => (set.madeUp && !madeUp ? { ...set, heldOut: [] } : set))
  const settings = decide(options, given, madeUp)
  const divided: readonly TrainingSet[] = settings.folds > 0 ? given : divideSets(given, settings.seed)
  requireQueries(divided)
  if (!options.force) requireJudges(divided, settings)

  const texts: string[] = []
  const readTexts: string[] = []
  const number = (queries: readonly TrainingQuery[], instruction = ''): FitQuery[] =>
    queries.map(({ text, positives, rewards, negatives }) => {
      readTexts.push(instruction + text)
      return { query: texts.push(text) - 1, positives, ...(rewards && { rewards }), ...(negatives && { hard: negatives }) }
    })
  const numbered = divided.map(({ documents, queries, heldOut, instruction, task, loss }) => ({
    documents: instruction?.document === undefined ? documents : documents.map((text) => instruction.document + text),
    queries: number(queries, instruction?.query),
    heldOut: number(heldOut ?? [], instruction?.query),
    supports: heldOut?.length === 0,
    ...(task !== undefined && { task }),
    ...(loss && { loss }),
  }))
  const { hardNegatives, tied } = settings
  const { foreign: strangers = [] } = options
  const mining = hardNegatives > 0 && settings.mines && numbered.some(({ queries }) => queries.some(({ hard }) => !hard))
  const needed = options.method === 'adapter' || mining ? readTexts : []
  const total = [strangers, needed, ...divided.map(({ documents }) => documents)].reduce((sum, list) => sum + list.length, 0)
  const clock = startClock(total)
  let done = 0
  const onTexts = (count: number): void => {
    done += count
    if (count > 0) options.onProgress?.({ ...clock(done), stage: 'embed' })
  }
  const plain = async (list: readonly string[]): Promise<Float32Array> => {
    const vectors = new Float32Array(list.length * dimensions)
    await embed(base, list, vectors, { signal, onTexts })
    return vectors
  }
  const queryVectors = await plain(needed)
  const foreign = await plain(strangers)

  const tokens = options.method === 'table' ? await queryTokens(options.base, readTexts, signal) : undefined
  const pools = tied ? numbered.map((set) => poolOf(set, settings)) : []
  const asked = divided.reduce((sum, { queries }) => sum + queries.length, 0)
  const batchSize = Math.min(settings.batchSize, asked)
  const roomFor = { ...settings, batchSize, pool: Math.max(0, ...pools.map((pool) => pool.length)) }
  const most = Math.max(...divided.map(({ documents }) => documents.length))
  const space = workspace(
    bytesFor(...divided.map(({ documents }) => wholeFours(documents.length) * dimensions)) +
      fitBytes(dimensions, most, roomFor) +
      (options.method === 'table' ? tableBytes(options.base, tokens!) : 0),
  )
  const pulled = options.method === 'table' && options.pull !== 0
  const read: ArrayLike<number>[] = []
  const onTokens = pulled ? (list: ArrayLike<number>): void => void read.push(Uint32Array.from(list)) : undefined
  const sets: FitSet[] = []
  let firstText = texts.length
  for (const [i, { documents, queries, ...rest }] of numbered.entries()) {
    const vectors = space.floats(wholeFours(documents.length) * dimensions)
    await embed(base, documents, vectors, { signal, onTexts, ...(onTokens && { onTokens }) })
    const mined = mining
      ? await mineHard(queries, queryVectors, vectors.subarray(0, documents.length * dimensions), dimensions, signal)
      : queries
    const learns = tied && { firstText, pool: pools[i]! }
    sets.push({ documents: vectors, count: documents.length, same: firstOfSame(documents), ...rest, queries: mined, ...learns })
    firstText += documents.length
  }
  const learning = { texts: [...readTexts, ...(tied ? [...numbered.flatMap(({ documents }) => documents), ...strangers] : [])], firstText }
  const room = fitRoom(space, dimensions, most, roomFor)
  signal?.throwIfAborted()
  const splits = settings.folds === 0 ? [] : splitSets(sets, texts, settings)
  const judges = splits.length === 0 || sets.some((set) => set.heldOut.length > 0) ? [sets] : splits
  const scoreOf = async (side: QuerySide): Promise<number> => {
    let sum = 0
    for (const judge of judges) sum += await scoreHeldOut(side, judge, room, signal)
    return sum / judges.length
  }
  const documentsId =
    options.resume || options.onCheckpoint
      ? await fingerprintOfTexts(
          numbered.map(({ documents }) => documents),
          signal,
        )
      : ''
  const common = { sets, splits, room, foreign, foreignText: learning.firstText, settings, texts, readTexts, documentsId }
  const nothing = { pulls: [0], start() {}, close: async () => {} }
  if (options.method === 'lora') {
    const side = await loraQuerySide(loraSource(options.base), learning.texts, settings.seed, {
      ...options,
      queries: texts.length,
    })
    try {
      return { ...common, ...nothing, side, general: await scoreOf(side), close: side.close }
    } catch (error) {
      await side.close()
      throw error
    }
  }
  if (options.method === 'adapter') {
    const rows = [...rowsOf(queryVectors, dimensions)]
    if (tied) for (const { documents, count } of sets) rows.push(...rowsOf(documents.subarray(0, count * dimensions), dimensions))
    if (tied) rows.push(...rowsOf(foreign, dimensions))
    const side = adapterQuerySide(rows, dimensions, options.rank ?? 64, settings.seed)
    return { ...common, ...nothing, side, general: await scoreOf(side) }
  }

  const side = tableQuerySide(space, options.base, tokens!)
  const general = await scoreOf(side)
  if (!pulled) return { ...common, ...nothing, side, general }
  const changes = await pullOfDocuments(options.base, { tokens: read, vectors: together(sets, dimensions) }, signal)
  const start = (pull: number): void => side.startFrom(changes, pull)
  const wanted = options.pull ?? (madeUp ? safePull : undefined)
  const pull = wanted ?? (await choosePull(side, start, sets, room, settings, signal))
  // What helps an untrained table may hinder a trained one; where there are queries enough to tell, both are tried.
  const pulls = settings.folds === 0 && wanted === undefined && pull > 0 ? [pull, 0] : [pull]
  return { ...common, ...nothing, side, general, pulls, start }
}

/** @throws InvalidArgumentError for an encoder that is no ONNX model, or comes from elsewhere */
function loraSource(base: Encoder): OnnxSource {
  const source = sourceOf(base)
  if (source) return source
  throw new InvalidArgumentError(
    'base',
    'is no ONNX encoder, whose layers LoRA changes',
    'Give what `onnxEncoder` returns; a static base takes tables.',
  )
}

/** The vectors of all sets' documents, one after another. */
function together(sets: readonly FitSet[], dimensions: number): Float32Array {
  const all = new Float32Array(sets.reduce((sum, { count }) => sum + count, 0) * dimensions)
  let at = 0
  for (const { documents, count } of sets) {
    all.set(documents.subarray(0, count * dimensions), at)
    at += count * dimensions
  }
  return all
}

function rowsOf(vectors: Float32Array, dimensions: number): Float32Array[] {
  return Array.from({ length: vectors.length / dimensions }, (_, i) => vectors.subarray(i * dimensions, (i + 1) * dimensions))
}
