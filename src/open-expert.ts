import { endpointEncoder, type EndpointOptions } from './encoder/endpoint.ts'
import type { Encoder } from './encoder/encoder.ts'
import type { HubOptions } from './encoder/hub.ts'
import { loraEncoder } from './encoder/lora.ts'
import { readPeft } from './encoder/lora/peft.ts'
import type { LoraWeights } from './encoder/lora/weights.ts'
import { onnxEncoder, type OnnxEncoderOptions } from './encoder/onnx.ts'
import { loadStaticModel, type StaticModel } from './encoder/static-model.ts'
import { staticEncoder } from './encoder/static.ts'
import { DimensionMismatchError, InvalidPackError } from './errors.ts'
import type { Expert, LoraExpert, ModelExpert, RemoteExpert } from './expert/expert.ts'
import { insidePack, type PackExpert } from './expert/pack.ts'

/** What the experts of a pack stand on. */
export interface Ground {
  readonly base: Encoder
  /** The weights of a static base. */
  readonly model: StaticModel | undefined
}

/** An expert whose own encoders are open. */
export interface OpenedExpert {
  readonly expert: Expert
  /** Leaves the base open. Safe to call twice. */
  close(): Promise<void>
}

/** Kinds of expert with encoders of their own. */
export type OwnEncoders = 'lora' | 'model' | 'remote'

/**
 * Opens an expert that has encoders of its own. A remote one is not asked yet.
 * @param directory What its `path` is relative to.
 * @throws InvalidModelError and whatever else its files are refused with
 */
export async function openExpert(
  entry: PackExpert & { readonly kind: OwnEncoders },
  directory: string,
  ground: Ground,
  hub: HubOptions = {},
): Promise<OpenedExpert> {
  if (entry.kind === 'model') return modelExpert(entry, directory, ground, hub)
  if (entry.kind === 'remote') return remoteExpert(entry)
  const { weights } = await readPeft(insidePack(directory, entry.path!))
  return loraExpert(entry, weights, directory, ground)
}

export function hasOwnEncoders(entry: PackExpert): entry is PackExpert & { readonly kind: OwnEncoders } {
  return entry.kind === 'lora' || entry.kind === 'model' || entry.kind === 'remote'
}

/** @throws InvalidPackError on a static base */
export async function loraExpert(entry: PackExpert, weights: LoraWeights, where: string, { base, model }: Ground): Promise<OpenedExpert> {
  if (model)
    throw new InvalidPackError(
      where,
      `has the LoRA expert "${entry.name}", which changes the layers of a transformer, but its base is static; use a pack with an ONNX base`,
    )
  const queryEncoder = await loraEncoder(base, weights)
  const expert: LoraExpert = { kind: 'lora', ...expertFacts(entry), queryEncoder, documentEncoder: base }
  return { expert, close: () => queryEncoder.close() }
}

async function modelExpert(entry: PackExpert, directory: string, { base }: Ground, options: HubOptions): Promise<OpenedExpert> {
  const { path, hub, model: { kind, dtype, pooling, queryPrompt, documentPrompt, documents = 'own' } = { kind: 'onnx' } } = entry
  const source = hub ? hub.repository : insidePack(directory, path!)
  const from: HubOptions = hub ? { ...options, revision: hub.revision } : options
  const open = async (prompt: string | undefined): Promise<Encoder> => {
    if (kind === 'static') return staticEncoder(table!, { ...(prompt !== undefined && { prefix: prompt }) })
    return onnxEncoder(source, {
      ...from,
      ...(dtype !== undefined && { dtype: dtype as NonNullable<OnnxEncoderOptions['dtype']> }),
      ...(pooling !== undefined && { pooling: pooling as NonNullable<OnnxEncoderOptions['pooling']> }),
      ...(prompt !== undefined && { prompt }),
    })
  }
  const table = kind === 'static' ? await loadStaticModel(source, from) : undefined
  const queryEncoder = await open(queryPrompt)
  const encoders = [queryEncoder]
  try {
    let documentEncoder = base
    if (documents === 'own') {
      documentEncoder = queryPrompt === documentPrompt ? queryEncoder : await open(documentPrompt)
      if (documentEncoder !== queryEncoder) encoders.push(documentEncoder)
    } else if (queryEncoder.dimensions !== base.dimensions) {
      throw new DimensionMismatchError('The space of the base', base.dimensions, queryEncoder.dimensions)
    }
    const expert: ModelExpert = { kind: 'model', ...expertFacts(entry), queryEncoder, documentEncoder }
    return { expert, close: () => closeAll(encoders) }
  } catch (error) {
    await closeAll(encoders)
    throw error
  }
}

function remoteExpert(entry: PackExpert): OpenedExpert {
  const { queryPrompt, documentPrompt, ...endpoint } = entry.endpoint!
  const open = (prompt: string | undefined): Encoder =>
    endpointEncoder({ ...(endpoint satisfies EndpointOptions), ...(prompt !== undefined && { prompt }) })
  const queryEncoder = open(queryPrompt)
  const documentEncoder = queryPrompt === documentPrompt ? queryEncoder : open(documentPrompt)
  const expert: RemoteExpert = { kind: 'remote', ...expertFacts(entry), queryEncoder, documentEncoder }
  return { expert, close: () => closeAll([queryEncoder, documentEncoder]) }
}

/** What people are told of an expert. */
export function expertFacts({ name, description = '', heldOut, late }: PackExpert) {
  return { name, description, ...(heldOut && { heldOut }), ...(late !== undefined && { late }) }
}

async function closeAll(encoders: readonly Encoder[]): Promise<void> {
  for (const encoder of encoders) await encoder.close()
}
