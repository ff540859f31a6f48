import type { Tensor } from 'onnxruntime-node'
import type * as Runtime from 'onnxruntime-node'
import { branchInputs } from '../../encoder/lora/side-branches.ts'
import { openGraph } from '../../encoder/onnx/graph.ts'
import { loadRuntime } from '../../encoder/onnx/runtime.ts'
import {
  chooseNormalization,
  choosePooling,
  choosePrompt,
  readSettings,
  type ModelSettings,
  type Pooling,
} from '../../encoder/onnx/settings.ts'
import { readTokens } from '../../encoder/reading.ts'
import { loadTokenizer, type TextTokenizer } from '../../encoder/tokenizer.ts'
import { throughGate } from '../../exit-gate.ts'
import { serveWorker, type WorkerHandler } from '../../worker.ts'
import { trainableModel, type TokenBatch, type TrainableModel } from './model.ts'
import {
  sizesOf,
  type AttachRequest,
  type BackwardRequest,
  type ContrastRequest,
  type ForwardRequest,
  type OpenRequest,
  type OpenResult,
  type ReadRequest,
  type TrainedLayer,
} from './protocol.ts'

interface Reader {
  readonly tokenizer: TextTokenizer
  readonly settings: ModelSettings
  readonly pooling: Pooling
  readonly prompt: string
  readonly maxTokens: number
  readonly documentTokens: number
}

let ort: typeof Runtime
let model: TrainableModel
let reader: Reader
let rank: number
let scaling: number
let memory: AttachRequest
let texts: Uint32Array[] = []

/** What a document must not lose a softmax by: far below every cosine · sharpness. */
const never = -1e4

const handlers = {
  async open({ source: { directory, path, view }, targets, threads, gate, ...rest }: OpenRequest): Promise<OpenResult> {
    ;({ rank, scaling } = rest)
    const settings = await readSettings(directory)
    const tokenizer = await loadTokenizer(settings.folder)
    ort = await throughGate(gate, loadRuntime)
    // The plain graph tells how it ends.
    const graph = await openGraph(path, { count: threads }, gate)
    try {
      const pooling = choosePooling(settings, view.pooling, graph)
      const most = Math.min(view.maxTokens ?? settings.maxTokens ?? 512, settings.positions ?? Infinity)
      const [maxTokens, documentTokens] = [Math.min(rest.maxTokens, most), Math.min(rest.documentTokens, most)]
      reader = { tokenizer, settings, pooling, prompt: choosePrompt(settings, view.prompt), maxTokens, documentTokens }
      const of = pooling === 'sentence' ? ('texts' as const) : ('tokens' as const)
      const { dimensions } = await graph.run([Uint32Array.of(0)], of === 'texts' ? 'sentence' : 'tokens', settings.padId)
      const end = { output: { name: graph.outputs[of]!, of }, dimensions, normalize: chooseNormalization(settings, view.normalize, path) }
      model = await trainableModel(path, end, { targets, rank, threads }, ort, (action) => throughGate(gate, action))
      return { dimensions, layers: model.layers.map(({ module, inputs, outputs }) => ({ module, inputs, outputs })) }
    } finally {
      await graph.release()
    }
  },

  attach(request: AttachRequest): void {
    memory = request
  },

  read(request: ReadRequest): void {
    texts = request.texts.map((text, i) => idsOf(text, i < request.queries ? reader.maxTokens : reader.documentTokens))
  },

  async forward({ queries }: ForwardRequest, { transfer }: Parameters<WorkerHandler>[1]): Promise<Float32Array> {
    const feeds = branches()
    let vectors = new Float32Array(0)
    for (const places of chunks(queries)) {
      const part = await model.forward(batchOf(places.map((place) => queries[place]!)), feeds)
      const dimensions = part.length / places.length
      if (vectors.length === 0) vectors = new Float32Array(queries.length * dimensions)
      places.forEach((place, i) => vectors.set(part.subarray(i * dimensions, (i + 1) * dimensions), place * dimensions))
    }
    transfer(vectors.buffer)
    return vectors
  },

  /** Leaves the sum of all texts' gradients. */
  async backward({ queries, upstream }: BackwardRequest): Promise<void> {
    const feeds = branches()
    const dimensions = upstream.length / queries.length
    memory.gradient.fill(0)
    for (const places of chunks(queries)) {
      const slopes = new Float32Array(places.length * dimensions)
      places.forEach((place, i) => slopes.set(upstream.subarray(place * dimensions, (place + 1) * dimensions), i * dimensions))
      const { gradient } = await model.backward(batchOf(places.map((place) => queries[place]!)), feeds, slopes)
      leaveGradient(gradient, (values, at) => {
        for (let i = 0; i < values.length; i++) memory.gradient[at + i]! += values[i]!
      })
    }
  },

  async contrast({ queries, documents, targets, masked, temperature }: ContrastRequest): Promise<number> {
    const columns = masked.length / queries.length
    const wanted = new Float32Array(masked.length)
    targets.forEach((column, row) => (wanted[row * columns + column] = 1))
    const mask = Float32Array.from(masked, (each) => (each ? never : 0))
    const { loss, gradient } = await model.contrast(batchOf(queries), branches(), {
      documents,
      columns,
      targets: wanted,
      mask,
      temperature,
    })
    leaveGradient(gradient, (values, at) => memory.gradient.set(values, at))
    return loss
  },

  async close(): Promise<void> {
    await model?.release()
  },
}

/** Hands on the gradients of all matrices with their places in memory. */
function leaveGradient(gradient: (input: string) => Float32Array, leave: (values: Float32Array, at: number) => void): void {
  let at = 0
  for (const layer of model.layers) {
    const { a, b } = branchInputs(layer)
    const sizes = sizesOf(layer, rank)
    leave(gradient(a), at)
    leave(times(gradient(b), scaling), at + sizes.a)
    at += sizes.a + sizes.b
  }
}

/** Padded tokens of a batch at most: what a backward pass keeps is some kilobytes for each. */
const tokensAtOnce = 4096

/** Places among the texts asked for, in batches of like lengths. */
function chunks(queries: readonly number[]): number[][] {
  const lengthAt = (place: number): number => texts[queries[place]!]!.length
  const ordered = [...queries.keys()].sort((a, b) => lengthAt(b) - lengthAt(a) || a - b)
  const parts: number[][] = []
  for (const place of ordered) {
    const part = parts.at(-1)
    if (part && (part.length + 1) * lengthAt(part[0]!) <= tokensAtOnce) part.push(place)
    else parts.push([place])
  }
  return parts
}

/** The matrices as they are now; the scaling goes with B. */
function branches(): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {}
  let at = 0
  for (const layer of model.layers as readonly TrainedLayer[]) {
    const { a, b } = branchInputs(layer)
    const sizes = sizesOf(layer, rank)
    // Copies, as onnxruntime takes no shared memory.
    feeds[a] = new ort.Tensor('float32', memory.parameters.slice(at, at + sizes.a), [layer.inputs, rank])
    at += sizes.a
    feeds[b] = new ort.Tensor('float32', times(memory.parameters.subarray(at, at + sizes.b), scaling), [rank, layer.outputs])
    at += sizes.b
  }
  return feeds
}

function times(values: Float32Array, factor: number): Float32Array {
  const product = new Float32Array(values.length)
  for (let i = 0; i < product.length; i++) product[i] = factor * values[i]!
  return product
}

/** The ids of a text as the encoder reads it: what is too long loses the end of its body. */
function idsOf(text: string, maxTokens: number): Uint32Array {
  const { tokenizer, settings, prompt } = reader
  const { opening, closing } = tokenizer
  const whole = prompt + text
  const room = maxTokens - opening.length - closing.length
  const { ids } = readTokens(tokenizer, settings.lowercase ? whole.toLowerCase() : whole, room, undefined)
  const all = [...opening, ...ids, ...closing]
  // A batch must not have a row of padding alone.
  return Uint32Array.from(all.length > 0 ? all : [settings.padId])
}

function batchOf(queries: readonly number[]): TokenBatch {
  const { settings, pooling, prompt, tokenizer } = reader
  const sequences = queries.map((query) => texts[query]!)
  const rows = sequences.length
  const length = Math.max(...sequences.map((ids) => ids.length))
  const ids = new BigInt64Array(rows * length).fill(BigInt(settings.padId))
  const mask = new BigInt64Array(rows * length)
  const weights = new Float32Array(rows * length)
  const skipped = settings.promptPooled || prompt === '' ? 0 : tokenizer.opening.length + tokenizer.tokenize(prompt).length
  sequences.forEach((sequence, row) => {
    const first = skipped < sequence.length ? skipped : 0
    sequence.forEach((id, place) => {
      ids[row * length + place] = BigInt(id)
      mask[row * length + place] = 1n
      if (pooling === 'mean' && place >= first) weights[row * length + place] = 1 / (sequence.length - first)
    })
    if (pooling === 'cls') weights[row * length] = 1
    if (pooling === 'last') weights[row * length + sequence.length - 1] = 1
  })
  return { rows, length, ids, mask, pooling: weights }
}

serveWorker(handlers)
