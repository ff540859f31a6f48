import { freemem } from 'node:os'
import { InvalidArgumentError, InvalidModelError, describeError } from '../../errors.ts'
import { serveWorker, type WorkerHandler } from '../../worker.ts'
import { fingerprint } from '../fingerprint.ts'
import { buildOnnx } from '../from-weights/build.ts'
import { readTokens } from '../reading.ts'
import { loadTokenizer, type TextTokenizer } from '../tokenizer.ts'
import { batchesByLength } from './batches.ts'
import { adaptableGraph, type AdaptableGraph } from './adaptable-graph.ts'
import type { Adapter } from './adapter-bank.ts'
import { poolInto, type PoolingWay } from './pooling.ts'
import type {
  AdaptRequest,
  EncodeRequest,
  EncodeResult,
  ForgetRequest,
  LoadRequest,
  LoadResult,
  NamedOpenRequest,
  OpenRequest,
  OpenResult,
} from './protocol.ts'
import { quantiseFile } from './quantised-file.ts'
import { inspectFile } from './runtime.ts'
import { chooseNormalization, choosePooling, choosePrompt, readSettings, type ModelSettings } from './settings.ts'
import { planThreads } from './thread-plan.ts'

/** A way to use the model that is loaded. Query and document side of one model are two of these. */
interface View extends PoolingWay {
  readonly dimensions: number
  readonly prompt: string
  readonly maxTokens: number
  readonly adapter?: Adapter
}

let model: { readonly graph: AdaptableGraph; readonly tokenizer: TextTokenizer; readonly settings: ModelSettings } | undefined
/** By their handles. */
const views = new Map<number, View>()

const handlers = {
  async load({ directory, path, building, quantising, threads, beside, gate }: LoadRequest): Promise<LoadResult> {
    const settings = await readSettings(directory)
    const tokenizer = await loadTokenizer(settings.folder)
    if (building) await buildOnnx(quantising?.from ?? path, building)
    if (quantising) await quantiseFile(path, quantising.from)
    const file = await inspectFile(path)
    if (beside && beside.hash !== file.hash) throw new InvalidModelError(path, 'was changed since it was opened')
    const { hash, batchDependent } = file
    const plan = planThreads({ threads, modelBytes: file.size, freeBytes: freemem(), quantised: batchDependent })
    const session = beside ? { count: beside.threads } : { count: plan.latency, spinning: plan.latency > 1 }
    model = { graph: await adaptableGraph(path, file, session, gate), tokenizer, settings }
    return { hash, plan }
  },

  async open({ handle, ...request }: NamedOpenRequest): Promise<OpenResult> {
    const { graph, tokenizer, settings } = model!
    const view = { ...chooseView(request), dimensions: 0 }
    const { opening, closing } = tokenizer
    // One short pass tells the dimensions and shows that the output is what pooling needs.
    const probe = Uint32Array.from(opening.length + closing.length > 0 ? [...opening, ...closing] : [0])
    const { dimensions } = await graph.run([probe], view.pooling === 'sentence' ? 'sentence' : 'tokens', settings.padId, [undefined])
    const { pooling, normalize, prompt, maxTokens, skipped } = view
    const id = fingerprint('onnx', graph.hash, ...tokenizer.bytes, {
      pooling,
      normalize,
      prompt,
      maxTokens,
      skipped,
      lowercase: settings.lowercase,
      isStatic: settings.isStatic,
      form: graph.form,
    })
    const isFirst = views.size === 0
    views.set(handle, { ...view, dimensions })
    if (isFirst) await warmUp({ ...view, dimensions })
    return { handle, id, dimensions, maxTokens }
  },

  async adapt({ handle, base, weights }: AdaptRequest): Promise<void> {
    const view = views.get(base)!
    const adapter = await model!.graph.adapt(weights)
    views.set(handle, { ...view, adapter })
  },

  async forget({ handle }: ForgetRequest): Promise<void> {
    const adapter = views.get(handle)?.adapter
    if (adapter) model!.graph.forget(adapter)
    views.delete(handle)
  },

  async encode({ handles, texts }: EncodeRequest, { transfer }: Parameters<WorkerHandler>[1]): Promise<EncodeResult> {
    let size = 0
    const tasks = texts.map((text, i): Task => {
      const view = views.get(handles[i]!)!
      const start = (size += view.dimensions) - view.dimensions
      return { view, start, ...sequenceOf(text, view) }
    })
    const vectors = new Float32Array(size)
    const failed: number[] = []
    for (const output of ['tokens', 'sentence'] as const) {
      // A sequence without tokens (a static model, an empty text) keeps its zeros.
      const filled = tasks.filter(({ ids, view }) => ids.length > 0 && (view.pooling === 'sentence') === (output === 'sentence'))
      const lengths = filled.map(({ ids }) => ids.length)
      for (const batch of batchesByLength(lengths, model!.graph.batchDependent ? 1 : undefined)) {
        const together = batch.map((i) => filled[i]!)
        const wrong = await runBatch(together, output, vectors)
        failed.push(...wrong.map((task) => tasks.indexOf(task)))
      }
    }
    transfer(vectors.buffer)
    const notNumbers = (): Error => new InvalidModelError(model!.graph.path, 'gives values that are not finite numbers')
    return {
      vectors,
      truncated: tasks.map(({ ids, tokens }) => (tokens > ids.length ? tokens : undefined)),
      ...(failed.length > 0 && { failed: { positions: failed, error: describeError(notNumbers()) } }),
    }
  },

  async close(): Promise<void> {
    await model?.graph.release()
    model = undefined
  },
}

/** A text on its way through the model. */
interface Task {
  readonly view: View
  readonly ids: Uint32Array
  /** Tokens of the whole text. */
  readonly tokens: number
  /** Where its vector goes. */
  readonly start: number
}

const warmUpMilliseconds = 100

/** Reads and runs texts of common lengths, so that the first question finds compiled code and memory that has been allocated. */
async function warmUp(view: View): Promise<void> {
  const words = 'how long does the very first question take that somebody asks of a model which has only just been opened '
  const started = performance.now()
  let last = 0
  try {
    for (let i = 0; performance.now() - started + last < warmUpMilliseconds; i++) {
      const before = performance.now()
      const task = { view, start: 0, ...sequenceOf(words.repeat(1 + (i % 3)).slice(0, 30 + (i % 4) * 30), view) }
      if (task.ids.length > 0)
        await runBatch([task], view.pooling === 'sentence' ? 'sentence' : 'tokens', new Float32Array(view.dimensions))
      last = performance.now() - before
    }
  } catch {
    // Whoever asks something will be told.
  }
}

/** Puts the vectors of one pass into their places and gives back the tasks whose values are no numbers. */
async function runBatch(batch: readonly Task[], output: 'tokens' | 'sentence', vectors: Float32Array): Promise<Task[]> {
  const { graph, settings } = model!
  const result = await graph.run(
    batch.map(({ ids }) => ids),
    output,
    settings.padId,
    batch.map(({ view }) => view.adapter),
  )
  return batch.filter(({ view, ids, start }, row) => {
    const { dimensions } = view
    if (result.dimensions !== dimensions)
      throw new InvalidModelError(graph.path, `gave ${result.dimensions} dimensions after ${dimensions}`)
    const target = vectors.subarray(start, start + dimensions)
    if (poolInto(target, result, row, ids.length, view)) return false
    target.fill(0)
    return true
  })
}

function chooseView(request: OpenRequest): Omit<View, 'dimensions'> {
  const { graph, tokenizer, settings } = model!
  const prompt = choosePrompt(settings, request.prompt)
  const maxTokens = request.maxTokens ?? settings.maxTokens ?? 512
  const specials = tokenizer.opening.length + tokenizer.closing.length
  if (!(Number.isInteger(maxTokens) && maxTokens > specials)) {
    throw new InvalidArgumentError('maxTokens', `is ${maxTokens}, which leaves nothing for the text beside ${specials} special tokens`)
  }
  if (settings.positions !== undefined && maxTokens > settings.positions) {
    throw new InvalidArgumentError('maxTokens', `is ${maxTokens}, but the model has ${settings.positions} positions`)
  }
  return {
    pooling: choosePooling(settings, request.pooling, graph),
    normalize: chooseNormalization(settings, request.normalize, graph.path),
    prompt,
    maxTokens,
    skipped: settings.promptPooled || prompt === '' ? 0 : tokenizer.opening.length + tokenizer.tokenize(prompt).length,
  }
}

/** The ids of a text with its special tokens. What is too long loses the end of its body: the closing token stays. */
function sequenceOf(text: string, { prompt, maxTokens }: View): { ids: Uint32Array; tokens: number } {
  const { graph, tokenizer, settings } = model!
  const isStatic = settings.isStatic || graph.form === 'flat'
  const { opening, closing } = isStatic ? { opening: [], closing: [] } : tokenizer
  const whole = prompt + text
  const specials = opening.length + closing.length
  const { ids: body, tokens } = readTokens(
    tokenizer,
    settings.lowercase ? whole.toLowerCase() : whole,
    maxTokens - specials,
    isStatic ? tokenizer.unknownId : undefined,
  )
  const ids = new Uint32Array(specials + body.length)
  ids.set(opening)
  ids.set(body, opening.length)
  ids.set(closing, opening.length + body.length)
  return { ids, tokens: tokens + specials }
}

serveWorker(handlers)
