import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { InvalidModelError } from '../../errors.ts'
import { bytesOf, toFloat32 } from '../../safetensors.ts'
import { throughGate, type ExitGate } from '../../exit-gate.ts'
import { sequenceFeeds, type Feeds } from './feeds.ts'
import { firstLine, inspectFile, loadRuntime } from './runtime.ts'
import type { ChangedModel } from './weights-in-place.ts'

/** An ONNX graph that turns token ids into vectors, in one of the two forms encoders are exported in. */
export interface Graph {
  readonly path: string
  /** SHA-256 over the graph and its external weights. */
  readonly hash: string
  /** `flat`: all ids in one row plus the offset of each sequence. `padded`: a matrix with a mask. */
  readonly form: 'flat' | 'padded'
  /** Gives one vector per token / per text. */
  readonly tokens: boolean
  readonly sentence: boolean
  /** Names of the outputs that give these. */
  readonly outputs: { readonly tokens: string | undefined; readonly texts: string | undefined }
  /** A sequence's values depend on its batch-mates, as activations are quantised over the whole batch. */
  readonly batchDependent: boolean
  /** Runs sequences, none of them empty, through the graph. `width` is 1 for the sentence output. `more` are inputs of a changed graph. */
  run(
    sequences: readonly Uint32Array[],
    output: 'tokens' | 'sentence',
    padId: number,
    more?: Feeds,
  ): Promise<{ values: Float32Array; width: number; dimensions: number }>
  release(): Promise<void>
}

/** Threads of a session. */
export interface SessionThreads {
  readonly count: number
  /**
   * They wait for each other awake while a pass lasts, and only then: a short pass takes two thirds of the time. Where other sessions want the
   * same cores it made the machine 2 to 6 times slower. @default false
   */
  readonly spinning?: boolean
}

/** A form of a graph with inputs of its own. */
export interface GraphChange {
  readonly model: ChangedModel
  readonly inputs: readonly string[]
}

/**
 * Opens a graph in onnxruntime. Runs on the calling thread and blocks it: for worker threads.
 * @param given What is known of the file already, and a form of the graph to open instead of what the file says.
 * @throws MissingPackageError, InvalidModelError
 */
export async function openGraph(
  path: string,
  { count, spinning = false }: SessionThreads,
  gate: ExitGate,
  { known, change }: { readonly known?: Pick<Graph, 'hash' | 'batchDependent'>; readonly change?: GraphChange | undefined } = {},
): Promise<Graph> {
  const ort = await throughGate(gate, loadRuntime)
  const { hash, batchDependent } = known ?? (await inspectFile(path))
  const options: InferenceSession.SessionOptions = {
    executionProviders: ['cpu'],
    intraOpNumThreads: count,
    interOpNumThreads: 1,
    extra: {
      session: {
        intra_op: { allow_spinning: spinning ? '1' : '0' },
        force_spinning_stop: '1',
        ...(change && { model_external_initializers_file_folder_path: change.model.folder }),
      },
    },
    logSeverityLevel: 4,
  }
  let session: InferenceSession
  try {
    session = await throughGate(gate, () =>
      change ? ort.InferenceSession.create(change.model.bytes, options) : ort.InferenceSession.create(path, options),
    )
  } catch (error) {
    throw new InvalidModelError(path, `cannot be run by onnxruntime (${firstLine(error)})`, error)
  }

  const inputs = new Map(session.inputMetadata.map((input) => [input.name, input.isTensor ? input.type : 'none']))
  const form = inputs.has('offsets') ? 'flat' : 'padded'
  const possible = form === 'flat' ? ['input_ids', 'offsets'] : ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids']
  const unknown = [...inputs.keys()].filter((name) => !possible.includes(name) && !change?.inputs.includes(name))
  if (!inputs.has('input_ids') || unknown.length > 0) {
    await session.release()
    throw new InvalidModelError(
      path,
      `is no text encoder: its inputs are ${[...inputs.keys()].join(', ')}, and only ${possible.join(', ')} can be given`,
    )
  }
  const { tokenOutput, sentenceOutput } = outputsOf(session)

  return {
    path,
    hash,
    form,
    tokens: tokenOutput !== undefined,
    sentence: sentenceOutput !== undefined,
    outputs: { tokens: tokenOutput, texts: sentenceOutput },
    batchDependent,
    async run(sequences, output, padId, more = {}) {
      const name = (output === 'tokens' ? tokenOutput : sentenceOutput)!
      const width = sequences.reduce((most, { length }) => Math.max(most, length), 0)
      const feeds: Record<string, Tensor> = {}
      for (const all of [sequenceFeeds(sequences, form, padId, inputs), more])
        for (const [input, { values, sides }] of Object.entries(all)) {
          const type = inputs.get(input)
          if (type === undefined) continue
          if (values instanceof Float32Array) feeds[input] = new ort.Tensor('float32', values, sides)
          else if (type === 'int64') feeds[input] = new ort.Tensor('int64', values, sides)
          else if (type === 'int32') feeds[input] = new ort.Tensor('int32', Int32Array.from(values, Number), sides)
          else throw new InvalidModelError(path, `wants ${type} for ${input}, where whole numbers are known`)
        }

      let result: Tensor | undefined
      try {
        result = (await throughGate(gate, () => session.run(feeds, [name])))[name]
      } catch (error) {
        throw new InvalidModelError(path, `failed on ${sequences.length} texts of up to ${width} tokens (${firstLine(error)})`, error)
      }
      const dims = result?.dims ?? []
      const expected = output === 'tokens' ? [sequences.length, width] : [sequences.length]
      if (!result || dims.length !== expected.length + 1 || expected.some((side, i) => dims[i] !== side)) {
        throw new InvalidModelError(
          path,
          `gives "${name}" in the shape ${JSON.stringify(dims)}, where ${expected.join(' × ')} vectors are needed`,
        )
      }
      return { values: floats(result, path), width: output === 'tokens' ? width : 1, dimensions: dims.at(-1)! }
    },
    release: () => throughGate(gate, () => session.release()),
  }
}

/** Which outputs hold a vector per token and per text, by the names exporters give them, else by rank. */
function outputsOf(session: InferenceSession): { tokenOutput: string | undefined; sentenceOutput: string | undefined } {
  const outputs = session.outputMetadata.map((output) => ({
    name: output.name,
    rank: output.isTensor ? output.shape.length : 0,
    float: output.isTensor && output.type.startsWith('float'),
  }))
  const named = (names: readonly string[], rank: number): string | undefined =>
    names.find((name) => outputs.some((output) => output.name === name && output.float && (output.rank === rank || output.rank === 0)))
  const only = (rank: number): string | undefined =>
    outputs.length === 1 && outputs[0]!.rank === rank && outputs[0]!.float ? outputs[0]!.name : undefined
  return {
    tokenOutput: named(['last_hidden_state', 'token_embeddings', 'hidden_states', 'output'], 3) ?? only(3),
    // Not `pooler_output`: BERT's head for another task, which no sentence encoder is trained on.
    sentenceOutput: named(['sentence_embedding', 'sentence_embeddings', 'embeddings', 'text_embeds'], 2) ?? only(2),
  }
}

function floats(tensor: Tensor, path: string): Float32Array {
  if (tensor.type === 'float32') return tensor.data as Float32Array
  if (tensor.type === 'float16') return toFloat32({ dtype: 'F16', shape: tensor.dims, data: bytesOf(tensor.data as Uint16Array) }, path)
  throw new InvalidModelError(path, `gives ${tensor.type} values where floating-point ones are needed`)
}
