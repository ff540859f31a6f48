import { InvalidArgumentError, InvalidModelError } from '../../errors.ts'
import { serveWorker, type WorkerHandler } from '../../worker.ts'
import { fingerprint } from '../fingerprint.ts'
import { readTokens } from '../reading.ts'
import { loadTokenizer, type TextTokenizer } from '../tokenizer.ts'
import { batchesByLength } from './batches.ts'
import { openGraph, type Graph } from './graph.ts'
import { finish, pool } from './pooling.ts'
import type { EncodeRequest, EncodeResult, LoadRequest, OpenRequest, OpenResult } from './protocol.ts'
import { chooseNormalization, choosePooling, choosePrompt, readSettings, type ModelSettings, type Pooling } from './settings.ts'

/** A way to use the model that is loaded. Query and document side of one model are two of these. */
interface View {
  readonly dimensions: number
  readonly pooling: Pooling
  readonly normalize: boolean
  readonly prompt: string
  readonly maxTokens: number
  /** Leading tokens that the mean leaves out. */
  readonly skipped: number
}

let model: { readonly graph: Graph; readonly tokenizer: TextTokenizer; readonly settings: ModelSettings } | undefined
const views: View[] = []

const handlers = {
  async load({ directory, path, threads, gate }: LoadRequest): Promise<void> {
    const settings = await readSettings(directory)
    const tokenizer = await loadTokenizer(settings.folder)
    model = { graph: await openGraph(path, threads, gate), tokenizer, settings }
  },

  async open(request: OpenRequest): Promise<OpenResult> {
    const { graph, tokenizer, settings } = model!
    const view = { ...chooseView(request), dimensions: 0 }
    const { opening, closing } = tokenizer
    // One short pass tells the dimensions and shows that the output is what pooling needs.
    const probe = Uint32Array.from(opening.length + closing.length > 0 ? [...opening, ...closing] : [0])
    const { dimensions } = await graph.run([probe], view.pooling === 'sentence' ? 'sentence' : 'tokens', settings.padId)
    const { pooling, normalize, prompt, maxTokens, skipped } = view
    const handle = views.push({ ...view, dimensions }) - 1
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
    return { handle, id, dimensions, maxTokens }
  },

  async encode({ handle, texts }: EncodeRequest, { transfer }: Parameters<WorkerHandler>[1]): Promise<EncodeResult> {
    const { graph, settings } = model!
    const view = views[handle]!
    const { dimensions, pooling } = view
    const sequences = texts.map((text) => sequenceOf(text, view))
    const vectors = new Float32Array(texts.length * dimensions)
    // A sequence without tokens (a static model, an empty text) keeps its zeros.
    const filled = sequences.flatMap(({ ids }, position) => (ids.length > 0 ? [position] : []))
    const batches = batchesByLength(
      filled.map((position) => sequences[position]!.ids.length),
      graph.batchDependent ? 1 : undefined,
    )
    for (const batch of batches) {
      const positions = batch.map((i) => filled[i]!)
      const result = await graph.run(
        positions.map((position) => sequences[position]!.ids),
        pooling === 'sentence' ? 'sentence' : 'tokens',
        settings.padId,
      )
      if (result.dimensions !== dimensions)
        throw new InvalidModelError(graph.path, `gave ${result.dimensions} dimensions after ${dimensions}`)
      positions.forEach((position, row) => {
        const pooled =
          pooling === 'sentence'
            ? result.values.slice(row * dimensions, (row + 1) * dimensions)
            : pool(result, row, sequences[position]!.ids.length, pooling, view.skipped)
        const vector = finish(pooled, view.normalize)
        if (!vector) throw new InvalidModelError(graph.path, 'gives values that are not finite numbers')
        vectors.set(vector, position * dimensions)
      })
    }
    transfer(vectors.buffer)
    return { vectors, truncated: sequences.map(({ ids, tokens }) => (tokens > ids.length ? tokens : undefined)) }
  },

  async close(): Promise<void> {
    await model?.graph.release()
    model = undefined
  },
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
