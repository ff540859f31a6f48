import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Encoder } from '../../encoder/encoder.ts'
import type { LoraWeights } from '../../encoder/lora/weights.ts'
import { sourceOf, type OnnxSource } from '../../encoder/onnx/source.ts'
import { InvalidArgumentError } from '../../errors.ts'
import { loraQuerySide } from '../lora/lora.ts'
import { checkLoss } from '../losses/loss.ts'
import { startClock } from '../progress.ts'
import { random, sampleBelow } from '../random.ts'
import { nearest } from '../ranking.ts'
import { bytesFor, workspace } from '../simd/workspace.ts'
import { adapterQuerySide, type LearnedAdapter } from './adapter.ts'
import { embed } from './embed.ts'
import { checkOptions } from './check-options.ts'
import { fingerprintOfTexts } from './checkpoint.ts'
import type { AnyExpertOptions } from './expert.ts'
import { fitBytes, fitRoom, type FitQuery, type FitRoom, type FitSet } from './fit.ts'
import { scoreHeldOut, wholeFours } from './look.ts'
import { divideSets, folds, gatherSets, requireQueries, tooSmall, type TrainingQuery, type TrainingSet } from './pairs.ts'
import { pullOfDocuments } from './pull.ts'
import type { QuerySide } from './query-side.ts'
import { queryTokens, tableBytes, tableQuerySide, type LearnedTable, type TableQuerySide } from './table.ts'

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

/** The options of a training, decided. */
export interface Settings {
  readonly folds: number
  readonly rates: readonly number[]
  readonly steps: number
  readonly batchSize: number
  readonly temperature: number
  readonly dropout: number
  readonly negatives: number
  readonly hardNegatives: number
  /** Whether they are looked for where a query names none. */
  readonly mines: boolean
  readonly candidates: number
  readonly homogeneous: boolean
  readonly selfPaced: boolean
  readonly tied: boolean
  readonly earlyStopping: boolean
  readonly foreignSets: boolean
  readonly seed: number
}

/** Below so many queries, a fifth of them is too few to decide by. */
const few = 1000
/** From so many queries on, they are each other's negatives, and no token is relied on by chance. */
const many = 5000
/** What made-up questions are given: they would choose the most, and real questions then find less. */
const safePull = 2
const somePulls = [0, 0.5, 1, 2, 4]
/** Candidates a query brings beside its answer, as in LLM-Embedder. */
const groupNegatives = 7
/** Documents of a pool, beside those that queries ask for. */
const poolSize = 1024
/** Queries times documents that are enough to choose a pull. */
const enoughScores = 4_000_000

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

function decide(options: AnyExpertOptions, sets: readonly TrainingSet[], madeUp: boolean): Settings {
  const { method, seed = 1, batchSize = method === 'lora' ? 64 : 384, temperature = 0.05 } = options
  const main = sets.filter(({ heldOut }) => heldOut?.length !== 0)
  const queries = main.reduce((sum, set) => sum + set.queries.length, 0)
  if (main.every((set) => !set.heldOut) && queries < 5) throw tooSmall()
  const folds = options.folds ?? (queries < few && queries >= 5 ? 5 : 0)
  if (!(Number.isInteger(folds) && folds >= 0 && folds !== 1 && folds <= Math.max(0, queries)))
    throw new InvalidArgumentError('folds', `is ${folds}`, 'Give 0, or a whole number from 2 to the number of queries.')
  const scarce = queries < many
  const asked = sets.flatMap((set) => [...set.queries, ...(set.heldOut ?? [])])
  const told = asked.some(({ rewards }) => rewards !== undefined)
  const warned = asked.some(({ negatives, rewards }) => negatives !== undefined && !rewards)
  const { tied = false } = options
  if (tied && method === 'table')
    throw new InvalidArgumentError(
      'tied',
      'is for documents that learn as well, which a table expert leaves as they are',
      'Train an adapter or LoRA.',
    )
  for (const [i, { loss }] of sets.entries()) if (loss) checkLoss(loss, `pairs[${i}].loss`)
  return {
    folds,
    rates: options.rates ?? (method === 'lora' ? [2e-3] : method === 'adapter' ? [1e-3] : madeUp ? [5e-3] : [5e-3, 2e-2]),
    steps: options.steps ?? (method === 'lora' ? (folds > 0 ? 200 : 800) : madeUp ? 60 : folds > 0 ? 80 : 400),
    batchSize,
    temperature,
    dropout: method === 'lora' ? 0 : (options.dropout ?? (scarce ? 0.5 : 0)),
    negatives: options.negatives ?? (scarce ? 512 : 0),
    mines: options.hardNegatives !== undefined || !warned,
    hardNegatives: options.hardNegatives ?? (warned ? groupNegatives : folds > 0 && method === 'table' && !madeUp ? 3 : 0),
    candidates: options.candidates ?? (told ? groupNegatives : 0),
    homogeneous: options.homogeneous ?? true,
    selfPaced: options.selfPaced ?? false,
    tied,
    earlyStopping: options.earlyStopping ?? true,
    foreignSets: options.foreignSets ?? false,
    seed,
  }
}

/** @throws InvalidArgumentError where a teacher judges, and likes all candidates of every query alike */
function requireJudges(sets: readonly TrainingSet[], { folds: count }: Settings): void {
  const judging = sets.flatMap(({ queries, heldOut = [] }) => (count > 0 ? [...queries, ...heldOut] : heldOut))
  if (judging.length > 0 && judging.every(({ rewards }) => rewards?.values.every((value) => value === rewards.values[0])))
    throw new InvalidArgumentError(
      'pairs',
      'has no query whose rewards differ among those that judge, so nothing says which expert is better',
      'Leave queries out whose candidates are all worth the same.',
    )
}

/** Each fold's view: a part of every set's queries held out, the others to learn from. Supporting sets only teach. */
function splitSets(sets: readonly FitSet[], texts: readonly string[], { folds: count, seed }: Settings): FitSet[][] {
  const parts = sets.map(({ queries, supports }) => (supports ? [] : folds(queries, ({ query }) => texts[query]!, count, seed)))
  return Array.from({ length: count }, (_, fold) =>
    sets.map((set, s) => {
      const heldOut = parts[s]![fold] ?? []
      const held = new Set(heldOut)
      return { ...set, heldOut, queries: set.queries.filter((query) => !held.has(query)) }
    }),
  )
}

/** The pull that finds most for queries that have not been learned from: all of them so far, or those held out when they decide. */
async function choosePull(
  side: TableQuerySide,
  start: (pull: number) => void,
  sets: readonly FitSet[],
  room: FitRoom,
  { folds }: Settings,
  signal: AbortSignal | undefined,
): Promise<number> {
  const judged =
    folds === 0
      ? sets
      : sets.map((set) => ({
          ...set,
          heldOut: set.supports ? [] : set.queries.slice(0, Math.max(50, Math.floor(enoughScores / set.count))),
        }))
  let best = { pull: 0, score: -1 }
  const main = sets.filter(({ supports }) => !supports)
  const known = main.reduce((sum, { count }) => sum + count, 0)
  const answers = main.reduce((sum, set) => sum + new Set([...set.queries, ...set.heldOut].flatMap(({ positives }) => positives)).size, 0)
  for (const pull of somePulls) {
    // Of a collection of which only answers are known, queries would choose the most, to the harm of finding them among the rest.
    if (answers === known && pull > safePull) continue
    start(pull)
    side.reset()
    const score = await scoreHeldOut(side, judged, room, signal)
    if (score > best.score) best = { pull, score }
  }
  return best.pull
}

/** Names for each query the documents the base ranks high that do not answer it; the very first ones may be unlabelled answers and are spared. */
async function mineHard(
  queries: readonly FitQuery[],
  vectors: Float32Array,
  documents: Float32Array,
  dimensions: number,
  signal: AbortSignal | undefined,
): Promise<FitQuery[]> {
  const mined: FitQuery[] = []
  for (const query of queries) {
    await nextTurn()
    signal?.throwIfAborted()
    if (query.hard) {
      mined.push(query)
      continue
    }
    const answers = new Set(query.positives)
    const near = nearest(vectors.subarray(query.query * dimensions, (query.query + 1) * dimensions), documents, 34)
    mined.push({ ...query, hard: near.filter((place) => !answers.has(place)).slice(2, 32) })
  }
  return mined
}

/** Documents that are embedded anew for each look: those that judging queries ask for, and some at random. */
function poolOf(
  {
    documents,
    queries,
    heldOut,
  }: { readonly documents: readonly string[]; readonly queries: readonly FitQuery[]; readonly heldOut: readonly FitQuery[] },
  { folds: count, seed }: Settings,
): number[] {
  const judging = count > 0 ? [...queries, ...heldOut] : heldOut
  const places = new Set(judging.flatMap(({ positives, rewards }) => [...positives, ...(rewards?.places ?? [])]))
  for (const place of sampleBelow(documents.length, poolSize, random(seed, 0x9001))) places.add(place)
  return [...places]
}

/** For each document the place of the first one that reads the same. */
function firstOfSame(documents: readonly string[]): Uint32Array {
  const first = new Map<string, number>()
  return Uint32Array.from(documents, (text, place) => {
    if (!first.has(text)) first.set(text, place)
    return first.get(text)!
  })
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
