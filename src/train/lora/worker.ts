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
    const graph = await openGraph(path, threads, gate)
    try {
      const pooling = choosePooling(settings, view.pooling, graph)
      const maxTokens = Math.min(rest.maxTokens, view.maxTokens ?? settings.maxTokens ?? 512, settings.positions ?? Infinity)
      reader = { tokenizer, settings, pooling, prompt: choosePrompt(settings, view.prompt), maxTokens }
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
    texts = request.texts.map(idsOf)
  },

  async forward({ queries }: ForwardRequest, { transfer }: Parameters<WorkerHandler>[1]): Promise<Float32Array> {
    const vectors = (await model.forward(batchOf(queries), branches())).slice()
    transfer(vectors.buffer)
    return vectors
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
    let at = 0
    for (const layer of model.layers) {
      const { a, b } = branchInputs(layer)
      const sizes = sizesOf(layer, rank)
      memory.gradient.set(gradient(a), at)
      memory.gradient.set(times(gradient(b), scaling), at + sizes.a)
      at += sizes.a + sizes.b
    }
    return loss
  },

  async close(): Promise<void> {
    await model?.release()
  },
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
function idsOf(text: string): Uint32Array {
  const { tokenizer, settings, prompt, maxTokens } = reader
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
