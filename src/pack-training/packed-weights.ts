import type { LoraWeights } from '../encoder/lora/weights.ts'
import { peftFiles } from '../encoder/lora/peft.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { PackExpert } from '../expert/pack.ts'
import { versionedPath } from '../expert/write-pack.ts'
import { expertOf, type LoadedPack } from '../load-pack.ts'
import { loraExpert, type OpenedExpert } from '../open-expert.ts'
import { readSafetensors } from '../safetensors.ts'
import type { LearnedAdapter } from '../train/expert/adapter.ts'
import type { AdapterExpertOptions, LoraExpertOptions, TableExpertOptions, TrainedExpert } from '../train/expert/expert.ts'
import type { LearnedTable } from '../train/expert/table.ts'
import { adapterFile, tableFile } from '../train/files.ts'
import type { TrainingMethod } from './train-into-pack.ts'

/** What was learned, by the way it was learned. */
export type LearnedChanges =
  | { readonly method: 'table'; readonly table: LearnedTable }
  | { readonly method: 'adapter'; readonly adapter: LearnedAdapter }
  | { readonly method: 'lora'; readonly lora: LoraWeights }

type Ground = Pick<LoadedPack, 'base' | 'model'>
/** What a method trains on. */
export type MethodOptions =
  | Pick<TableExpertOptions, 'method' | 'base'>
  | Pick<AdapterExpertOptions, 'method' | 'base'>
  | Pick<LoraExpertOptions, 'method' | 'base'>

/** Trains by a method that suits the base. @throws InvalidArgumentError for one that does not */
export async function trainedChanges<T extends TrainedExpert<unknown>>(
  method: TrainingMethod,
  { base, model }: Ground,
  train: (how: MethodOptions) => Promise<T>,
): Promise<Omit<T, 'changes'> & { readonly changes: LearnedChanges }> {
  if (method === 'lora') {
    if (model)
      throw new InvalidArgumentError(
        'method',
        'is "lora", but the base of the pack is static',
        'Train a table, or give a pack with an ONNX base.',
      )
    const trained = await train({ method, base })
    return { ...trained, changes: { method, lora: trained.changes as LoraWeights } }
  }
  if (method === 'adapter') {
    const trained = await train({ method, base })
    return { ...trained, changes: { method, adapter: trained.changes as LearnedAdapter } }
  }
  if (!model) throw new InvalidArgumentError('method', 'is "table", but the base of the pack is not static', 'Train LoRA or an adapter.')
  const trained = await train({ method, base: model })
  return { ...trained, changes: { method, table: trained.changes as LearnedTable } }
}

/** A trained expert and how it is to be used. */
export interface WeightsToPack {
  readonly name: string
  readonly method: TrainingMethod
  readonly changes: LearnedChanges
  /** Put before its queries and its documents. */
  readonly instruction?: { readonly query?: string; readonly document?: string } | undefined
  /** It embeds its documents itself. */
  readonly tied: boolean
  readonly task?: string | undefined
  readonly description?: string | undefined
  /** Name of the directory that its files are in. @default `name` */
  readonly folder?: string
}

export interface PackedWeights {
  /** What a manifest says of it. */
  readonly entry: PackExpert
  /** Its files, by their paths in the pack. */
  readonly files: ReadonlyMap<string, Uint8Array>
  open(): Promise<OpenedExpert>
}

/** Weights as they go into a pack, and as they come out of it again. */
export function packWeights(weights: WeightsToPack, ground: Ground): PackedWeights {
  const { name, method, changes, instruction, tied, task, description, folder = name } = weights
  const entryOf = (path: string): PackExpert => ({
    name,
    kind: method,
    path,
    ...(description && { description }),
    ...(task !== undefined && { task }),
    ...(instruction && { instructions: instruction }),
    ...(tied && { documents: 'own' as const }),
  })
  if (changes.method === 'lora') {
    const files = peftFiles(changes.lora)
    // Both files lie in a directory that names their content.
    const [place] = versionedPath(`experts/${folder}/lora.peft`, Buffer.concat([...files.values()])).split('.peft')
    const entry = entryOf(place!)
    return {
      entry,
      files: new Map([...files].map(([file, content]) => [`${place}/${file}`, content])),
      open: () => loraExpert(entry, changes.lora, place!, ground),
    }
  }
  const bytes = changes.method === 'adapter' ? adapterFile(changes.adapter) : tableFile(changes.table, ground.base.dimensions, 8)
  const path = versionedPath(`experts/${folder}/${method}.safetensors`, bytes)
  const entry = entryOf(path)
  return {
    entry,
    files: new Map([[path, bytes]]),
    async open() {
      const { tensors } = readSafetensors(bytes, path)
      return { expert: expertOf({ entry, version: 'new', tensors, where: path }, ground), close: async () => {} }
    },
  }
}
