import { endpointEncoder, type EndpointOptions } from './encoder/endpoint.ts'
import type { Encoder } from './encoder/encoder.ts'
import type { HubOptions } from './encoder/hub.ts'
import { instructionEncoder } from './encoder/instruction.ts'
import { loraEncoder } from './encoder/lora.ts'
import { readPeft } from './encoder/lora/peft.ts'
import type { LoraWeights } from './encoder/lora/weights.ts'
import { onnxEncoder, type OnnxEncoderOptions } from './encoder/onnx.ts'
import { loadStaticModel, type StaticModel } from './encoder/static-model.ts'
import { staticEncoder } from './encoder/static.ts'
import { DimensionMismatchError, InvalidPackError } from './errors.ts'
import type { Expert, InstructionExpert, LoraExpert, ModelExpert, RemoteExpert } from './expert/expert.ts'
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
export type OwnEncoders = 'lora' | 'instruction' | 'model' | 'remote'

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
  if (entry.kind === 'instruction') return instructionExpert(entry, ground)
  const { weights } = await readPeft(insidePack(directory, entry.path!))
  return loraExpert(entry, weights, directory, ground)
}

export function hasOwnEncoders(entry: PackExpert): entry is PackExpert & { readonly kind: OwnEncoders } {
  return entry.kind === 'lora' || entry.kind === 'instruction' || entry.kind === 'model' || entry.kind === 'remote'
}

/** @throws InvalidPackError on a static base */
export async function loraExpert(entry: PackExpert, weights: LoraWeights, where: string, { base, model }: Ground): Promise<OpenedExpert> {
  if (model)
    throw new InvalidPackError(
      where,
      `has the LoRA expert "${entry.name}", which changes the layers of a transformer, but its base is static; use a pack with an ONNX base`,
    )
  const changed = await loraEncoder(base, weights)
  const sides = sidesOf(entry, base, (instruction) => instructed(changed, instruction))
  const expert: LoraExpert = { kind: 'lora', ...expertFacts(entry), ...sides }
  return { expert, close: () => closeAll([...ownOf(sides, base), changed]) }
}

function instructionExpert(entry: PackExpert, { base }: Ground): OpenedExpert {
  const sides = sidesOf(entry, base, (instruction) => instructed(base, instruction))
  const expert: InstructionExpert = { kind: 'instruction', ...expertFacts(entry), ...sides }
  return { expert, close: () => closeAll(ownOf(sides, base)) }
}

/** What reads queries, and what reads the documents they search. */
export interface Sides {
  readonly queryEncoder: Encoder
  readonly documentEncoder: Encoder
}

/** Both sides of an expert that changes the base. @param changed The changed base behind an instruction. */
export function sidesOf({ instructions, documents }: PackExpert, base: Encoder, changed: (instruction: string) => Encoder): Sides {
  const { query = '', document = '' } = instructions ?? {}
  const queryEncoder = changed(query)
  if (documents !== 'own') return { queryEncoder, documentEncoder: instructed(base, document) }
  return { queryEncoder, documentEncoder: query === document ? queryEncoder : changed(document) }
}

/** The encoder itself where there is no instruction. */
export function instructed(encoder: Encoder, instruction = ''): Encoder {
  return instruction === '' ? encoder : instructionEncoder(encoder, instruction)
}

/** Encoders that are the expert's to close. */
export function ownOf({ queryEncoder, documentEncoder }: Sides, base: Encoder): Encoder[] {
  return [...new Set([queryEncoder, documentEncoder])].filter((encoder) => encoder !== base)
}

async function modelExpert(entry: PackExpert, directory: string, { base }: Ground, options: HubOptions): Promise<OpenedExpert> {
  const {
    path,
    hub,
    instructions,
    model: { kind, dtype, pooling, queryPrompt, documentPrompt, documents = 'own' } = { kind: 'onnx' },
  } = entry
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
  const before = { query: queryPrompt ?? instructions?.query, document: documentPrompt ?? instructions?.document }
  const queryEncoder = await open(before.query)
  const encoders = [queryEncoder]
  try {
    let documentEncoder = instructed(base, instructions?.document)
    if (documents === 'own') {
      documentEncoder = before.query === before.document ? queryEncoder : await open(before.document)
      if (documentEncoder !== queryEncoder) encoders.push(documentEncoder)
    } else if (queryEncoder.dimensions !== base.dimensions) {
      throw new DimensionMismatchError('The space of the base', base.dimensions, queryEncoder.dimensions)
    } else encoders.push(...ownOf({ queryEncoder, documentEncoder }, base))
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
export function expertFacts({ name, description = '', task, heldOut, late }: PackExpert) {
  return { name, description, ...(task !== undefined && { task }), ...(heldOut && { heldOut }), ...(late !== undefined && { late }) }
}

/** Safe to call twice. */
export async function closeAll(encoders: readonly Encoder[]): Promise<void> {
  for (const encoder of encoders) await encoder.close()
}
