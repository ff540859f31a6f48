import { InvalidArgumentError, InvalidModelError } from '../../errors.ts'
import type { ExitGate } from '../../exit-gate.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import { readOnnx } from '../../onnx/protobuf.ts'
import { linearLayers, type LinearLayer } from '../lora/linear-layers.ts'
import { matchModules } from '../lora/match.ts'
import { adapterIds, branchInputs, withSideBranches } from '../lora/side-branches.ts'
import type { LoraWeights } from '../lora/weights.ts'
import { adapterBank, type Adapter } from './adapter-bank.ts'
import { openGraph, type Graph, type GraphChange, type SessionThreads } from './graph.ts'
import { firstLine, inspectFile } from './runtime.ts'
import { withWeightsInPlace } from './weights-in-place.ts'

/** A model in one session that serves it as it is and, once the first LoRA weights came, any number of changes to it. */
export interface AdaptableGraph extends Pick<Graph, 'path' | 'hash' | 'form' | 'tokens' | 'sentence' | 'batchDependent' | 'release'> {
  /**
   * Takes LoRA weights in. The session is replaced where they change layers that none before them did.
   * @throws AdapterMismatchError, UnsupportedGraphError, InvalidArgumentError; the model then stays as it was
   */
  adapt(weights: LoraWeights): Promise<Adapter>
  forget(adapter: Adapter): void
  /** Runs sequences through the model, each with its adapter or as it is. */
  run(
    sequences: readonly Uint32Array[],
    output: 'tokens' | 'sentence',
    padId: number,
    adapters: readonly (Adapter | undefined)[],
  ): ReturnType<Graph['run']>
}

/** @param known What `inspectFile` says of the file. */
export async function adaptableGraph(
  path: string,
  known: Pick<Graph, 'hash' | 'batchDependent'>,
  threads: SessionThreads,
  gate: ExitGate,
): Promise<AdaptableGraph> {
  let graph = await openGraph(path, threads, gate, { known })
  let change: GraphChange | undefined
  /** All of the model, and those that have side branches. */
  let layers: readonly LinearLayer[] | undefined
  let branches: readonly LinearLayer[] = []
  const bank = adapterBank()
  const { hash, batchDependent } = known
  const { form, tokens, sentence } = graph

  const read = async (): Promise<{ model: OnnxModel; bytes: Uint8Array }> => {
    try {
      const { bytes, hash: now } = await inspectFile(path)
      if (now === hash) return { model: readOnnx(bytes), bytes }
    } catch (error) {
      throw new InvalidModelError(path, `cannot be read again (${firstLine(error)})`, error)
    }
    throw new InvalidModelError(path, 'was changed since it was opened')
  }

  const branchOut = async (model: OnnxModel, bytes: Uint8Array, wanted: readonly LinearLayer[]): Promise<void> => {
    const changed = await withWeightsInPlace(withSideBranches(model, wanted, 'bank'), path, bytes)
    const inputs = wanted.flatMap((layer) => Object.values(branchInputs(layer)))
    const next: GraphChange = { model: changed, inputs: [adapterIds, ...inputs] }
    // Not side by side: that would be the model's memory twice.
    await graph.release()
    try {
      graph = await openGraph(path, threads, gate, { known, change: next })
    } catch (error) {
      graph = await openGraph(path, threads, gate, { known, change })
      throw error
    }
    change = next
    branches = wanted
  }

  return {
    path,
    hash,
    form,
    tokens,
    sentence,
    batchDependent,
    async adapt(weights) {
      requireSound(weights)
      let file = layers ? undefined : await read()
      layers ??= linearLayers(file!.model)
      const matched = matchModules(weights, layers)
      const wanted = new Set([...branches, ...matched.modules].map(({ module }) => module))
      if (wanted.size > branches.length) {
        file ??= await read()
        await branchOut(
          file.model,
          file.bytes,
          layers.filter(({ module }) => wanted.has(module)),
        )
      }
      return bank.add(matched)
    },
    forget: (adapter) => bank.remove(adapter),
    run: (sequences, output, padId, adapters) =>
      graph.run(sequences, output, padId, branches.length > 0 ? bank.feeds(branches, adapters) : undefined),
    release: () => graph.release(),
  }
}

function requireSound({ scaling, modules }: LoraWeights): void {
  if (modules.length === 0) throw new InvalidArgumentError('weights', 'change no layer')
  if (!Number.isFinite(scaling)) throw new InvalidArgumentError('weights', `have the scaling ${scaling}, which is no finite number`)
  for (const { module, rank, inputs, outputs, a, b } of modules) {
    const wrong = !(Number.isInteger(rank) && rank > 0) || a.length !== rank * inputs || b.length !== outputs * rank
    if (wrong) throw new InvalidArgumentError('weights', `do not have as many values as rank ${rank} of ${module} needs`)
    if (!a.every(Number.isFinite) || !b.every(Number.isFinite))
      throw new InvalidArgumentError('weights', `have a value that is not a finite number, in ${module}`)
  }
}
