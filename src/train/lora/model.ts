import { readFile } from 'node:fs/promises'
import type { InferenceSession, Tensor } from 'onnxruntime-node'
import type * as Runtime from 'onnxruntime-node'
import { linearLayers, type LinearLayer } from '../../encoder/lora/linear-layers.ts'
import { branchInputs, withSideBranches } from '../../encoder/lora/side-branches.ts'
import { targetLayers } from '../../encoder/lora/targets.ts'
import { withWeightsInPlace } from '../../encoder/onnx/weights-in-place.ts'
import { InvalidModelError } from '../../errors.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import { readOnnx } from '../../onnx/protobuf.ts'
import { dependents, differentiate, gradientName } from '../gradients/differentiate.ts'
import { plainGraph } from '../gradients/plain.ts'
import { probeShapes, type Feeds } from '../gradients/probe.ts'
import { heads, withContrastiveLoss, withUpstream, withVectors } from '../gradients/training-graph.ts'

/** Texts as ids, padded to the longest. */
export interface TokenBatch {
  readonly rows: number
  readonly length: number
  readonly ids: BigInt64Array
  readonly mask: BigInt64Array
  /** What each token counts for its text's vector; only where the graph gives a vector per token. */
  readonly pooling: Float32Array
}

/** What is known of an encoder before it is trained on. */
export interface EncoderEnd {
  readonly output: { readonly name: string; readonly of: 'tokens' | 'texts' }
  readonly dimensions: number
  readonly normalize: boolean
}

/** An encoder with LoRA branches, in two sessions: one gives vectors, the other loss and gradients. */
export interface TrainableModel {
  readonly layers: readonly LinearLayer[]
  forward(batch: TokenBatch, branches: Feeds): Promise<Float32Array>
  contrast(batch: TokenBatch, branches: Feeds, loss: LossInputs): Promise<{ readonly loss: number; gradient(input: string): Float32Array }>
  /** Gradients of whatever loss `upstream` is the gradient of with respect to the texts' vectors. Its session is opened when first asked for. */
  backward(batch: TokenBatch, branches: Feeds, upstream: Float32Array): Promise<{ gradient(input: string): Float32Array }>
  release(): Promise<void>
}

/** The batch's documents and what is to be found among them: see `heads`. */
export interface LossInputs {
  readonly documents: Float32Array
  readonly columns: number
  readonly targets: Float32Array
  readonly mask: Float32Array
  readonly temperature: number
}

/** Ids that a graph may be fed with beside those of its texts. */
const known = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids']

/** Builds the graphs and opens them. Blocks its thread for a second: for workers. @throws UnsupportedGraphError, InvalidModelError */
export async function trainableModel(
  path: string,
  end: EncoderEnd,
  { targets, rank, threads }: { readonly targets: readonly string[] | 'all-linear'; readonly rank: number; readonly threads: number },
  ort: typeof Runtime,
  inGate: <T>(action: () => Promise<T>) => Promise<T>,
): Promise<TrainableModel> {
  const file = await readModel(path)
  const plain = plainModel(file.model, path)
  const layers = targetLayers(linearLayers(plain), targets)
  const branched = withSideBranches(plain, layers, 'shared')
  const vectors = withVectors(branched, end)
  const trained = withContrastiveLoss(vectors, end.dimensions)
  const inputs = plain.graph.input.filter(({ name }) => !plain.graph.initializer.some((each) => each.name === name))
  const strange = inputs.find(({ name }) => !known.includes(name))
  if (strange) throw new InvalidModelError(path, `wants "${strange.name}", which no training batch has`)

  const create = async (model: OnnxModel): Promise<InferenceSession> => {
    const { bytes, folder } = await withWeightsInPlace(model, path, file.bytes)
    return inGate(() =>
      ort.InferenceSession.create(bytes, {
        executionProviders: ['cpu'],
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        extra: { session: { intra_op: { allow_spinning: '0' }, model_external_initializers_file_folder_path: folder } },
        logSeverityLevel: 4,
      }),
    )
  }
  const feedsOf = ({ rows, length, ids, mask, pooling }: TokenBatch): Feeds => {
    const sides = [rows, length]
    const given: Record<string, BigInt64Array> = {
      input_ids: ids,
      attention_mask: mask,
      token_type_ids: new BigInt64Array(ids.length),
      position_ids: BigInt64Array.from(ids, (_, i) => BigInt(i % length)),
    }
    const whole = inputs.map(({ name, type }): [string, Tensor] => {
      const int32 = type?.value.case === 'tensorType' && type.value.value.elemType === 6
      return [
        name,
        int32 ? new ort.Tensor('int32', Int32Array.from(given[name]!, Number), sides) : new ort.Tensor('int64', given[name]!, sides),
      ]
    })
    return {
      ...Object.fromEntries(whole),
      ...(end.output.of === 'tokens' && { [heads.pooling]: new ort.Tensor('float32', pooling, sides) }),
    }
  }
  const lossFeeds = (rows: number, { documents, columns, targets: wanted, mask, temperature }: LossInputs): Feeds => ({
    [heads.documents]: new ort.Tensor('float32', documents, [columns, end.dimensions]),
    [heads.sharpness]: new ort.Tensor('float32', Float32Array.of(1 / temperature), []),
    [heads.targets]: new ort.Tensor('float32', wanted, [rows, columns]),
    [heads.mask]: new ort.Tensor('float32', mask, [rows, columns]),
  })

  const upstreamFeeds = (rows: number, upstream: Float32Array): Feeds => ({
    [heads.upstream]: new ort.Tensor('float32', upstream, [rows, end.dimensions]),
  })

  const parameters = layers.flatMap((layer) => Object.values(branchInputs(layer)))
  const differentiated = async (model: OnnxModel, probe: (rows: number, columns: number) => Feeds): Promise<InferenceSession> => {
    const active = dependents(model.graph.node, parameters)
    const touching = model.graph.node.filter(({ output }) => output.some((name) => active.has(name)))
    const values = touching.flatMap(({ input, output }) => [...input, ...output])
    const feeds = (rows: number, length: number, columns: number): Feeds => ({
      ...feedsOf(emptyBatch(rows, length)),
      ...probe(rows, columns),
      ...zeroBranches(layers, rank, ort),
    })
    const shapes = await probeShapes(model, values, [feeds(3, 5, 7), feeds(2, 9, 11)], create)
    return create(differentiate(model, { loss: heads.loss, parameters, shapes }))
  }
  const contrastive = await differentiated(trained, (rows, columns) =>
    lossFeeds(rows, {
      documents: new Float32Array(columns * end.dimensions),
      columns,
      targets: new Float32Array(rows * columns),
      mask: new Float32Array(rows * columns),
      temperature: 1,
    }),
  )
  const forward = await create(vectors)
  let fromUpstream: Promise<InferenceSession> | undefined
  return {
    layers,
    async forward(batch, branches) {
      const result = await inGate(() => forward.run({ ...feedsOf(batch), ...branches }, [heads.vectors]))
      return result[heads.vectors]!.data as Float32Array
    },
    async contrast(batch, branches, loss) {
      const feeds = { ...feedsOf(batch), ...branches, ...lossFeeds(batch.rows, loss) }
      const result = await inGate(() => contrastive.run(feeds, [heads.loss, ...parameters.map(gradientName)]))
      return {
        loss: (result[heads.loss]!.data as Float32Array)[0]!,
        gradient: (input) => result[gradientName(input)]!.data as Float32Array,
      }
    },
    async backward(batch, branches, upstream) {
      const session = await (fromUpstream ??= differentiated(withUpstream(vectors, end.dimensions), (rows) =>
        upstreamFeeds(rows, new Float32Array(rows * end.dimensions)),
      ))
      const feeds = { ...feedsOf(batch), ...branches, ...upstreamFeeds(batch.rows, upstream) }
      const result = await inGate(() => session.run(feeds, parameters.map(gradientName)))
      return { gradient: (input) => result[gradientName(input)]!.data as Float32Array }
    },
    async release() {
      const opened = await fromUpstream?.catch(() => undefined)
      for (const session of [forward, contrastive, ...(opened ? [opened] : [])]) await inGate(() => session.release())
    },
  }
}

/** A graph, and the bytes that its weights are views of. */
async function readModel(path: string): Promise<{ model: OnnxModel; bytes: Uint8Array }> {
  try {
    const bytes = await readFile(path)
    return { model: readOnnx(bytes), bytes }
  } catch (error) {
    throw new InvalidModelError(path, 'is not an ONNX model', error)
  }
}

function plainModel(model: OnnxModel, path: string): OnnxModel {
  try {
    return plainGraph(model)
  } catch (error) {
    throw new InvalidModelError(
      path,
      `has weights that training cannot read (${error instanceof Error ? error.message : String(error)})`,
      error,
    )
  }
}

function emptyBatch(rows: number, length: number): TokenBatch {
  const size = rows * length
  return {
    rows,
    length,
    ids: new BigInt64Array(size),
    mask: new BigInt64Array(size).fill(1n),
    pooling: new Float32Array(size).fill(1 / length),
  }
}

function zeroBranches(layers: readonly LinearLayer[], rank: number, ort: typeof Runtime): Feeds {
  return Object.fromEntries(
    layers.flatMap((layer) => {
      const { a, b } = branchInputs(layer)
      return [
        [a, new ort.Tensor('float32', new Float32Array(layer.inputs * rank), [layer.inputs, rank])],
        [b, new ort.Tensor('float32', new Float32Array(rank * layer.outputs), [rank, layer.outputs])],
      ]
    }),
  )
}
